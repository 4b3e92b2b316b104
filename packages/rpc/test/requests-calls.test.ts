import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import type { StandardIssue } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { Peer } from '@pea2pea/decorators';
import { method, RequestError, Requests, requests } from '@pea2pea/rpc';
import { OnRequest } from '@pea2pea/rpc/decorators';
import { hostileValues, peerErrorOf, until } from '@pea2pea/testing';
import { byHand, Caller, codec, connected, gate, inMemory, schemaOf, type Sum } from './requests-lab.js';
import { add, concat, Server, silent, whoAmI } from './requests-fixture.js';

describe('a call', () => {
  it('is answered with what the method of the peer answers, at once or later', async () => {
    await using pair = await connected(Server);
    expect(await pair.requests.call(pair.connection, add, { a: 1, b: 2 })).toBe(3);
    expect(await pair.requests.call(pair.connection, concat, ['a', 'b'])).toBe('ab');
    expect(await pair.requests.call(pair.connection, whoAmI)).toBe(pair.back.address.toString());
    expect(pair.requests.pending).toBe(0);
    expect(pair.server.get(Requests).counters.served).toBe(3);
  });

  it('without a result is answered with null', async () => {
    await using pair = await connected(Server);
    const note = method<{ text: string }>('note');
    expect(await pair.requests.call(pair.connection, note, { text: 'x' })).toBeNull();
  });

  it('goes both ways over one connection, with the same ids', async () => {
    @Peer({ codec, plugins: [requests()] })
    class Client {
      @OnRequest(add)
      add({ a, b }: Sum) {
        return 100 * (a + b);
      }
    }
    await using pair = await connected(Server, Client);
    const there = pair.requests.call(pair.connection, add, { a: 1, b: 2 });
    const back = pair.server.get(Requests).call(pair.back, add, { a: 1, b: 2 });
    expect(await Promise.all([there, back])).toEqual([3, 300]);
  });

  it('is answered whatever order the responses come in', async () => {
    await using hand = await byHand(Caller);
    const calls = ['a', 'b'].map((text) => hand.requests.call(hand.back, concat, [text, text]));
    const [first, second] = await hand.hears(2);
    expect([first, second]).toEqual([
      { jsonrpc: '2.0', id: 1, method: 'concat', params: ['a', 'a'] },
      { jsonrpc: '2.0', id: 2, method: 'concat', params: ['b', 'b'] },
    ]);
    await hand.send({ jsonrpc: '2.0', id: 2, result: 'bb' }, { jsonrpc: '2.0', id: 1, result: 'aa' });
    expect(await Promise.all(calls)).toEqual(['aa', 'bb']);
  });

  it('through a client reads like a function', async () => {
    await using pair = await connected(Server);
    const server = pair.requests.client(pair.connection, { sum: add, whoAmI });
    expect(await server.sum({ a: 1, b: 2 })).toBe(3);
    expect(await server.whoAmI()).toBe(pair.back.address.toString());
    await peerErrorOf('P2P_ERR_ABORTED', () => server.whoAmI(undefined, { signal: AbortSignal.abort() }));
  });

  it('that the peer refuses rejects with the code and data of the peer', async () => {
    @Peer({ codec, plugins: [requests()] })
    class Refusing {
      @OnRequest(whoAmI)
      whoAmI(): string {
        throw new RequestError(403, 'not you', { banned: true });
      }
    }
    await using pair = await connected(Refusing);
    const error = await peerErrorOf('P2P_ERR_REQUEST_FAILED', () =>
      pair.requests.call(pair.connection, whoAmI),
    );
    expect(error).toBeInstanceOf(RequestError);
    expect(error).toMatchObject({
      rpcCode: 403,
      rpcMessage: 'not you',
      data: { banned: true },
      from: pair.connection.address,
    });
    expect(error.message).toContain(`${pair.connection.address} refused with 403 "not you"`);
  });
});

