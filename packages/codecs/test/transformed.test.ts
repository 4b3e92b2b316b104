import { describe, expect, it } from '@jest/globals';
import { contextKey, NEED_MORE, PeerError, PeerNode, memoryTransport } from '@pea2pea/core';
import { ChunkQueue } from '@pea2pea/core/authoring';
import { SlabPool, SlabSink } from '@pea2pea/core/internal';
import { bytes, delimiter, json, lengthDelimited, transformed, varintDelimited } from '@pea2pea/codecs';
import type { BytesFraming, FrameTransform, Transform } from '@pea2pea/codecs';
import { silentLogger, until } from '@pea2pea/testing';
import { codecContext, codeOf, decode, encode, Receiving, Sending, thrownBy } from './drive.js';
import { sealed, sharedKey } from './sealed.js';

/** Adds the sequence number to each byte; not a cipher. */
const shifted: Transform = {
  encoder: () => (payload, sequence) => payload.map((byte) => byte + sequence),
  decoder: () => (frame, sequence) => frame.map((byte) => byte - sequence),
};
const same = (frame: Buffer): Buffer => frame;

describe('transformed', () => {
  it('changes bytes on their way, and back', () => {
    const codec = transformed(lengthDelimited({ lengthFieldLength: 1 }), shifted);
    const wire = encode(codec, 'aaa', Buffer.from('aaa'), 'aaa');
    expect(wire.toString('latin1')).toBe('\x03aaa\x03bbb\x03ccc');
    expect(decode(codec, wire).map(String)).toEqual(['aaa', 'aaa', 'aaa']);
  });

  it('counts frames for each connection and direction, from 0', () => {
    const seen: unknown[] = [];
    const codec = transformed(varintDelimited(), {
      encoder:
        ({ direction }) =>
        (payload, sequence) => (seen.push(['out', direction, sequence]), payload),
      decoder:
        ({ direction }) =>
        (frame, sequence) => (seen.push(['in', direction, sequence]), frame),
    });
    encode(codec, 'a', 'b');
    encode(codec, 'c');
    decode(codec, '\x01a\x01b');
    expect(seen).toEqual([
      ['out', 'inbound', 0],
      ['out', 'inbound', 1],
      ['out', 'inbound', 0],
      ['in', 'inbound', 0],
      ['in', 'inbound', 1],
    ]);
  });

  it('does not count a frame that was not sent: refused by the transform, or by the framing behind it', () => {
    const codec = transformed(lengthDelimited({ maxFrameLength: 5 }), {
      ...shifted,
      encoder: () => (payload, sequence) => {
        if (payload[0] === 0) throw new Error('no');
        return payload.map((byte) => byte + sequence);
      },
    });
    const sending = new Sending(codec);
    sending.send('one');
    expect(codeOf(() => sending.send(Buffer.alloc(1)))).toBe('P2P_ERR_INVALID_FRAME');
    expect(codeOf(() => sending.send('too long'))).toBe('P2P_ERR_FRAME_TOO_LARGE');
    expect(codeOf(() => sending.send(7 as never))).toBe('P2P_ERR_INVALID_FRAME');
    sending.send('two');
    expect(decode(codec, sending.take()).map(String)).toEqual(['one', 'two']);
  });

  it('does not count a frame that was not sent because the framing returned a promise', async () => {
    const { decoder, encoder } = lengthDelimited();
    const framing: BytesFraming = {
      decoder,
      encoder: (context) => {
        const inner = encoder(context);
        return {
          encode: (payload, output) =>
            payload[0] === 0 ? (Promise.resolve() as never) : inner.encode(payload, output),
        };
      },
    };
    const transform = {
      encoder: (): FrameTransform => (payload, sequence) =>
        payload[0] === 0 ? payload : Buffer.from([...payload, sequence]),
      decoder: (): FrameTransform => (frame) => frame,
    };
    const transport = memoryTransport();
    const frames: Buffer[] = [];
    const node = new PeerNode({ codec: transformed(framing, transform), transport, logger: silentLogger });
    const other = new PeerNode({ codec: transformed(framing, transform), transport, logger: silentLogger });
    other.use({ onMessage: (frame) => void frames.push(frame) });
    const connection = await node.connect(await other.listen({ host: '127.0.0.1', port: 0 }));
    await connection.send(Buffer.from([7]));
    await expect(connection.send(Buffer.from([0]))).rejects.toMatchObject({ code: 'P2P_ERR_ENCODE_FAILED' });
    await connection.send(Buffer.from([8]));
    await until('both are here', () => frames.length === 2);
    expect(frames.map((frame) => [...frame])).toEqual([
      [7, 0],
      [8, 1],
    ]);
    await Promise.all([node.close(), other.close()]);
  });

  it('what a transform throws is an invalid frame with its cause, unless it is a PeerError', () => {
    const cause = new Error('forged');
    const own = new PeerError('P2P_ERR_FRAME_TOO_LARGE', 'too much');
    for (const thrown of [cause, own]) {
      const fails = () => (): never => {
        throw thrown;
      };
      const codec = transformed(varintDelimited(), { encoder: fails, decoder: fails });
      for (const error of [thrownBy(() => encode(codec, 'a')), thrownBy(() => decode(codec, '\x01a'))]) {
        if (thrown === own) expect(error).toBe(own);
        else expect(error).toMatchObject({ code: 'P2P_ERR_INVALID_FRAME', cause });
      }
    }
  });

  it('a transform that answers no bytes is told so', () => {
    const transform = { encoder: () => () => 5 as never, decoder: () => same };
    const codec = transformed(varintDelimited(), transform);
    expect(thrownBy(() => encode(codec, 'a')).message).toContain('a transform sends a Uint8Array');
  });

  it.each([
    ['undefined', () => undefined],
    ['a promise', () => Promise.resolve(Buffer.of(1))],
    ['a promise that rejects', () => Promise.reject(new Error('no'))],
  ])('a transform that returns %s is told so, and no peer is blamed', (_what, result) => {
    const transform = { encoder: () => result as never, decoder: () => result as never };
    const codec = transformed(varintDelimited(), transform);
    expect(codeOf(() => encode(codec, 'a'))).toBe('P2P_ERR_INVALID_FRAME');
    expect(codeOf(() => decode(codec, '\x01a'))).toBe('P2P_ERR_BAD_DECODER');
  });

  it('encodes alike only where both say so', () => {
    const plain = { encoder: () => same, decoder: () => same };
    expect(transformed(varintDelimited(), plain).statelessEncoder).toBe(false);
    expect(transformed(varintDelimited(), { ...plain, statelessEncoder: true }).statelessEncoder).toBe(true);
    const own = { ...varintDelimited(), statelessEncoder: false };
    expect(transformed(own, { ...plain, statelessEncoder: true }).statelessEncoder).toBe(false);
  });

  it('gives the last message too, which the end of the stream completes', () => {
    const codec = transformed(delimiter('\0', { unfinished: 'take' }), shifted);
    expect(decode(codec, 'a\0b').map(String)).toEqual(['a', 'a']);
    const decoder = transformed(bytes(), shifted).decoder(codecContext());
    expect(decoder.end?.(new ChunkQueue())).toBe(NEED_MORE);
  });

  it('stacks', () => {
    const codec = json(transformed(transformed(varintDelimited(), shifted), shifted));
    expect(decode(codec, encode(codec, { a: 'ü' }, [1], null))).toEqual([{ a: 'ü' }, [1], null]);
  });
});

