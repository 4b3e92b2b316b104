import { describe, expect, it } from '@jest/globals';
import { definePlugin, type Connection, type AnyConnection } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { OnDisconnect, OnMessage, Peer, Plugin, Session, SessionConnection } from '@pea2pea/decorators';
import { method, RequestError, Requests, requests, type RequestContext } from '@pea2pea/rpc';
import { OnRequest } from '@pea2pea/rpc/decorators';
import { type LogLine, peerErrorOf, recordingLogger, until } from '@pea2pea/testing';
import { byHand, Caller, codec, connected, gate, inMemory, schemaOf, type Sum } from './requests-lab.js';
import { add, ask, slow, Slow } from './requests-fixture.js';

describe('the method that serves a request', () => {
  it('may stand on a plugin, a session or the peer, and has its own `this`', async () => {
    @Plugin()
    class Extra {
      readonly label = 'plugin';
      @OnRequest(method<void, string>('of-plugin'))
      label1() {
        return this.label;
      }
    }
    @Session({ inject: [SessionConnection] })
    class Visit {
      readonly connection: Connection;
      #visits = 0;
      constructor(connection: Connection) {
        this.connection = connection;
      }
      @OnRequest(method<void, [number, boolean]>('of-session'))
      visit(_params: void, connection: AnyConnection): [number, boolean] {
        return [++this.#visits, connection === this.connection];
      }
    }
    class Base {
      readonly label = 'peer';
      @OnRequest(method<void, string>('of-base'))
      ofBase() {
        return `${this.label}, base`;
      }
    }
    @Peer({ codec, plugins: [requests(), Extra], sessions: [Visit] })
    class Host extends Base {
      override ofBase() {
        return `${super.ofBase()}, overridden`;
      }
    }
    await using hand = await byHand(Host);
    await hand.send(ask(1, 'of-plugin'), ask(2, 'of-session'), ask(3, 'of-base'), ask(4, 'of-session'));
    const answers = await hand.hears(4);
    expect(Object.fromEntries(answers.map(({ id, result }) => [id, result]))).toEqual({
      1: 'plugin',
      2: [1, true],
      3: 'peer, base, overridden',
      4: [2, true],
    });
  });

  it('may call back over the same connection, which a method that holds it up could not', async () => {
    const double = method<{ n: number }, number>('double');
    const viaMe = method<{ n: number }, number>('viaMe');
    @Peer({ codec, plugins: [requests()], inject: [Requests] })
    class Server {
      readonly calls: Requests;
      constructor(calls: Requests) {
        this.calls = calls;
      }
      @OnRequest(viaMe)
      async viaMe({ n }: { n: number }, connection: AnyConnection) {
        return 1 + (await this.calls.call(connection, double, { n }));
      }
    }
    @Peer({ codec, plugins: [requests()] })
    class Client {
      @OnRequest(double)
      async double({ n }: { n: number }) {
        return 2 * n;
      }
    }
    await using pair = await connected(Server, Client);
    expect(await pair.requests.call(pair.connection, viaMe, { n: 4 }, { timeoutMs: 2_000 })).toBe(9);
  });

  it('does not hold up the other messages of the connection', async () => {
    @Peer({ codec, plugins: [requests()] })
    class Busy extends Slow {
      readonly heard: unknown[] = [];
      @OnMessage()
      any(message: unknown) {
        this.heard.push(message);
      }
    }
    await using hand = await byHand(Busy);
    await hand.send(ask(1, 'slow', { n: 1 }), 'a message', ask(2, 'slow', { n: 2 }));
    await until('all have arrived', () => hand.server.peer.begun.length === 2);
    expect(hand.server.peer.heard).toEqual(['a message']);
    expect(hand.requests.running).toBe(2);
    for (const n of [2, 1]) {
      hand.server.peer.gates.get(n)!();
      await until('it is answered', () => hand.heard.some(({ id }) => id === n));
    }
    expect(hand.heard.map(({ id }) => id)).toEqual([2, 1]);
    expect(hand.requests.running).toBe(0);
  });

  it('is given the end of the connection as a signal; its result is then counted and lost', async () => {
    const log: LogLine[] = [];
    const reasons: unknown[] = [];
    @Peer({ codec, plugins: [requests()] })
    class Waits {
      @OnRequest(slow)
      async slow(_params: { n: number }, _connection: AnyConnection, { signal }: RequestContext) {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        reasons.push(signal.reason);
        await Promise.resolve();
        throw new Error('was cut off');
        return 1;
      }
    }
    await using hand = await byHand(Waits, inMemory({ logger: recordingLogger(log) }));
    await hand.send(ask(1, 'slow', { n: 1 }));
    await until('it is served', () => hand.requests.running === 1);
    await hand.back.disconnect('enough');
    await until('the response is given up', () => hand.requests.counters.unsentResponses === 1);
    expect(reasons).toEqual([{ origin: 'user', why: 'enough' }]);
    expect(hand.requests.running).toBe(0);
    expect(log.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('is not called for a peer that has gone while a schema validated', async () => {
    const { promise, open } = gate();
    let called = 0;
    const params = schemaOf<object>(async (value) => {
      await promise;
      return { value: value as object };
    });
    @Peer({ codec, plugins: [requests()] })
    class Checks {
      @OnRequest(method('checked', { params }))
      checked() {
        called++;
      }
    }
    await using hand = await byHand(Checks);
    await hand.send(ask(1, 'checked', {}));
    await until('it is being validated', () => hand.requests.running === 1);
    await hand.back.disconnect();
    open();
    await until('the response is given up', () => hand.requests.counters.unsentResponses === 1);
    expect(called).toBe(0);
  });

  it('may end the connection, and what it answers at once is sent nevertheless', async () => {
    const bye = method<void, string>('bye');
    @Peer({ codec, plugins: [requests()] })
    class Polite {
      @OnRequest(bye)
      bye(_params: void, connection: AnyConnection) {
        void connection.disconnect();
        return 'bye';
      }
      @OnDisconnect()
      async last(connection: Connection<string>) {
        await connection.send('really');
      }
    }
    await using hand = await byHand(Polite);
    await hand.send(ask(1, 'bye'));
    expect(await hand.hears(2)).toEqual([{ jsonrpc: '2.0', id: 1, result: 'bye' }, 'really']);
  });
});

describe('a notification', () => {
  it('is served without a response, whatever becomes of it', async () => {
    const log: LogLine[] = [];
    @Peer({ codec, plugins: [requests()] })
    class Listens {
      readonly heard: unknown[] = [];
      @OnRequest(method<{ text: string }, string>('say'))
      say({ text }: { text: string }) {
        this.heard.push(text);
        if (text === 'refuse') throw new RequestError(1, 'no');
        if (text === 'break') throw new Error('broken');
        return text;
      }
      @OnRequest(add)
      add() {
        this.heard.push('add');
      }
    }
    await using pair = await connected(Listens, Caller, inMemory({ logger: recordingLogger(log) }));
    const { requests: calls, connection } = pair;
    const say = method<{ text: string }>('say');
    await calls.notify(connection, method('nothing'));
    await calls.notify(connection, add, { a: 'wrong' as never, b: 2 });
    for (const text of ['hello', 'refuse', 'break']) await calls.notify(connection, say, { text });
    expect(await calls.call(connection, say, { text: 'last' })).toBe('last');
    expect(pair.server.peer.heard).toEqual(['hello', 'refuse', 'break', 'last']);
    expect(log.filter(({ level }) => level === 'error').map(({ fields }) => fields['err'])).toEqual([
      new Error('broken'),
    ]);
    expect(connection.stats.messagesReceived).toBe(1);
  });

  it('to a connection that has ended rejects', async () => {
    await using pair = await connected(Slow);
    await pair.connection.disconnect();
    await peerErrorOf('P2P_ERR_DISCONNECTED', () => pair.requests.notify(pair.connection, slow, { n: 1 }));
  });
});

describe('a peer that asks and does not read', () => {
  const size = 600;
  const big = method<void, string>('big');
  @Peer({ codec, plugins: [requests({ maxConcurrent: 3, whenBusy: 'refuse' })] })
  class Generous {
    @OnRequest(big)
    big() {
      return 'x'.repeat(size);
    }
  }

  it('keeps `maxConcurrent` responses waiting for room; refusals beyond them are dropped, and counted', async () => {
    // Time stands still: nobody has worked for too long in this turn.
    const clock = new ControlledClock();
    await using hand = await byHand(Generous, inMemory({ clock, outboundQueueBytes: 1_000 }));
    let mostBuffered = 0;
    const { back, requests: serving } = hand;
    const trySend = back.trySend.bind(back);
    back.trySend = (message) => {
      const isQueued = trySend(message);
      mostBuffered = Math.max(mostBuffered, back.bufferedBytes);
      return isQueued;
    };
    // They arrive in one turn, in which nothing is written: as if to somebody who does not read.
    void hand.send(...Array.from({ length: 20 }, (_, id) => ask(id, 'big')));
    const answers = await hand.hears(5);
    // Two cross the limit of the queue, three wait, and the others find neither room nor a slot.
    expect(answers.map(({ id, result }) => [id, (result as string).length])).toEqual(
      [0, 1, 2, 3, 4].map((id) => [id, size]),
    );
    await until('all slots are free', () => serving.running === 0);
    expect(serving.counters).toMatchObject({ served: 5, refused: 15, unsentResponses: 15 });
    expect(mostBuffered).toBeLessThan(1_000 + 2 * size);
  });

  it('leaves nothing behind by what it cancels before it began, nor by lists of refusals', async () => {
    await using hand = await byHand(Slow);
    const { back, requests: serving } = hand;
    const cancelled = (id: number) => ask(undefined, '$/cancelRequest', { id });
    const request = (id: number) => ask(id, 'slow', { n: id });
    await hand.send(request(0));
    // Reading goes on while a call waits for its response.
    void serving.call(back, slow, { n: 0 });
    await hand.hears(1);
    const { trySend, drained } = back;
    const room = gate();
    Object.assign(back, { trySend: () => false, drained: () => room.promise });
    await hand.send([ask('a', 'nothing'), ask('b', 'nothing')]);
    await until('the list is dropped', () => serving.counters.unsentResponses === 2);
    expect(serving.running).toBe(1);
    await hand.send(request(1), request(2));
    await until('three run or wait', () => serving.running + serving.waiting === 3);
    const more = Array.from({ length: 20 }, (_, index) => 10 + index);
    await hand.send(...more.flatMap((id) => [request(id), cancelled(id)]));
    await hand.send([request(30), request(31)], cancelled(30), cancelled(31));
    await until('all are dropped', () => serving.counters.unsentResponses === 24);
    // Their ids are free again.
    Object.assign(back, { trySend, drained });
    await hand.send(request(10), cancelled(10));
    expect((await hand.hears(2))[1]).toMatchObject({ id: 10, error: { code: -32800 } });
  });

  it('has what waits for room given up when it goes', async () => {
    let waiting = 0;
    class Watched extends Requests {
      override onMessage(message: unknown, connection: Connection) {
        const handled = super.onMessage(message, connection);
        // In the turn in which the last one arrives, before anything is written.
        if ((message as { id?: unknown }).id === 4) {
          waiting = this.running;
          void connection.disconnect();
        }
        return handled;
      }
    }
    @Peer({ codec, plugins: [definePlugin(Watched)({ maxConcurrent: 3 })] })
    class Observed extends Generous {}
    // Time stands still: nobody has worked for too long in this turn.
    const clock = new ControlledClock();
    await using hand = await byHand(Observed, inMemory({ clock, outboundQueueBytes: 1_000 }));
    const { back, requests: serving } = hand;
    void hand.send(...Array.from({ length: 5 }, (_, id) => ask(id, 'big')));
    await back.closed;
    expect(waiting).toBe(3);
    await until('they are given up', () => serving.counters.unsentResponses > 0);
    expect(serving.counters.served).toBe(5);
    expect(serving.running).toBe(0);
  });

  it('a burst of requests that are answered at once needs one slot', async () => {
    @Peer({ codec, plugins: [requests({ maxConcurrent: 1 })] })
    class Quick {
      @OnRequest(add)
      add({ a, b }: Sum) {
        return a + b;
      }
    }
    await using hand = await byHand(Quick);
    await hand.send(...Array.from({ length: 100 }, (_, id) => ask(id, 'add', { a: id, b: 1 })));
    expect((await hand.hears(100)).map(({ result }) => result)).toEqual(
      Array.from({ length: 100 }, (_, id) => id + 1),
    );
  });
});
