import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { Duplex, PassThrough } from 'node:stream';
import { lengthDelimited } from '@pea2pea/codecs';
import {
  memoryTransport,
  PeerNode,
  type Codec,
  type DisconnectReason,
  type Hooks,
  type NodeConfig,
  type Transport,
  type UpgradeOptions,
} from '@pea2pea/core';
import { CancellationSource } from '@pea2pea/core/authoring';
import { ControlledClock } from '@pea2pea/core/testing';
import {
  inMemory,
  join,
  lab,
  listen,
  rawConnect,
  silentLogger,
  soon,
  textCodec,
  until,
} from '@pea2pea/testing';
import { MaskedStream } from './chaos/greeting.js';

const { makeNode, own } = lab();

describe('send', () => {
  it('resolves when the bytes were handed to the operating system', async () => {
    const [a, b] = [makeNode(), makeNode()];
    const [connection] = await join(a, b);
    const sending = connection.send('hello');
    expect(connection.bufferedBytes).toBe(6);
    await sending;
    expect(connection.bufferedBytes).toBe(0);
    expect(connection.stats).toMatchObject({ messagesSent: 1, bytesSent: 6 });
    await until('it arrived', () => b.messages.length === 1);
  });

  it('keeps the order of all messages, whatever their size', async () => {
    const [a, b] = [makeNode(), makeNode()];
    const [connection] = await join(a, b);
    const sent = [1, 70_000, 2, 3, 40_000, 600_000, 5, 30_000].map((size, index) =>
      String(index).repeat(size),
    );
    for (const message of sent) {
      while (!connection.trySend(message)) await connection.drained();
    }
    await until('all arrived', () => b.messages.length === sent.length);
    expect(b.messages.map((message) => message.length)).toEqual(sent.map((message) => message.length));
    expect(b.messages).toEqual(sent);
  });

  it('all that is queued in one turn goes out in one write', async () => {
    const writes: number[] = [];
    const a = makeNode({ transport: countingTransport(writes) });
    const b = makeNode({ transport: a.node.config.transport });
    const [connection] = await join(a, b);
    writes.length = 0;
    for (let index = 0; index < 100; index++) connection.trySend('x');
    await until('all arrived', () => b.messages.length === 100);
    expect(writes).toEqual([200]);
  });

  it('over a socket what fills a slab begins to go in the same turn', async () => {
    const [a, b] = [makeNode(), makeNode()];
    const [connection] = await join(a, b);
    const message = 'x'.repeat(999);
    connection.trySend(message);
    expect(connection.stats.bytesSent).toBe(0);
    for (let sent = 1; sent < 100; sent++) connection.trySend(message);
    expect(connection.stats.bytesSent).toBeGreaterThanOrEqual(50_000);
    await until('all arrived', () => b.messages.length === 100);
  });

  it.each([
    ['neverReenters', 'neverReenters', 'writes at once'],
    ['nothing', 'neverReenters', 'waits'],
    ['neverReenters', 'nothing', 'waits'],
  ])('a stream with %s below and one with %s on top: what fills a slab %s', async (below, top, when) => {
    const traits = (what: string): UpgradeOptions => ({ neverReenters: what === 'neverReenters' });
    const written: number[] = [];
    const [a, b] = [
      makeNode(
        {},
        {
          onHandshake(handshake) {
            // Two masks cancel each other out, so the peer needs none.
            handshake.upgrade(new MaskedStream(handshake.takeStream()), traits(below));
            handshake.upgrade(new RecordingStream(handshake.takeStream(), written), traits(top));
          },
        },
      ),
      makeNode(),
    ];
    const [connection] = await join(a, b);
    const message = 'x'.repeat(999);
    for (let sent = 0; sent < 100; sent++) connection.trySend(message);
    if (when === 'waits') expect(written).toEqual([]);
    else expect(written.length).toBeGreaterThan(0);
    await until('all arrived', () => b.messages.length === 100);
  });

  it.each([true, false])(
    'with reusesBuffers %s a slab is written over after its write: %s',
    async (reusesBuffers) => {
      const kept: Buffer[] = [];
      const stream = new Duplex({
        read() {},
        write(chunk: Buffer, _encoding, done) {
          kept.push(chunk);
          done();
        },
      });
      const [a, b] = [
        makeNode({}, { onHandshake: (handshake) => handshake.upgrade(stream, { reusesBuffers }) }),
        makeNode(),
      ];
      const connection = await a.node.connect(await b.node.listen({ host: '127.0.0.1', port: 0 }));
      await connection.send('a'.repeat(2_000));
      await connection.send('b'.repeat(2_000));
      // Another slab is begun when the one before went out: with `reusesBuffers` it is the same one.
      expect(kept.map((chunk) => String.fromCharCode(chunk[0]!))).toEqual(
        reusesBuffers ? ['b', 'b'] : ['a', 'b'],
      );
    },
  );

  it('over a socket a loop of sends gets rid of two queues at most in a turn, however fast the peer reads', async () => {
    const outboundQueueBytes = 256 * 1024;
    const [a, b] = [makeNode({ outboundQueueBytes }), makeNode()];
    const [connection] = await join(a, b);
    const message = 'x'.repeat(999);
    let sent = 0;
    while (sent < 100_000 && connection.trySend(message)) sent++;
    expect(sent * 1_000).toBeGreaterThanOrEqual(outboundQueueBytes);
    expect(sent * 1_000).toBeLessThanOrEqual(2 * outboundQueueBytes + 1_000);
    await until('all arrived', () => b.messages.length === sent);
  });

  it('over any other stream nothing goes in the middle of a send: it might call the peer in this process', async () => {
    const writes: number[] = [];
    const a = makeNode({ transport: countingTransport(writes) });
    const b = makeNode({ transport: a.node.config.transport });
    const [connection] = await join(a, b);
    writes.length = 0;
    for (let index = 0; index < 200; index++) connection.trySend('x'.repeat(999));
    expect(writes).toEqual([]);
    await until('all arrived', () => b.messages.length === 200);
  });

  it('what is queued while a write is in flight goes out as the next one, without waiting to fill it', async () => {
    const writes: number[] = [];
    const a = makeNode({ transport: countingTransport(writes) });
    const b = makeNode({ transport: a.node.config.transport });
    const [connection] = await join(a, b);
    writes.length = 0;
    const first = connection.send('1');
    await Promise.resolve().then(() => Promise.resolve());
    connection.trySend('2');
    await first;
    await until('both arrived', () => b.messages.length === 2);
    expect(writes.reduce((sum, size) => sum + size, 0)).toBe(4);
    expect(writes.length).toBeLessThanOrEqual(2);
  });

  it('a full queue makes trySend false and send reject; drained resolves when it is below the limit', async () => {
    const a = makeNode({ outboundQueueBytes: 1000 });
    const [connection] = await join(a, makeNode());
    expect(connection.trySend('x'.repeat(2000))).toBe(true); // the message that crosses the limit still goes
    expect(connection.trySend('y')).toBe(false);
    await expect(connection.send('y')).rejects.toMatchObject({ code: 'P2P_ERR_QUEUE_FULL' });
    await soon('room', connection.drained());
    expect(connection.bufferedBytes).toBeLessThan(1000);
    expect(connection.trySend('y')).toBe(true);
    await connection.drained();
  });

  it('aborting the signal ends the waiting, and the message still goes', async () => {
    const [a, b] = [makeNode(), makeNode()];
    const [connection] = await join(a, b);
    const abort = new AbortController();
    const sending = connection.send('hello', { signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(sending).rejects.toMatchObject({ code: 'P2P_ERR_ABORTED', cause: { message: 'enough' } });
    await expect(connection.send('x', { signal: abort.signal })).rejects.toMatchObject({
      code: 'P2P_ERR_ABORTED',
    });
    await until('it arrived', () => b.messages.length === 1);
  });

  it.each<[string, unknown]>([
    ['a controller in place of its signal', new AbortController()],
    ['an object', { aborted: false }],
    ['null', null],
    ['a string', 'abort'],
  ])('what is not a signal is refused before anything is queued, each time: %s', async (_what, signal) => {
    const [a, b] = [makeNode(), makeNode()];
    const [connection] = await join(a, b);
    for (let time = 0; time < 2; time++) {
      await expect(connection.send('lost', { signal: signal as AbortSignal })).rejects.toMatchObject({
        code: 'P2P_ERR_INVALID_CONFIG',
      });
    }
    await connection.send('last');
    await until('it arrived', () => b.messages.length > 0);
    expect(b.messages).toEqual(['last']);
  });

  it.each<[string, (payload: Uint8Array) => void, NonNullable<Hooks<Uint8Array>['onHandshake']>]>([
    [
      'a payload whose memory was given away meanwhile',
      (payload) => void structuredClone(payload.buffer, { transfer: [payload.buffer as ArrayBuffer] }),
      () => {},
    ],
    [
      'a stream whose write throws',
      () => {},
      (handshake) => {
        const stream = new PassThrough();
        stream.write = () => {
          // eslint-disable-next-line @typescript-eslint/only-throw-error
          throw null;
        };
        handshake.upgrade(stream);
      },
    ],
  ])('%s ends its own connection alone', async (_what, spoil, onHandshake) => {
    const codec = lengthDelimited();
    const b = own(new PeerNode({ codec, logger: silentLogger }));
    const address = await b.listen({ host: '127.0.0.1', port: 0 });
    const reasons: DisconnectReason[] = [];
    const a = own(new PeerNode<Uint8Array>({ codec, logger: silentLogger })).use({
      onHandshake,
      onDisconnect: (_connection, reason) => void reasons.push(reason),
    });
    const connection = await a.connect(address);
    const payload = new Uint8Array(100_000);
    const sending = connection.send(payload);
    const next = connection.send(new Uint8Array(1));
    spoil(payload);
    await expect(soon('the first', sending)).rejects.toMatchObject({ code: 'P2P_ERR_DISCONNECTED' });
    await expect(soon('the second', next)).rejects.toMatchObject({ code: 'P2P_ERR_DISCONNECTED' });
    await until('it is over', () => a.heuristics.closed === 1);
    expect(reasons).toMatchObject([{ origin: 'writing', cause: 'stream-error' }]);
    expect([connection.bufferedBytes, a.connections.size]).toEqual([0, 0]);
    await Promise.all([a.close(), b.close()]);
  });

  it.each(['at once', 'in a later turn'] as const)(
    'a write that the stream refuses %s was not sent: send rejects, and it is not counted',
    async (when) => {
      const refusal = new Error('refused');
      const refusing = new Duplex({
        read() {},
        write(_chunk, _encoding, done) {
          if (when === 'at once') done(refusal);
          else setImmediate(done, refusal);
        },
      });
      // Over a socket, or nothing is passed on in the turn of its write.
      const there = makeNode();
      const { port } = await there.node.listen({ host: '127.0.0.1', port: 0 });
      const node = own(new PeerNode({ codec: textCodec(), logger: silentLogger })).use({
        onHandshake: (handshake) => handshake.upgrade(refusing, { reusesBuffers: true, neverReenters: true }),
      });
      const connection = await node.connect({ host: '127.0.0.1', port });
      await expect(connection.send('hello')).rejects.toMatchObject({ code: 'P2P_ERR_DISCONNECTED' });
      expect(connection.stats).toMatchObject({ messagesSent: 0, bytesSent: 0 });
      expect(await connection.closed).toMatchObject({ origin: 'writing', error: refusal });
      await node.close();
    },
  );

  it('after the end send rejects with the reason, trySend returns false, drained rejects', async () => {
    const [a, b] = [makeNode(), makeNode()];
    const [connection] = await join(a, b);
    await connection.disconnect('done');
    expect(connection.trySend('x')).toBe(false);
    const error = { code: 'P2P_ERR_DISCONNECTED', cause: { origin: 'user', why: 'done' } };
    await expect(connection.send('x')).rejects.toMatchObject(error);
    await expect(connection.drained()).rejects.toMatchObject(error);
  });

  it('a message that is a whole mebibyte, or empty, arrives', async () => {
    const [a, b] = [makeNode(), makeNode()];
    const [connection] = await join(a, b);
    await connection.send('m'.repeat(1024 * 1024));
    await connection.send('');
    await until('both arrived', () => b.messages.length === 2);
    expect(b.messages.map((message) => message.length)).toEqual([1024 * 1024, 0]);
  });

  it.each(['tcp', 'memory'])('over %s bytes may be used again once their send resolved', async (kind) => {
    const config = { ...(kind === 'memory' && inMemory()), codec: lengthDelimited() };
    const received: Buffer[] = [];
    // A slow handler: what arrived waits, here or in the reader, while the sender goes on.
    const hooks = {
      async onMessage(message: Buffer) {
        await new Promise((resolve) => setImmediate(resolve));
        received.push(message);
      },
    };
    const a = makeBytesNode(config);
    const b = makeBytesNode(config, hooks);
    const connection = await a.connect(await b.listen({ host: '127.0.0.1', port: 0 }));
    const sizes = [10, 31 * 1024, 40_000, 40_000, 300_000, 3_000, 40_000];
    for (const [index, size] of sizes.entries()) {
      const payload = Buffer.alloc(size, index + 1);
      await connection.send(payload);
      payload.fill(255);
    }
    await until('all arrived', () => received.length === sizes.length);
    expect(received.map((payload) => payload.equals(Buffer.alloc(payload.length, payload[0])))).toEqual(
      sizes.map(() => true),
    );
    expect(received.map((payload) => payload[0])).toEqual(sizes.map((_, index) => index + 1));
    await Promise.all([a.close(), b.close()]);
  });

  it('a codec that writes nothing for a message does not wedge the connection', async () => {
    const inner = textCodec();
    const codec: Codec<string> = {
      decoder: inner.decoder,
      encoder: (context) => {
        const encoder = inner.encoder(context);
        return {
          encode: (message, output) => (message === 'nothing' ? undefined : encoder.encode(message, output)),
        };
      },
    };
    const [a, b] = [makeNode({ codec }), makeNode()];
    const [connection] = await join(a, b);
    await soon('the empty send', connection.send('nothing'));
    await connection.send('something');
    await until('it arrived', () => b.messages.length === 1);
  });

  it('goes to a connection: an address that nobody is connected at has none to send over', async () => {
    const network = inMemory();
    const [a, b] = [makeNode(network), makeNode(network)];
    const [connection] = await join(a, b);
    expect(a.node.connections.get(b.node.address!)).toBe(connection);
    expect(a.node.connections.get('127.0.0.1:1')).toBeUndefined();
    await connection.disconnect();
    expect(a.node.connections.get(b.node.address!)).toBeUndefined();
    await expect(connection.send('x')).rejects.toMatchObject({ code: 'P2P_ERR_DISCONNECTED' });
  });
});

describe('an encoder that throws', () => {
  it('fails that send alone: what it wrote is rolled back and the connection lives', async () => {
    const [a, b] = [makeNode(), makeNode()];
    const [connection] = await join(a, b);
    connection.trySend('before');
    await expect(connection.send('!')).rejects.toMatchObject({
      code: 'P2P_ERR_ENCODE_FAILED',
      cause: { message: 'cannot say that' },
    });
    expect(() => connection.trySend('!')).toThrow(expect.objectContaining({ code: 'P2P_ERR_ENCODE_FAILED' }));
    await connection.send('after');
    await until('both arrived', () => b.messages.length === 2);
    expect(b.messages).toEqual(['before', 'after']);
    expect(connection.stats.messagesSent).toBe(2);
  });

  it('is rolled back over the edge of a slab, too', async () => {
    const codec: Codec<string> = {
      decoder: textCodec().decoder,
      encoder: () => ({
        encode(message, output) {
          for (let part = 0; part < 20; part++)
            output.writeText(message.slice(part * 5_000, (part + 1) * 5_000));
          if (message.startsWith('!')) throw new Error('after a hundred kilobytes');
          output.writeUInt(10, 1);
        },
      }),
    };
    const [a, b] = [makeNode({ codec }), makeNode()];
    const [connection] = await join(a, b);
    connection.trySend('a'.repeat(3_000));
    await expect(connection.send(`!${'x'.repeat(99_999)}`)).rejects.toMatchObject({
      code: 'P2P_ERR_ENCODE_FAILED',
    });
    connection.trySend('b'.repeat(100_000));
    await until('both arrived', () => b.messages.length === 2);
    expect(b.messages).toEqual(['a'.repeat(3_000), 'b'.repeat(100_000)]);
  });

  it('an encoder that sends a message of its own is refused', async () => {
    const sends: unknown[] = [];
    const inner = textCodec();
    const codec: Codec<string> = {
      decoder: inner.decoder,
      encoder: (context) => ({
        encode(message, output) {
          if (message === 'loop') {
            try {
              a.opened[0]!.trySend('inner');
            } catch (error) {
              sends.push(error);
            }
          }
          inner.encoder(context).encode(message, output);
        },
      }),
    };
    const a = makeNode({ codec });
    const b = makeNode();
    const [connection] = await join(a, b);
    await connection.send('loop');
    await until('it arrived', () => b.messages.length === 1);
    expect(sends).toEqual([expect.objectContaining({ code: 'P2P_ERR_ENCODE_FAILED' })]);
  });
});

describe('a peer that does not read', () => {
  it('ends with the write timeout, pending sends reject with it, and memory stays bounded', async () => {
    const a = makeNode({ writeTimeoutMs: 200, outboundQueueBytes: 256 * 1024 });
    const socket = await rawConnect(await listen(a));
    socket.pause();
    await until('a has the connection', () => a.opened.length === 1);
    const connection = a.opened[0]!;
    let pending: Promise<void> | undefined;
    await until('the queue is full', () => {
      while (connection.bufferedBytes < 256 * 1024) pending = connection.send('x'.repeat(60_000));
      return connection.bufferedBytes >= 256 * 1024;
    });
    let refused: Promise<void> | undefined;
    await until('the connection ended', () => {
      if (connection.state === 'open' && connection.bufferedBytes < 256 * 1024)
        pending = connection.send('x'.repeat(60_000));
      else refused = connection.drained();
      refused?.catch(() => {});
      expect(connection.bufferedBytes).toBeLessThan(256 * 1024 + 60_001);
      return a.closed.length === 1;
    });
    await expect(pending).rejects.toMatchObject({ code: 'P2P_ERR_WRITE_TIMEOUT' });
    expect(a.closed[0]!.reason).toMatchObject({ origin: 'writing', cause: 'timeout' });
    expect(a.node.heuristics.writeTimeouts).toBe(1);
    socket.destroy();
  });

  it('sees a reset, not an orderly end, when it is cut off', async () => {
    // In memory: over TCP, libuv shows a reset as an end to whoever had stopped reading.
    const network = inMemory();
    const a = makeNode({ ...network, writeTimeoutMs: 50, outboundQueueBytes: 64 * 1024 * 1024 });
    const address = await listen(a);
    const cancellation = new CancellationSource();
    const { stream } = await network.transport.connect(address, {
      cancellation,
      noDelay: true,
      keepAlive: true,
    });
    const failed = once(stream, 'error');
    await until('a has the connection', () => a.opened.length === 1);
    a.opened[0]!.trySend('x'.repeat(1024 * 1024));
    expect(await soon('the reset', failed)).toMatchObject([{ code: 'ECONNRESET' }]);
  });

  it('is not timed out while it takes bytes slowly', async () => {
    const clock = new ControlledClock();
    const a = makeNode({ clock, writeTimeoutMs: 300 });
    const socket = await rawConnect(await listen(a));
    socket.pause();
    await until('a has the connection', () => a.opened.length === 1);
    const connection = a.opened[0]!;
    const total = 12 * 1024 * 1024;
    const sending = connection.send('x'.repeat(total));
    let read = 0;
    socket.on('data', (chunk: Buffer) => void (read += chunk.length));
    for (let sip = 1; read < total; sip++) {
      socket.resume();
      await until('a sip was taken', () => read >= Math.min(sip * 300_000, total));
      socket.pause();
      clock.advance(100);
      for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
    }
    await sending;
    expect(clock.now()).toBeGreaterThan(3 * 300);
    expect(a.closed).toHaveLength(0);
    socket.destroy();
  });

  it('is sent no last words: onDisconnect runs, and what it sends is refused with the timeout', async () => {
    const network = inMemory();
    const answers: unknown[] = [];
    const a = makeNode(
      { ...network, writeTimeoutMs: 40, onDisconnectTimeoutMs: 60_000 },
      {
        async onDisconnect(connection) {
          answers.push(connection.trySend('x'));
          answers.push(await connection.send('farewell').catch((error: { code: string }) => error.code));
        },
      },
    );
    const b = makeNode(network, { onMessage: () => new Promise<void>(() => {}) });
    const [connection] = await join(a, b);
    for (let index = 0; index < 100; index++) connection.trySend('x'.repeat(10_000));
    await until('the connection ended', () => connection.state === 'closed');
    expect(a.closed[0]!.reason).toMatchObject({ origin: 'writing', cause: 'timeout' });
    expect(answers).toEqual([false, 'P2P_ERR_WRITE_TIMEOUT']);
  });
});

describe('broadcast', () => {
  it('reaches all but the excepted, and returns how many it was queued for', async () => {
    const network = inMemory();
    const a = makeNode(network);
    const peers = [makeNode(network), makeNode(network), makeNode(network)];
    for (const peer of peers) await join(peer, a);
    expect(a.node.broadcast('all')).toBe(3);
    expect(a.node.broadcast('but one', { except: a.opened[0]! })).toBe(2);
    expect(a.node.broadcast('but two', { except: [a.opened[0]!, a.opened[1]!] })).toBe(1);
    await until('all arrived', () => peers[2]!.messages.length === 3);
    expect(peers.map(({ messages }) => messages)).toEqual([
      ['all'],
      ['all', 'but one'],
      ['all', 'but one', 'but two'],
    ]);
  });

  it.each([true, false])(
    'a message that cannot be encoded fails as in send, statelessEncoder %p',
    async (statelessEncoder) => {
      const network = inMemory();
      const a = makeNode({ ...network, codec: textCodec({ statelessEncoder }) });
      await join(makeNode(network), a);
      expect(() => a.node.broadcast('!')).toThrow(expect.objectContaining({ code: 'P2P_ERR_ENCODE_FAILED' }));
      expect(a.node.broadcast('fine')).toBe(1);
    },
  );

  it('skips connections whose queue is full', async () => {
    const network = inMemory();
    const a = makeNode({ ...network, outboundQueueBytes: 10 });
    const peers = [makeNode(network), makeNode(network)];
    for (const peer of peers) await join(peer, a);
    a.opened[0]!.trySend('more than ten bytes');
    expect(a.node.broadcast('short')).toBe(1);
    await until('the other has it', () => peers[1]!.messages.length === 1);
  });

  it.each([
    [true, 1],
    [false, 3],
  ])('with statelessEncoder %p a message for three is encoded %p times', async (statelessEncoder, times) => {
    let encoded = 0;
    const inner = textCodec();
    const codec: Codec<string> = {
      statelessEncoder,
      decoder: inner.decoder,
      encoder: (context) => ({
        encode: (message, output) => (encoded++, inner.encoder(context).encode(message, output)),
      }),
    };
    const network = inMemory();
    const a = makeNode({ ...network, codec });
    const peers = [makeNode(network), makeNode(network), makeNode(network)];
    for (const peer of peers) await join(peer, a);
    expect(a.node.broadcast('hello '.repeat(10_000))).toBe(3);
    await until('all have it', () => peers.every(({ messages }) => messages.length === 1));
    expect(encoded).toBe(times);
    expect(a.node.stats.messagesSent).toBe(3);
  });
});

type Bytes = Uint8Array | string;
type BytesConfig = NodeConfig<Buffer, Bytes>;
type BytesHooks = Hooks<Buffer, Bytes>;

function makeBytesNode(config: BytesConfig, hooks: BytesHooks = {}): PeerNode<Buffer, Bytes> {
  return own(new PeerNode(config)).use(hooks);
}

/** A memory transport that writes down the size of every write of its dialled links. */
/** Notes how much it was given to write, and passes it on masked. */
class RecordingStream extends MaskedStream {
  readonly #written: number[];

  constructor(inner: Duplex, written: number[]) {
    super(inner);
    this.#written = written;
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#written.push(chunk.length);
    super._write(chunk, encoding, callback);
  }
}

function countingTransport(writes: number[]): Transport {
  const inner = memoryTransport();
  return {
    name: 'counting',
    resolve: (address) => inner.resolve(address),
    listen: (options, events) => inner.listen(options, events),
    async connect(address, options) {
      const link = await inner.connect(address, options);
      const write = link.stream.write.bind(link.stream) as (chunk: Buffer, done: () => void) => boolean;
      link.stream.write = ((chunk: Buffer, done: () => void) => (
        writes.push(chunk.length),
        write(chunk, done)
      )) as never;
      return link;
    },
  };
}
