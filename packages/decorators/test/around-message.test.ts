import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from '@jest/globals';
import { memoryTransport, PeerNode, type Connection } from '@pea2pea/core';
import { AroundMessage, createPeer, OnMessage, Peer, Plugin, Session } from '@pea2pea/decorators';
import { ANYWHERE, lab, silentLogger, textCodec, until } from '@pea2pea/testing';

const { own } = lab();
const codec = textCodec();

/** The peer, and what is sent to it. */
async function served(Class: new () => object) {
  const config = { transport: memoryTransport(), logger: silentLogger };
  const handle = own(await createPeer(Class, { config, listen: ANYWHERE }));
  const client = own(new PeerNode<string>({ codec, ...config }));
  const connection = await client.connect(handle.address!);
  return { handle, connection };
}

describe('@AroundMessage', () => {
  it('is around the message methods, plugins outermost, in the order of declaration', async () => {
    const order: string[] = [];
    @Plugin()
    class Outer {
      @AroundMessage()
      around(message: unknown, _connection: Connection, next: () => unknown) {
        order.push(`outer ${String(message)}`);
        const result = next();
        order.push('outer done');
        return result;
      }
    }
    @Peer({ codec, plugins: [Outer] })
    class Host {
      @AroundMessage()
      first(_message: string, _connection: Connection<string>, next: () => unknown) {
        order.push('first');
        return next();
      }
      @AroundMessage()
      second(_message: string, _connection: Connection<string>, next: () => unknown) {
        order.push('second');
        return next();
      }
      @OnMessage()
      hear(message: string) {
        order.push(message);
      }
    }
    const { connection } = await served(Host);
    await connection.send('hello');
    await until('it was handled', () => order.includes('outer done'));
    expect(order).toEqual(['outer hello', 'first', 'second', 'hello', 'outer done']);
  });

  it('has the next message wait for its promise, and carries a context into handlers', async () => {
    const storage = new AsyncLocalStorage<number>();
    const heard: unknown[] = [];
    @Peer({ codec })
    class Host {
      #count = 0;
      @AroundMessage()
      async within(_message: string, _connection: Connection<string>, next: () => unknown) {
        await storage.run(++this.#count, next);
        heard.push('after');
      }
      @OnMessage()
      async hear(message: string) {
        await Promise.resolve();
        heard.push([message, storage.getStore()]);
      }
    }
    const { connection } = await served(Host);
    await Promise.all([connection.send('one'), connection.send('two')]);
    await until('both were handled', () => heard.length === 4);
    expect(heard).toEqual([['one', 1], 'after', ['two', 2], 'after']);
  });

  it('keeps a message from everybody by not calling next, and ends the connection by throwing', async () => {
    const heard: string[] = [];
    @Peer({ codec })
    class Host {
      @AroundMessage()
      guard(message: string, _connection: Connection<string>, next: () => unknown) {
        if (message === 'fault') throw new Error('not that');
        return message === 'secret' ? undefined : next();
      }
      @OnMessage()
      hear(message: string) {
        heard.push(message);
      }
    }
    const { handle, connection } = await served(Host);
    await Promise.all([connection.send('secret'), connection.send('hello')]);
    await until('one was handled', () => heard.length === 1);
    expect(heard).toEqual(['hello']);
    await connection.send('fault');
    await connection.closed;
    expect(handle.node.inside.ended).toEqual({ 'reading: handler-error': 1 });
  });

  it('is refused on a session, with what to do', async () => {
    @Session()
    class Visit {
      @AroundMessage()
      around(_message: unknown, _connection: Connection, next: () => unknown) {
        return next();
      }
    }
    @Peer({ codec, sessions: [Visit] })
    class Host {
      @OnMessage()
      hear() {}
    }
    await expect(createPeer(Host)).rejects.toMatchObject({
      code: 'P2P_ERR_INVALID_SESSION',
      message: expect.stringMatching(
        /Visit\.around\(\) has @AroundMessage.*move it to a plugin or to the peer/,
      ),
    });
  });

  it('is refused without its parentheses, and on what is not a public instance method', () => {
    const invalid = expect.objectContaining({ code: 'P2P_ERR_INVALID_DECORATOR' });
    expect(() => (AroundMessage as (...site: unknown[]) => unknown)({}, 'around', {})).toThrow(invalid);
    expect(() => (AroundMessage() as (...site: unknown[]) => unknown)(class {}, 'around')).toThrow(invalid);
  });
});
