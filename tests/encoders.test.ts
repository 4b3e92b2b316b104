import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { PeerNode, type ByteSink, type Codec } from '@pea2pea/core';
import { mapCodec, transformed, varintDelimited } from '@pea2pea/codecs';
import { inMemory, join, lab, listen, type TestNode, textCodec, turn, until } from '@pea2pea/testing';

const { makeNode } = lab();

type Encode = (message: string, output: ByteSink) => unknown;

/** Lines of text, with an `encode` of which nothing is known. */
function encodedBy(encode: Encode, statelessEncoder = false): Codec<string> {
  return { ...textCodec(), statelessEncoder, encoder: () => ({ encode }) };
}

/** Encodes as everybody does, but for the messages that `odd` has a way of its own with. */
function encodedButFor(odd: Record<string, Encode>, statelessEncoder = false): Codec<string> {
  return encodedBy((message, output) => {
    const encode = odd[message] ?? ((_, plain) => plain.writeText(`${message}\n`));
    return encode(message, output);
  }, statelessEncoder);
}

const failed = (message: RegExp) =>
  expect.objectContaining({ code: 'P2P_ERR_ENCODE_FAILED', message: expect.stringMatching(message) });

const same = (bytes: Buffer): Buffer => bytes;

const unhandled: unknown[] = [];
const note = (error: unknown): void => void unhandled.push(error);
beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', note);
});
afterEach(() => {
  process.off('unhandledRejection', note);
});

/** Everything that a rejection needs to become an unhandled one. */
const turns = (): Promise<void> => turn(3);

const returning: [string, Encode][] = [
  ['bytes', (message) => Buffer.from(`${message}\n`)],
  ['a string', (message) => `${message}\n`],
  ['an array', (message) => [message]],
  ['null', () => null],
  ['true', () => true],
  ['a promise', async () => {}],
  ['a promise that rejects', () => Promise.reject(new Error('too late'))],
  ['a thenable whose `then` throws', () => ({ then: () => { throw new Error('odd'); } })], // prettier-ignore
  ['a thenable whose `then` cannot be read', () => ({ get then() { throw new Error('odder'); } })], // prettier-ignore
  [
    'a generator',
    function* () {
      yield Buffer.from('x');
    },
  ],
  ['something after it wrote', (message, output) => (output.writeText(`${message}\n`), Buffer.from('more'))],
];

describe.each(returning)('an encoder that returns %s', (_what, encode) => {
  it('fails that send with the remedy, leaves no byte behind, and the connection lives', async () => {
    const network = inMemory();
    const [a, b] = [makeNode({ ...network, codec: encodedButFor({ odd: encode }) }), makeNode(network)];
    const [connection] = await join(a, b);
    connection.trySend('before');
    await expect(connection.send('odd')).rejects.toEqual(
      failed(/the encoder returned .*; it must write to `output` and return nothing/),
    );
    expect(() => connection.trySend('odd')).toThrow(failed(/return nothing/));
    await connection.send('after');
    await until('both arrived', () => b.messages.length === 2);
    expect(b.messages).toEqual(['before', 'after']);
    expect(connection.stats.messagesSent).toBe(2);
    await turns();
    expect(unhandled).toEqual([]);
  });

  it.each([true, false])('fails a broadcast likewise, statelessEncoder %p', async (statelessEncoder) => {
    const network = inMemory();
    const codec = encodedButFor({ odd: encode }, statelessEncoder);
    const [a, b] = [makeNode({ ...network, codec }), makeNode(network)];
    await join(a, b);
    expect(() => a.node.broadcast('odd')).toThrow(failed(/return nothing/));
    expect(a.node.broadcast('fine')).toBe(1);
    await until('it arrived', () => b.messages.length === 1);
    await turns();
    expect([b.messages, unhandled]).toEqual([['fine'], []]);
  });
});

it('an encoder may return the number that writeText returned', async () => {
  const network = inMemory();
  const codec = encodedBy((message, output) => output.writeText(`${message}\n`));
  const [a, b] = [makeNode({ ...network, codec }), makeNode(network)];
  const [connection] = await join(a, b);
  await connection.send('fine');
  await until('it arrived', () => b.messages.length === 1);
});

