import { describe, expect, it } from '@jest/globals';
import { memoryTransport, NEED_MORE, PeerNode } from '@pea2pea/core';
import { delimiter, json, jsonValues, lengthDelimited, lines, records } from '@pea2pea/codecs';
import { ChunkQueue } from '@pea2pea/core/authoring';
import { codecContext } from '@pea2pea/testing';
import { until } from '@pea2pea/testing';
import { codeOf, drops, encode } from './drive.js';

const invalidFrame = 'P2P_ERR_INVALID_FRAME';
const codec = records(lengthDelimited(), lines());
const record = (...texts: string[]): Buffer => encode(lengthDelimited(), ...texts);

/** As the reader of a connection asks: for what is held, too, and at the end. */
function receive(from: typeof codec, ...chunks: Buffer[]): string[] {
  const decoder = from.decoder(codecContext());
  const queue = new ChunkQueue();
  const messages: string[] = [];
  const drain = (next: () => string | typeof NEED_MORE): void => {
    while (queue.length > 0 || decoder.holds?.() === true) {
      const message = next();
      if (message === NEED_MORE) return;
      messages.push(message);
    }
  };
  for (const chunk of chunks) {
    queue.push(chunk);
    drain(() => decoder.decode(queue));
  }
  drain(() => decoder.end!(queue));
  expect(decoder.holds!()).toBe(false);
  return messages;
}

describe('records', () => {
  it('contain any number of messages', () => {
    const wire = record('a\nb\n', '', 'c\n', 'd\ne\nf\n');
    expect(receive(codec, wire)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    expect(receive(codec, ...drops(wire))).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  it('are sent with a message each', () => {
    expect(encode(codec, 'a', 'bc')).toEqual(record('a\n', 'bc\n'));
  });

  it('that end inside of a message are refused, after those before it', () => {
    expect(codeOf(() => receive(codec, record('a\nb')))).toBe(invalidFrame);
    expect(
      codeOf(() => receive(records(lengthDelimited(), json(lengthDelimited())) as never, record('\0\0'))),
    ).toBe(invalidFrame);
  });

  it('end the messages in them as a stream would', () => {
    const taking = records(lengthDelimited(), lines({ unfinished: 'take' }));
    expect(receive(taking, record('a\nb', 'c', 'd\n', 'e\nfg'))).toEqual(['a', 'b', 'c', 'd', 'e', 'fg']);
    const dropping = records(lengthDelimited(), lines({ unfinished: 'drop' }));
    expect(receive(dropping, record('a\nb', 'c', 'd\n'))).toEqual(['a', 'd']);
    const values = records(delimiter('\0'), jsonValues()) as never;
    expect(receive(values, Buffer.from('1 2\0{}3\x00')).map(String)).toEqual(['1', '2', '{}', '3']);
  });

  it('in records are records', () => {
    const nested = records(lengthDelimited(), codec);
    const wire = encode(lengthDelimited(), record('a\nb\n', 'c\n'), record('d\n'));
    expect(receive(nested, wire)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('a decoder that stalls is found, and does not repeat its message for ever', () => {
    const stalling = {
      decoder: () => ({ decode: () => 'again' }),
      encoder: () => lines().encoder({} as never),
    };
    expect(codeOf(() => receive(records(lengthDelimited(), stalling), record('a')))).toBe(
      'P2P_ERR_STALLED_DECODER',
    );
  });

  it('reach the handler of a node one by one, and in order', async () => {
    const heard: string[] = [];
    const transport = memoryTransport();
    await using server = new PeerNode({ codec, transport }).use({
      async onMessage(message) {
        await Promise.resolve();
        heard.push(message);
      },
    });
    await using client = new PeerNode({ codec: lengthDelimited(), transport });
    const connection = await client.connect(await server.listen({ host: '127.0.0.1', port: 0 }));
    await connection.send('one\ntwo\nthree\n');
    await connection.send('four\n');
    await until('all arrived', () => heard.length === 4);
    expect(heard).toEqual(['one', 'two', 'three', 'four']);
  });
});