describe('a deadline', () => {
  it('is 10 s unless the plugin or the call says otherwise; the response after it is ignored', async () => {
    const clock = new ControlledClock();
    @Peer({ codec, plugins: [requests({ timeoutMs: 2_000 })] })
    class Impatient {}
    for (const [Class, options, timeoutMs] of [
      [Caller, {}, 10_000],
      [Impatient, {}, 2_000],
      [Impatient, { timeoutMs: 3_000 }, 3_000],
    ] as const) {
      await using hand = await byHand(Class, inMemory({ clock, idleTimeoutMs: 0 }));
      const call = hand.requests.call(hand.back, whoAmI, undefined, options);
      await hand.hears(1);
      clock.advance(timeoutMs - 1);
      expect(hand.requests.pending).toBe(1);
      clock.advance(1);
      const error = await peerErrorOf('P2P_ERR_REQUEST_TIMEOUT', () => call);
      expect(hand.requests.pending).toBe(0);
      expect(error.message).toContain(`did not respond to 'whoAmI' within ${timeoutMs} ms`);
      await hand.send({ jsonrpc: '2.0', id: 1, result: 'late' });
      await until('the response is counted', () => hand.requests.counters.lateResponses === 1);
    }
    expect(clock.pending).toBe(0);
  });

  it('hears a response that has come when it is over', async () => {
    const clock = new ControlledClock();
    await using hand = await byHand(Caller, inMemory({ clock, idleTimeoutMs: 0 }));
    const call = hand.requests.call(hand.back, whoAmI, undefined, { timeoutMs: 500 });
    await hand.hears(1);
    void hand.send({ jsonrpc: '2.0', id: 1, result: 'in time' });
    clock.advance(800); // it is on its way, and nobody has read it
    expect(await call).toBe('in time');
  });

  it('costs one timer for all calls of a node, set to the earliest', async () => {
    const clock = new ControlledClock();
    await using hand = await byHand(Caller, inMemory({ clock, idleTimeoutMs: 0 }));
    const before = clock.pending;
    const ended: number[] = [];
    const calls = [300, 100, 200, 100].map((timeoutMs) =>
      hand.requests.call(hand.back, whoAmI, undefined, { timeoutMs }).catch(() => ended.push(timeoutMs)),
    );
    expect(clock.pending).toBe(before + 1);
    await hand.hears(4);
    await hand.send({ jsonrpc: '2.0', id: 2, result: 'in time' });
    await until('it is answered', () => hand.requests.pending === 3);
    for (const [after, expected] of [
      [99, []],
      [1, [100]],
      [99, [100]],
      [1, [100, 200]],
      [100, [100, 200, 300]],
    ] as const) {
      clock.advance(after);
      await until('it is judged', () => clock.pending <= before + 1 && ended.length >= expected.length);
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
      expect(ended).toEqual(expected);
    }
    await Promise.all(calls);
    expect(clock.pending).toBe(before);
  });

  it('leaves no timer behind when the node closes', async () => {
    const clock = new ControlledClock();
    const pair = await connected(Server, Caller, inMemory({ clock }));
    expect(await pair.requests.call(pair.connection, add, { a: 1, b: 2 })).toBe(3);
    const open = pair.requests.call(pair.connection, silent);
    await pair[Symbol.asyncDispose]();
    await peerErrorOf('P2P_ERR_DISCONNECTED', () => open);
    expect(clock.pending).toBe(0);
  });

  it('that makes no sense is refused', async () => {
    await using pair = await connected(Server);
    for (const timeoutMs of [0, -1, 0.5, NaN, Infinity, 2 ** 31]) {
      const error = await peerErrorOf('P2P_ERR_INVALID_CONFIG', () =>
        pair.requests.call(pair.connection, whoAmI, undefined, { timeoutMs }),
      );
      expect(error.message).toContain('`timeoutMs` must be');
    }
  });
});