describe('a cipher with a key from the handshake', () => {
  const codec = json<string>(sealed(lengthDelimited()));
  const wireOf = (...messages: string[]): Buffer => {
    const sink = new SlabSink(new SlabPool());
    const encoder = codec.encoder(sharedKey().sender);
    sink.begin();
    for (const message of messages) encoder.encode(message, sink);
    sink.commit();
    return Buffer.concat(sink.take().segments);
  };
  const receive = (wire: Buffer, key?: Buffer): unknown => {
    const queue = new ChunkQueue();
    queue.push(wire);
    return codec.decoder(sharedKey(key).receiver).decode(queue);
  };

  it('reads what was sent, and nothing that was changed, repeated or sent with another key', () => {
    const wire = wireOf('hello');
    expect(receive(Buffer.from(wire))).toBe('hello');
    expect(wire.includes('hello')).toBe(false);
    const forged = Buffer.from(wire);
    forged[6]! ^= 1;
    expect(codeOf(() => receive(forged))).toBe('P2P_ERR_INVALID_FRAME');
    expect(codeOf(() => receive(wireOf('a', 'b').subarray(wireOf('a').length)))).toBe(
      'P2P_ERR_INVALID_FRAME',
    );
    expect(codeOf(() => receive(wire, Buffer.alloc(32, 8)))).toBe('P2P_ERR_INVALID_FRAME');
    expect(codeOf(() => receive(Buffer.from('\0\0\0\x05short', 'latin1')))).toBe('P2P_ERR_INVALID_FRAME');
  });

  it('has no codec for a connection whose handshake left no key', () => {
    expect(() => new Receiving(codec)).toThrow('the handshake left no key');
  });

  it('works between nodes, a broadcast included', async () => {
    const KEY = contextKey<number>('key');
    const keyed = transformed(varintDelimited(), {
      encoder:
        ({ context }) =>
        (payload) =>
          payload.map((byte) => byte ^ context.get(KEY)!),
      decoder:
        ({ context }) =>
        (frame) =>
          frame.map((byte) => byte ^ context.get(KEY)!),
    });
    const transport = memoryTransport();
    let key = 1;
    const server = new PeerNode({ codec: json<string>(keyed), transport }).use({
      onHandshake: async (handshake) => {
        handshake.context.set(KEY, key++);
        await handshake.write(Buffer.of(handshake.context.get(KEY)!));
      },
    });
    const received: string[] = [];
    const clients = [1, 2].map((number) =>
      new PeerNode({ codec: json<string>(keyed), transport }).use({
        onHandshake: async (handshake) => handshake.context.set(KEY, (await handshake.read(1))[0]!),
        onMessage: (message) => void received.push(`${number}: ${message}`),
      }),
    );
    const address = await server.listen({ host: '127.0.0.1', port: 0 });
    for (const client of clients) await client.connect(address);
    while (server.connections.size < 2) await new Promise((resolve) => setImmediate(resolve));
    server.broadcast('hello');
    const deadline = Date.now() + 5000;
    while (received.length < 2 && Date.now() < deadline)
      await new Promise((resolve) => setImmediate(resolve));
    expect(received.sort()).toEqual(['1: hello', '2: hello']);
    await Promise.all([server, ...clients].map((node) => node.close()));
  });
});
