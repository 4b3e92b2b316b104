// What each codec costs: encode into slabs and decode from chunks, as a connection does, without one.
import { create, toBinary } from '@bufbuild/protobuf';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import {
  bytes,
  compressed,
  contentLength,
  delimiter,
  fixedLength,
  json,
  jsonValues,
  lengthDelimited,
  lines,
  tagged,
  transformed,
  unchecked,
  varintDelimited,
} from '@pea2pea/codecs';
import { cbor } from '@pea2pea/codecs/cbor';
import { msgpack } from '@pea2pea/codecs/msgpack';
import { protobuf } from '@pea2pea/codecs/protobuf';
import { NEED_MORE } from '@pea2pea/core';
import { ChunkQueue } from '@pea2pea/core/authoring';
import { SlabPool, SlabSink } from '@pea2pea/core/internal';
import { codecContext } from '@pea2pea/testing';
import { interleaved } from './harness/interleaved.mjs';
import { result, sizeText } from './harness/results.mjs';
import { median, spread } from './harness/statistics.mjs';

const SIZES = [16, 256, 4096, 65536];
/** What a socket delivers at once, and what a connection writes at once. */
const CHUNK = 64 * 1024;

const same = (frame) => frame;
const copied = { encoder: () => same, decoder: () => same, statelessEncoder: true };
const textOf = (size) => 'the quick brown fox jumps over the lazy dog. '.repeat(size / 45 + 1).slice(0, size);
/** An object whose JSON has about `size` bytes. */
const objectOf = (size) => ({ n: 1, t: textOf(Math.max(size - 12, 1)) });
/** A message of protobuf of `size` bytes. */
function stringValueOf(size) {
  const text = textOf(size - 2 - Math.floor(Math.log2(size) / 7));
  const message = create(StringValueSchema, { value: text });
  if (toBinary(StringValueSchema, message).length > size)
    throw new Error('a sample is larger than it should be');
  return message;
}

/** Each codec with the framing that it stands on, whose cost is not its own. */
const CODECS = [
  { name: 'bytes', make: () => bytes(), message: (size) => Buffer.from(textOf(size)) },
  { name: 'fixedLength', make: (size) => fixedLength(size), message: (size) => Buffer.from(textOf(size)) },
  { name: 'lengthDelimited', make: () => lengthDelimited(), message: (size) => Buffer.from(textOf(size)) },
  { name: 'varintDelimited', make: () => varintDelimited(), message: (size) => Buffer.from(textOf(size)) },
  { name: 'delimiter', make: () => delimiter('\r\n'), message: (size) => Buffer.from(textOf(size)) },
  { name: 'lines', make: () => lines(), message: textOf },
  { name: 'contentLength', make: () => contentLength(), message: (size) => Buffer.from(textOf(size)) },
  {
    name: 'jsonValues',
    make: () => jsonValues(),
    message: (size) => Buffer.from(JSON.stringify(objectOf(size))),
  },
  {
    name: 'transformed',
    on: 'lengthDelimited',
    make: () => transformed(lengthDelimited(), copied),
    message: (size) => Buffer.from(textOf(size)),
  },
  {
    name: 'compressed',
    on: 'lengthDelimited',
    make: () => compressed(lengthDelimited()),
    message: (size) => Buffer.from(textOf(size)),
  },
  { name: 'json', on: 'lengthDelimited', make: () => json(), message: objectOf },
  {
    name: 'tagged',
    on: 'lengthDelimited',
    make: () => tagged({ t: unchecked() }, { key: 'k' }),
    message: (size) => ({ k: 't', ...objectOf(size - 8) }),
  },
  { name: 'msgpack', on: 'lengthDelimited', make: () => msgpack(), message: objectOf },
  { name: 'cbor', on: 'lengthDelimited', make: () => cbor(), message: objectOf },
  {
    name: 'protobuf',
    on: 'varintDelimited',
    make: () => protobuf(StringValueSchema),
    message: stringValueOf,
  },
];

export function run({ seconds, emit }) {
  const perRun = seconds / SIZES.length / 2;
  for (const size of SIZES) {
    const measured = (direction) =>
      interleaved(
        CODECS.map((codec) => ({ run: direction(codec, size) })),
        perRun,
      );
    const encodes = measured(encoding);
    const decodes = measured(decoding);
    const results = [...resultsOf('encode', size, encodes), ...resultsOf('decode', size, decodes)];
    emit(results, { text: table(size, encodes, decodes) });
  }
}

function resultsOf(metric, size, rounds) {
  return CODECS.map(({ name, on }, index) =>
    result({
      suite: 'codecs',
      contestant: name,
      size,
      metric,
      unit: 'ns',
      rounds: rounds[index],
      against: on && { contestant: on, rounds: rounds[indexOf(on)] },
    }),
  );
}

function indexOf(name) {
  return CODECS.findIndex((codec) => codec.name === name);
}

/** Encodes messages and lets go of the bytes, a chunk at a time. */
function encoding({ make, message: messageOf }, size) {
  const pool = new SlabPool();
  const sink = new SlabSink(pool);
  const encoder = make(size).encoder(codecContext());
  const message = messageOf(size);
  return (times) => {
    for (let time = 0; time < times; time++) {
      sink.begin();
      encoder.encode(message, sink);
      sink.commit();
      if (sink.bytes >= CHUNK) for (const slab of sink.take().slabs) pool.giveBack(slab);
    }
    return times;
  };
}

/** Decodes messages from chunks as full as a socket delivers them. */
function decoding({ make, message: messageOf }, size) {
  const codec = make(size);
  const sink = new SlabSink(new SlabPool());
  const encoder = codec.encoder(codecContext());
  const perChunk = Math.max(1, Math.floor(CHUNK / size));
  sink.begin();
  for (let count = 0; count < perChunk; count++) encoder.encode(messageOf(size), sink);
  sink.commit();
  const chunk = Buffer.concat(sink.take().segments);
  const queue = new ChunkQueue();
  const decoder = codec.decoder(codecContext());
  return (times) => {
    let messages = 0;
    while (messages < times) {
      queue.push(chunk);
      while (queue.length > 0) {
        if (decoder.decode(queue) === NEED_MORE) throw new Error('a sample is incomplete');
      }
      // Without boundaries a chunk is one message; it counts as the many that were sent.
      messages += perChunk;
    }
    return messages;
  };
}

/** What each codec costs, what of that is above its framing, and what that makes in a second. */
function table(size, encodes, decodes) {
  const cell = (text, width) => String(text).padStart(width);
  const half = (all, index, on) => {
    const ns = median(all[index]);
    return [
      cell(Math.round(ns), 9),
      cell(`±${Math.round(spread(all[index]) * 50)}%`, 6),
      cell(on === undefined ? '' : Math.round(ns - median(all[indexOf(on)])), 9),
      cell((1e3 / ns).toFixed(3), 9),
      cell(Math.round((size * 1e3) / ns), 8),
    ].join('');
  };
  const head = `${cell('ns', 9)}${cell('', 6)}${cell('above', 9)}${cell('M msg/s', 9)}${cell('MB/s', 8)}`;
  return [
    `${sizeText(size).padEnd(16)} | ${'encode'.padEnd(40)} | decode`,
    `${''.padEnd(16)} |${head} |${head}`,
    ...CODECS.map(
      ({ name, on }, index) => `${name.padEnd(16)} |${half(encodes, index, on)} |${half(decodes, index, on)}`,
    ),
  ].join('\n');
}