describe('an encoder that goes on after it returned', () => {
  /** Every way to write, for which an error is expected. */
  const writes: ((output: ByteSink) => unknown)[] = [
    (output) => output.write(Buffer.from('late')),
    (output) => output.write(Buffer.alloc(40_000)),
    (output) => output.writeText('late'),
    (output) => output.writeUInt(1, 4),
    (output) => output.reserve(4),
    (output) => output.patchUInt(0, 1, 1),
  ];

  it('writes into nobody else’s message: what it writes to throws, and no bytes are miscounted', async () => {
    const network = inMemory();
    const late: unknown[] = [];
    const codec = encodedButFor({
      async odd(_message, output) {
        output.writeText('half of ');
        await Promise.resolve();
        for (const write of writes) {
          try {
            late.push(write(output));
          } catch (error) {
            late.push(error);
          }
        }
        throw new Error('an encoder of its own');
      },
    });
    const [a, b] = [makeNode({ ...network, codec }), makeNode(network)];
    const [connection] = await join(a, b);
    let least = 0;
    const sent: string[] = [];
    for (let round = 0; round < 20; round++) {
      connection.send('odd').catch(() => {});
      sent.push(`message ${round}`);
      connection.trySend(`message ${round}`);
      await Promise.resolve();
      least = Math.min(least, connection.bufferedBytes, a.node.bufferedBytes);
    }
    await until('all arrived', () => b.messages.length === 20);
    await turns();
    expect(b.messages).toEqual(sent);
    expect([least, connection.bufferedBytes, a.node.bufferedBytes]).toEqual([0, 0, 0]);
    expect(late).toHaveLength(20 * writes.length);
    for (const error of late) expect(error).toEqual(expect.objectContaining({ message: expect.any(String) }));
    expect(unhandled).toEqual([]);
  });

  it.each<[string, (inner: Codec<Buffer, Uint8Array>) => Codec<unknown, string>]>([
    ['mapCodec', (inner) => mapCodec(inner, { decode: String, encode: (text: string) => Buffer.from(text) })],
    ['transformed', (inner) => transformed(inner, { encoder: () => same, decoder: () => same })],
  ])('is refused within %s, too', async (_name, wrap) => {
    const network = inMemory();
    const inner: Codec<Buffer, Uint8Array> = {
      ...varintDelimited(),
      encoder: () => ({ encode: (): never => Promise.reject(new Error('too late')) as never }),
    };
    const [a, b] = [new PeerNode({ ...network, codec: wrap(inner) }), makeNode(network)];
    const connection = await a.connect(await listen(b));
    await expect(connection.send('odd')).rejects.toEqual(failed(/return nothing/));
    await turns();
    expect(unhandled).toEqual([]);
    await a.close();
  });
});

it.each<[string, (from: TestNode) => unknown]>([
  ['sends', ({ opened }) => opened[0]!.trySend('inner')],
  ['broadcasts', ({ node }) => node.broadcast('inner')],
])('an encoder that %s a message of its own is refused, and its message arrives whole', async (_how, act) => {
  const network = inMemory();
  const seen: unknown[] = [];
  let hasActed = false;
  const codec = encodedBy((message, output) => {
    output.writeText('out');
    if (message === 'outer' && !hasActed) {
      hasActed = true;
      try {
        seen.push(act(a));
      } catch (error) {
        seen.push(error);
      }
    }
    output.writeText('er\n');
  }, true);
  const a = makeNode({ ...network, codec });
  const b = makeNode(network);
  const [connection] = await join(a, b);
  await connection.send('outer');
  await until('it arrived', () => b.messages.length === 1);
  expect(seen).toEqual([failed(/an encoder sent a message of its own/)]);
  expect([b.messages, connection.stats.messagesSent]).toEqual([['outer'], 1]);
});

it.each<[string, (output: ByteSink) => void, RegExp]>([
  [
    'write',
    (output) => output.write('abc' as never),
    /write\(\) takes a Uint8Array, not a string: use writeText\(\)/,
  ],
  ['writeUInt', (output) => output.writeUInt(1.5, 2), /1\.5 does not fit/],
])(
  'what %s refuses is the cause of a send that failed, and stands in its message',
  async (_what, write, message) => {
    const network = inMemory();
    const codec = encodedButFor({ odd: (_message, output) => write(output) });
    const [a, b] = [makeNode({ ...network, codec }), makeNode(network)];
    const [connection] = await join(a, b);
    await expect(connection.send('odd')).rejects.toMatchObject({
      code: 'P2P_ERR_ENCODE_FAILED',
      message: expect.stringMatching(message),
      cause: { message: expect.stringMatching(message) },
    });
    await connection.send('fine');
    await until('it arrived', () => b.messages.length === 1);
    expect(b.messages).toEqual(['fine']);
  },
);
