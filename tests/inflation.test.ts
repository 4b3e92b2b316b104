import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { deflateRawSync } from 'node:zlib';
import { expect, it } from '@jest/globals';
import { SocketAddress } from '@pea2pea/core';
import { rawConnect, soon } from '@pea2pea/testing';

const MiB = 1024 * 1024;
const MOST = 100_000;

/** Ten peers of one address, each with a message in a handler that never settles and as many more as it takes. */
const CONNECTIONS = 10;
const FRAMES = 20;

/** A node in a process of its own; says where it listens, and then by how many MiB it has grown. */
const SERVER = `
  import { createRequire } from 'node:module';
  import { compressed, json, lengthDelimited } from '@pea2pea/codecs';
  import { cbor } from '@pea2pea/codecs/cbor';
  import { msgpack } from '@pea2pea/codecs/msgpack';
  import { protobuf } from '@pea2pea/codecs/protobuf';
  import { PeerNode } from '@pea2pea/core';
  const { FileDescriptorProtoSchema } = createRequire(import.meta.url)('@bufbuild/protobuf/wkt');
  const codecs = {
    json: () => json(),
    compressed: () => compressed(lengthDelimited()),
    jsonCompressed: () => json(compressed(lengthDelimited())),
    msgpack: () => msgpack(),
    cbor: () => cbor(),
    protobuf: () => protobuf(FileDescriptorProtoSchema),
  };
  const held = [];
  let before, peak = 0;
  const look = () => void (peak = Math.max(peak, process.memoryUsage.rss()));
  const node = new PeerNode({ codec: codecs[process.argv[1]](), idleTimeoutMs: 0 }).use({
    onMessage(message) {
      look();
      if (held.push(message) === ${CONNECTIONS}) report(200);
      return new Promise(() => {});
    },
  });
  const report = (turns) => {
    look();
    if (turns > 0) setImmediate(report, turns - 1);
    else console.log((peak - before) / ${MiB} - node.config.maxBufferedBytes / ${MiB});
  };
  const { port } = await node.listen({ host: '127.0.0.1', port: 0 });
  globalThis.gc();
  before = process.memoryUsage.rss();
  console.log(port);
`;

function lengthBefore(bytes: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(bytes.length);
  return Buffer.concat([head, bytes]);
}

/** A list of so many times `item` in MessagePack (dd) or CBOR (9a). */
function listOf(token: number, item: readonly number[], count: number): Buffer {
  const head = Buffer.from([token, 0, 0, 0, 0]);
  head.writeUInt32BE(count, 1);
  return lengthBefore(Buffer.concat([head, Buffer.alloc(item.length * count, Buffer.from(item))]));
}

const jsonList = (item: (index: number) => string, count: number): Buffer =>
  Buffer.from(`[${Array.from({ length: count }, (_, index) => item(index)).join(',')}]`);

const descriptors = Buffer.alloc(2 * Math.floor(MOST / 11), Buffer.from([0x22, 0]));

it.each<[string, string, Buffer]>([
  ['empty maps', 'json', lengthBefore(jsonList(() => '{}', MOST - 1))],
  ['maps whose keys are numbers', 'json', lengthBefore(jsonList(() => '{"99":0}', MOST / 2 - 1))],
  ['maps that are all different', 'json', lengthBefore(jsonList((index) => `{"k${index}":0}`, MOST / 2 - 1))],
  ['empty maps, deflated', 'jsonCompressed', lengthBefore(deflateRawSync(jsonList(() => '{}', MOST - 1)))],
  ['zeros, deflated', 'compressed', lengthBefore(deflateRawSync(Buffer.alloc(MiB)))],
  ['nil', 'msgpack', listOf(0xdd, [0xc0], MiB - 5)],
  ['empty bytes', 'msgpack', listOf(0xdd, [0xc4, 0], MOST - 1)],
  ['maps with holes', 'msgpack', listOf(0xdd, [0x81, 0xcd, 0x03, 0xff, 0], Math.floor(MOST / 130))],
  ['empty bytes', 'cbor', listOf(0x9a, [0x40], MOST - 1)],
  ['messages with many lists', 'protobuf', Buffer.concat([varint(descriptors.length), descriptors])],
])(
  'ten peers cannot make much of little: %s in %s',
  async (_what, codec, frame) => {
    const root = fileURLToPath(new URL('..', import.meta.url));
    const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', SERVER, codec], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
      const { value: port } = (await soon('the port', lines.next(), 20_000)) as { value: string };
      const address = new SocketAddress('127.0.0.1', Number(port));
      const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => rawConnect(address)));
      for (const socket of sockets) for (let count = 0; count < FRAMES; count++) socket.write(frame);
      const { value: beyondBudget } = (await soon('the growth', lines.next(), 40_000)) as { value: string };
      for (const socket of sockets) socket.destroy();
      expect(Number(beyondBudget)).toBeLessThan(64);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'close');
    }
  },
  60_000,
);

function varint(size: number): Buffer {
  return Buffer.from([(size % 128) + 128, ((size >>> 7) % 128) + 128, size >>> 14]);
}
