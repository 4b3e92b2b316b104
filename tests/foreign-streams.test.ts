import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { Duplex, PassThrough } from 'node:stream';
import {
  memoryTransport,
  NEED_MORE,
  PeerNode,
  type Codec,
  type Decoder,
  type Handshake,
  type Link,
} from '@pea2pea/core';
import { CancellationSource } from '@pea2pea/core/authoring';
import { lines } from '@pea2pea/codecs';
import { assertConsistent, lab, listen, type TestNode, turn, until } from '@pea2pea/testing';

const { makeNode, own } = lab();

/** A node with this handshake, and a bare link to it. */
async function shaken(
  onHandshake: (handshake: Handshake) => Promise<void> | void,
  codec: Codec<string> = lines(),
): Promise<{ a: TestNode; link: Link }> {
  const transport = memoryTransport();
  const a = makeNode({ transport, codec }, { onHandshake });
  const cancellation = new CancellationSource();
  const link = await transport.connect(await listen(a), { cancellation, noDelay: true, keepAlive: false });
  link.stream.on('error', () => {});
  link.stream.resume();
  return { a, link };
}

/** A stream on top of that of `handshake`, which brings `brought` once the peer has sent something. */
function topOf(handshake: Handshake, brought: unknown, readableObjectMode = false): Duplex {
  const below = handshake.takeStream();
  const top = new Duplex({
    readableObjectMode,
    read: () => void below.resume(),
    write: (chunk, _encoding, callback) => void below.write(chunk, callback),
    destroy(error, callback) {
      below.destroy();
      callback(error);
    },
  });
  below.on('data', () => top.push(brought));
  below.on('end', () => top.push(null));
  return top;
}

/** Takes all that is there, and remembers what is no whole line yet. */
class GreedyDecoder implements Decoder<string> {
  #rest = '';

  decode(input: { readonly length: number; readText(size: number): string }) {
    this.#rest += input.readText(input.length);
    const [line = '', ...more] = this.#rest.split('\n');
    if (more.length === 0) return NEED_MORE;
    this.#rest = more.join('\n');
    return line;
  }
}

// INVARIANT: nothing-crosses-an-upgrade.
describe('a decoder that read below an upgrade', () => {
  it('reads nothing above it: what it remembers would count as coming through', async () => {
    const heard: unknown[] = [];
    const { a, link } = await shaken(async (handshake) => {
      const decoder = new GreedyDecoder();
      heard.push(await handshake.receive(decoder));
      handshake.upgrade(topOf(handshake, Buffer.from('IL\n')));
      heard.push(await handshake.receive(decoder));
    });
    link.stream.write('hello\nEV');
    await turn();
    link.stream.write('.');
    await until('the setup is over', () => a.node.heuristics.handshakeFailures + a.opened.length === 1);
    expect(heard).toEqual(['hello']);
    expect(a.log.at(-1)!.fields).toMatchObject({ code: 'P2P_ERR_HANDSHAKE_FAILED' });
  });

  it('is not the one of the connection either', async () => {
    const decoder = new GreedyDecoder();
    const { a, link } = await shaken(
      async (handshake) => {
        await handshake.receive(decoder);
        handshake.upgrade(topOf(handshake, Buffer.from('IL\n')));
      },
      { decoder: () => decoder, encoder: (context) => lines().encoder(context) },
    );
    link.stream.write('hello\nEV');
    await until('the setup is over', () => a.node.heuristics.handshakeFailures + a.opened.length === 1);
    expect(a.log.at(-1)!.fields).toMatchObject({ code: 'P2P_ERR_HANDSHAKE_FAILED' });
    expect(a.opened).toEqual([]);
  });

  it('reads no more once its stream was taken while it waited: it may have looked at bytes that went elsewhere', async () => {
    const heard: unknown[] = [];
    const { a, link } = await shaken(async (handshake) => {
      const decoder = lines().decoder(handshake);
      heard.push(await handshake.receive(decoder));
      handshake.receive(decoder).catch(() => {});
      await turn();
      heard.push(String(handshake.takeStream().read(4)));
      link.stream.write('a\nbc\n');
      heard.push(await handshake.receive(decoder));
    });
    link.stream.write('hello\nskip');
    await until('the setup is over', () => a.node.heuristics.handshakeFailures + a.opened.length === 1);
    expect(heard).toEqual(['hello', 'skip']);
  });
});

