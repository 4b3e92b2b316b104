import { describe, expect, it } from '@jest/globals';
import type { Codec } from '@pea2pea/core';
import { bytes, json, lengthDelimited, lines, mapCodec } from '@pea2pea/codecs';
import { decode, drops, encode, Receiving, splits } from './drive.js';

interface Case {
  readonly name: string;
  readonly codec: Codec<unknown, never>;
  readonly messages: readonly unknown[];
  /** Makes messages comparable, where the network may cut them anew. @default they are as they were sent */
  readonly seen?: (messages: readonly unknown[]) => unknown;
}

const TEXTS = ['hello', '', 'grüße', '漢字 and 🙂', 'x'.repeat(300), 'a\rb', ' '];
const PAYLOADS = TEXTS.map((text) => Buffer.from(text));
const VALUES = [{ type: 'chat', text: 'hi\n"there"\r\n' }, [], null, 0, false, '', 'grüße 🙂', [1, [2, {}]]];
const temperature = mapCodec(lines(), {
  decode: (line) => Number(line.slice(0, -1)),
  encode: (degrees: number) => `${degrees}C`,
});

const CASES: Case[] = [
  { name: 'bytes()', codec: bytes(), messages: PAYLOADS, seen: joined },
  { name: 'bytes in pieces of 3', codec: bytes({ maxChunkLength: 3 }), messages: PAYLOADS, seen: joined },
  { name: 'lines()', codec: lines(), messages: TEXTS },
  { name: 'lines with CR LF', codec: lines({ newline: '\r\n' }), messages: TEXTS },
  { name: 'lengthDelimited()', codec: lengthDelimited(), messages: PAYLOADS },
  ...[1, 2, 3, 4, 5, 6, 7, 8].flatMap((lengthFieldLength) =>
    (['big', 'little'] as const).map((endianness) => ({
      name: `lengthDelimited with ${lengthFieldLength} bytes, ${endianness} endian`,
      codec: lengthDelimited({ lengthFieldLength, endianness }),
      messages: PAYLOADS.filter((payload) => payload.length < 256),
    })),
  ),
  {
    name: 'lengthDelimited whose length counts the head',
    codec: lengthDelimited({ lengthFieldLength: 2, lengthAdjustment: -2 }),
    messages: PAYLOADS,
  },
  { name: 'json()', codec: json(), messages: VALUES },
  { name: 'json(lines())', codec: json(lines()), messages: VALUES },
  { name: 'mapCodec(lines())', codec: temperature, messages: [21.5, -3, 0] },
];

describe.each(CASES)('$name', ({ codec, messages, seen = (all) => all }) => {
  const wire = encode(codec, ...(messages as never[]));
  const expected = seen(messages);

  it('gives back what was sent, all in one chunk', () => {
    expect(seen(decode(codec, wire))).toEqual(expected);
  });

  it('gives back what was sent, however the stream is cut in two', () => {
    for (const [first, second] of splits(wire)) expect(seen(decode(codec, first, second))).toEqual(expected);
  });

  it('gives back what was sent, one byte at a time', () => {
    expect(seen(decode(codec, ...drops(wire)))).toEqual(expected);
  });

  it('needs nothing behind a message to complete it', () => {
    for (const message of messages) {
      const receiving = new Receiving(codec);
      const received = receiving.receive(encode(codec, message as never));
      expect(seen(received)).toEqual(seen([message]));
      expect(receiving.left).toBe(0);
    }
  });

  it('keeps nothing of one connection for another', () => {
    const middle = Math.floor(wire.length / 2);
    const [one, other] = [new Receiving(codec), new Receiving(codec)];
    const ofOne = one.receive(wire.subarray(0, middle));
    const ofOther = drops(wire).flatMap((drop) => other.receive(drop));
    ofOne.push(...one.receive(wire.subarray(middle)));
    expect(seen(ofOne)).toEqual(expected);
    expect(seen(ofOther)).toEqual(expected);
  });

  it('leaves messages that were kept as they are when later ones come', () => {
    const receiving = new Receiving(codec);
    const kept = receiving.receive(wire);
    for (let round = 0; round < 200; round++) {
      for (const part of [wire.subarray(0, 7), wire.subarray(7)]) receiving.receive(part);
    }
    expect(seen(kept)).toEqual(expected);
  });

  it('encodes alike for all connections', () => {
    expect(codec.encodesAlike).toBe(true);
    expect(encode(codec, ...(messages as never[]))).toEqual(wire);
  });

  it('answers nothing for an empty stream', () => {
    expect(decode(codec)).toEqual([]);
    expect(decode(codec, Buffer.alloc(0))).toEqual([]);
  });
});

function joined(messages: readonly unknown[]): Buffer {
  return Buffer.concat(messages as Buffer[]);
}