describe('a signal', () => {
  /** One that knows its listeners. */
  function watched() {
    const controller = new AbortController();
    const { signal } = controller;
    let listeners = 0;
    const spy = (name: 'addEventListener' | 'removeEventListener', change: number) => {
      const real = signal[name].bind(signal);
      signal[name] = (...args: Parameters<typeof real>) => {
        listeners += change;
        Reflect.apply(real, signal, args);
      };
    };
    spy('addEventListener', 1);
    spy('removeEventListener', -1);
    return { controller, signal, listeners: () => listeners };
  }

  it('gives the call up, with its reason as the cause', async () => {
    await using pair = await connected(Server);
    const { controller, signal, listeners } = watched();
    const call = pair.requests.call(pair.connection, silent, undefined, { signal });
    expect(listeners()).toBe(1);
    controller.abort('changed my mind');
    expect((await peerErrorOf('P2P_ERR_ABORTED', () => call)).cause).toBe('changed my mind');
    expect(pair.requests.pending).toBe(0);
    expect(listeners()).toBe(0);
  });

  it('has one listener for fifty calls and none after them', async () => {
    const { signal } = new AbortController();
    await using pair = await connected(Server);
    const calls = Array.from({ length: 50 }, () =>
      pair.requests.call(pair.connection, add, { a: 1, b: 2 }, { signal }),
    );
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await Promise.all(calls);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it.each<[string, unknown]>([
    ['its controller', new AbortController()],
    ['null', null],
  ])('that is not one, such as %s, refuses the call before anything is sent', async (_what, signal) => {
    await using hand = await byHand(Caller);
    const options = { signal: signal as AbortSignal };
    for (let time = 0; time < 2; time++) {
      await peerErrorOf('P2P_ERR_INVALID_CONFIG', () =>
        hand.requests.call(hand.back, whoAmI, undefined, options),
      );
    }
    expect(hand.requests.pending).toBe(0);
    await hand.requests.notify(hand.back, whoAmI);
    expect(await hand.hears(1)).toEqual([{ jsonrpc: '2.0', method: 'whoAmI' }]);
  });

  it('that has aborted sends nothing', async () => {
    await using hand = await byHand(Caller);
    const options = { signal: AbortSignal.abort('before') };
    const error = await peerErrorOf('P2P_ERR_ABORTED', () =>
      hand.requests.call(hand.back, whoAmI, undefined, options),
    );
    expect(error.cause).toBe('before');
    await hand.requests.notify(hand.back, whoAmI);
    expect(await hand.hears(1)).toEqual([{ jsonrpc: '2.0', method: 'whoAmI' }]);
  });

  it('has one listener, however many calls it is for, and gives them all up', async () => {
    await using pair = await connected(Server);
    const { controller, signal, listeners } = watched();
    const calls = Array.from({ length: 20 }, () =>
      pair.requests.call(pair.connection, silent, undefined, { signal }),
    );
    await pair.requests.call(pair.connection, add, { a: 1, b: 2 }, { signal });
    expect(listeners()).toBe(1);
    controller.abort();
    for (const call of calls) await peerErrorOf('P2P_ERR_ABORTED', () => call);
    expect(listeners()).toBe(0);
  });

  it('has no listener left once the call is settled, or was never sent', async () => {
    await using pair = await connected(Server);
    const { signal, listeners } = watched();
    await pair.requests.call(pair.connection, add, { a: 1, b: 2 }, { signal });
    expect(listeners()).toBe(0);
    const cycle: { a: number; b: number; self?: unknown } = { a: 1, b: 2 };
    cycle.self = cycle;
    await peerErrorOf('P2P_ERR_INVALID_FRAME', () =>
      pair.requests.call(pair.connection, add, cycle, { signal }),
    );
    expect(listeners()).toBe(0);
  });
});

describe('a call that cannot be made', () => {
  it("is refused beyond `maxPending` where `whenPendingFull` is 'refuse', and made again when one is responded to", async () => {
    @Peer({ codec, plugins: [requests({ whenPendingFull: 'refuse' })] })
    class Strict {}
    await using hand = await byHand(Strict);
    const { requests: calls, back } = hand;
    const pending = Array.from({ length: 256 }, () => calls.call(back, whoAmI));
    const error = await peerErrorOf('P2P_ERR_TOO_MANY_REQUESTS', () => calls.call(back, whoAmI));
    expect(error.message).toContain('256 requests');
    await hand.hears(256);
    await hand.send({ jsonrpc: '2.0', id: 1, result: 'one' });
    expect(await pending[0]).toBe('one');
    void calls.call(back, whoAmI);
    expect(await hand.hears(257)).toHaveLength(257);
  });

  it('rejects at once when the codec cannot carry it, or the queue is full and it is not to wait', async () => {
    @Peer({ codec, plugins: [requests({ whenPendingFull: 'refuse' })] })
    class Strict {}
    await using pair = await connected(Server, Strict, inMemory({ outboundQueueBytes: 1_000 }));
    const { requests: calls, connection } = pair;
    await peerErrorOf('P2P_ERR_INVALID_FRAME', () => calls.call(connection, method<object>('x'), { n: 1n }));
    const big = calls.call(connection, concat, ['x'.repeat(1_000), '']);
    await peerErrorOf('P2P_ERR_QUEUE_FULL', () => calls.call(connection, whoAmI));
    expect(calls.pending).toBe(1);
    expect(await big).toHaveLength(1_000);
  });

  it('rejects when the connection has ended, with the reason as the cause', async () => {
    await using pair = await connected(Server);
    const { requests: calls, connection } = pair;
    const open = calls.call(connection, silent);
    const end = connection.disconnect('enough');
    const ending = calls.call(connection, add, { a: 1, b: 2 });
    for (const call of [open, ending]) {
      const { cause } = await peerErrorOf('P2P_ERR_DISCONNECTED', () => call);
      expect(cause).toEqual({ origin: 'user', why: 'enough' });
    }
    await end;
    const { cause } = await peerErrorOf('P2P_ERR_DISCONNECTED', () => calls.call(connection, whoAmI));
    expect(cause).toEqual({ origin: 'user', why: 'enough' });
    expect(calls.pending).toBe(0);
    expect(pair.server.get(Requests).counters.served).toBe(1);
  });

  it('rejects when the peer goes, and nothing breaks if nobody awaits it', async () => {
    await using pair = await connected(Server);
    const unhandled: unknown[] = [];
    const note = (error: unknown) => unhandled.push(error);
    process.on('unhandledRejection', note);
    try {
      void pair.requests.call(pair.connection, silent);
      const call = pair.requests.call(pair.connection, silent);
      await until('they are served', () => pair.server.get(Requests).running === 2);
      await pair.back.disconnect();
      expect((await peerErrorOf('P2P_ERR_DISCONNECTED', () => call)).cause).toEqual({
        origin: 'reading',
        cause: 'ended',
      });
      void pair.requests.call(pair.connection, silent);
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });

  it('on the connection of another node is refused, rather than never answered', async () => {
    await using pair = await connected(Server);
    const error = await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => pair.requests.call(pair.back, whoAmI));
    expect(error.message).toContain('is not a connection of');
  });
});

describe('a result', () => {
  const result = schemaOf<string, Date>((value) => {
    const date = new Date(String(value));
    return Number.isNaN(date.getTime()) ? { issues: [{ message: 'no date' }] } : { value: date };
  });
  const later = schemaOf<string, string>(async (value) => ({ value: `${String(value)}, later` }));

  it('is what its schema makes of it, at once or later', async () => {
    await using hand = await byHand(Caller);
    const dated = hand.requests.call(hand.back, method('when', { result }));
    const delayed = hand.requests.call(hand.back, method('later', { result: later }));
    await hand.hears(2);
    await hand.send(
      { jsonrpc: '2.0', id: 1, result: '2020-01-01T00:00:00Z' },
      { jsonrpc: '2.0', id: 2, result: 'x' },
    );
    expect((await dated).getUTCFullYear()).toBe(2020);
    expect(await delayed).toBe('x, later');
  });

  it('that its schema does not take rejects the call, with the issues as the cause', async () => {
    await using hand = await byHand(Caller);
    const call = hand.requests.call(hand.back, method('when', { result }));
    await hand.hears(1);
    await hand.send({ jsonrpc: '2.0', id: 1, result: 'soon' });
    const error = await peerErrorOf('P2P_ERR_INVALID_RESPONSE', () => call);
    expect(error.cause).toEqual([{ message: 'no date' }]);
    expect(error.message).toContain("to 'when' does not match its schema: no date");
  });

  it.each(hostileValues())('that has %s for an issue rejects the call', async (_, make) => {
    const { value } = make();
    const schema = schemaOf<string>(() => ({ issues: [value] as StandardIssue[] }));
    await using hand = await byHand(Caller);
    const call = hand.requests.call(hand.back, method('when', { result: schema }));
    await hand.hears(1);
    await hand.send({ jsonrpc: '2.0', id: 1, result: 'soon' });
    const error = await peerErrorOf('P2P_ERR_INVALID_RESPONSE', () => call);
    expect(error.message).toContain("to 'when' does not match its schema");
    expect(error.message.length).toBeLessThan(1_000);
  });

  it('whose schema throws, rejects or answers nothing rejects the call', async () => {
    const broken = new Error('broken schema');
    const schemas = [
      schemaOf<string>(() => {
        throw broken;
      }),
      schemaOf<string>(() => Promise.reject(broken)),
      schemaOf<string>(() => ({}) as never),
    ];
    await using hand = await byHand(Caller);
    for (const [index, schema] of schemas.entries()) {
      const call = hand.requests.call(hand.back, method('x', { result: schema }));
      await hand.hears(index + 1);
      await hand.send({ jsonrpc: '2.0', id: index + 1, result: '' });
      const { cause } = await peerErrorOf('P2P_ERR_INVALID_RESPONSE', () => call);
      expect(cause).toEqual(index < 2 ? broken : expect.any(TypeError));
    }
  });

  it('that is still being validated when the connection ends is kept; its deadline holds', async () => {
    const clock = new ControlledClock();
    await using hand = await byHand(Caller, inMemory({ clock, idleTimeoutMs: 0 }));
    const gates = [gate(), gate()];
    const [kept, hanging] = gates.map(({ promise }, index) => {
      const schema = schemaOf<string>(async (value) => {
        await promise;
        return { value: value as string };
      });
      return hand.requests.call(hand.back, method(`slow-${index}`, { result: schema }));
    });
    await hand.hears(2);
    await hand.send(
      { jsonrpc: '2.0', id: 1, result: 'kept' },
      { jsonrpc: '2.0', id: 2, result: 'never' },
      { jsonrpc: '2.0', id: 1, result: 'a second one' },
    );
    await until('the second one is late', () => hand.requests.counters.lateResponses === 1);
    await hand.connection.disconnect();
    await hand.back.closed;
    gates[0]!.open();
    expect(await kept).toBe('kept');
    clock.advance(10_000);
    await peerErrorOf('P2P_ERR_REQUEST_TIMEOUT', () => hanging);
    expect(clock.pending).toBe(0);
  });
});