// INVARIANT: bounded-memory.
describe('a stream that brings no bytes', () => {
  it.each<[string, unknown]>([
    ['a number', 42],
    ['a string', 'text\n'],
    ['an object with a length', { length: 1e12 }],
  ])('costs its own connection, and leaves the budget of the node as it was: %s', async (_, brought) => {
    const { a, link } = await shaken((handshake) => handshake.upgrade(topOf(handshake, brought, true)));
    await until('it is open', () => a.opened.length === 1);
    link.stream.write('.');
    await until('it has ended', () => a.closed.length === 1);
    expect(a.closed[0]!.reason).toMatchObject({ origin: 'reading', cause: 'stream-error' });
    expect(a.node.bufferedBytes).toBe(0);
    expect(a.node.stats.bytesReceived).toBe(0);
  });

  it('ends the handshake that reads from it', async () => {
    let heard: unknown;
    const { a, link } = await shaken(async (handshake) => {
      handshake.upgrade(topOf(handshake, Buffer.from('text\n')).setEncoding('utf8'));
      heard = await handshake.read(1).catch((error: unknown) => error);
      throw heard;
    });
    link.stream.write('.');
    await until('the setup failed', () => a.node.heuristics.handshakeFailures === 1);
    expect(heard).toMatchObject({ code: 'P2P_ERR_HANDSHAKE_ENDED', cause: expect.any(TypeError) });
  });

  it('may bring bytes that are not a Buffer', async () => {
    const { a, link } = await shaken((handshake) =>
      handshake.upgrade(topOf(handshake, new Uint8Array([97, 10]), true)),
    );
    link.stream.write('.');
    await until('it was handled', () => a.messages.length === 1);
    expect(a.messages).toEqual(['a']);
  });
});

// INVARIANT: hook-hurts-its-own.
describe('a stream that cannot be resumed', () => {
  it('costs its own connection, which is counted once, and no rejection is unhandled', async () => {
    const { a } = await shaken((handshake) => {
      const top = new PassThrough();
      top.resume = () => {
        throw new Error('no resume');
      };
      handshake.upgrade(top);
    });
    await until('it has ended', () => a.closed.length === 1);
    expect(a.closed[0]!.reason).toMatchObject({ cause: 'stream-error' });
    const { accepted, openedInbound, handshakeFailures } = a.node.heuristics;
    expect({ accepted, openedInbound, handshakeFailures }).toEqual({
      accepted: 1,
      openedInbound: 1,
      handshakeFailures: 0,
    });
  });

  it('fails the read of a handshake', async () => {
    let heard: unknown;
    const { a } = await shaken(async (handshake) => {
      const top = new PassThrough();
      handshake.upgrade(top);
      top.resume = () => {
        throw new Error('no resume');
      };
      heard = await handshake.read(1).catch((error: unknown) => error);
      throw heard;
    });
    await until('the setup failed', () => a.node.heuristics.handshakeFailures === 1);
    expect(heard).toMatchObject({ code: 'P2P_ERR_HANDSHAKE_ENDED' });
  });
});

describe('a stream that somebody brought along, of which a member throws at some use', () => {
  /** Has the `at`th use of `name` throw. What Node itself calls in later turns (`read`, `resume`) is not ours to catch. */
  function flaky(name: string, at: number): Duplex {
    const stream = new Duplex({ read() {}, write: (_chunk, _encoding, callback) => callback() });
    let uses = 0;
    return new Proxy(stream, {
      get(target, key) {
        if (key === name && ++uses === at) throw new Error('a flaky stream');
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
      },
    });
  }

  const NAMES = [
    'on',
    'off',
    'pause',
    'isPaused',
    'closed',
    'destroyed',
    'errored',
    'readableEnded',
    'readableFlowing',
  ];
  const MORE = ['listenerCount', 'write', 'writableLength', 'writableNeedDrain', 'end', 'unshift'];
  it.each([...NAMES, ...MORE])('%s', async (name) => {
    for (const way of ['accept', 'connect'] as const) {
      for (let at = 1; at <= 8; at++) {
        const a = makeNode(
          { idleTimeoutMs: 0, onDisconnectTimeoutMs: 50 },
          { onHandshake: async () => turn() },
        );
        const stream = flaky(name, at);
        const address = '10.0.0.1:1';
        const made =
          way === 'accept' ? a.node.accept(stream, { address }) : a.node.connect(address, { stream });
        const connection = await made.catch(() => undefined);
        connection?.trySend('hello');
        await turn(4);
        await connection?.disconnect();
        await until('nothing is left', () => a.node.connections.size + a.node.connecting === 0);
        expect(a.closed).toHaveLength(a.opened.length);
        const next = new Duplex({ read() {}, write: (_chunk, _encoding, callback) => callback() });
        await a.node.connect(address, { stream: next });
        expect((await a.node.close({ timeoutMs: 100 })).connections).toBe(1);
        assertConsistent(a.node);
      }
    }
  });
});

// INVARIANT: work-ends-first.
it.each(['a handler', 'nobody'])(
  'a stream that is closed after its end ends the connection at once, though work is under way and %s reads',
  async (who) => {
    let settle = (): void => {};
    const onMessage = () => new Promise<void>((resolve) => void (settle = resolve));
    const node = own(new PeerNode({ codec: lines(), idleTimeoutMs: 0 }));
    node.use(who === 'nobody' ? {} : { onMessage });
    const stream = new Duplex({ read() {}, write: (_c, _e, done) => done(), autoDestroy: false });
    const connection = await node.accept(stream, { address: 'peer:1' });
    connection.hold();
    stream.push('hello\n');
    stream.push(null);
    await until('the end was read', () => stream.readableEnded);
    stream.destroy();
    await once(stream, 'close');
    settle();
    expect(await connection.closed).toEqual({ origin: 'reading', cause: 'ended' });
  },
);
