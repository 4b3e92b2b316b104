import { describe, expect, it } from '@jest/globals';
import { type AnyConnection, PeerError } from '@pea2pea/core';
import { defer } from '@pea2pea/core/authoring';
import { ControlledClock } from '@pea2pea/core/testing';
import { Peer } from '@pea2pea/decorators';
import {
  DIALECTS,
  method,
  requests,
  type Dialect,
  type DialectName,
  type RequestContext,
} from '@pea2pea/rpc';
import { OnRequest } from '@pea2pea/rpc/decorators';
import { type LogLine, peerErrorOf as errorOf, recordingLogger, until } from '@pea2pea/testing';
import { byHand, Caller, codec, connected, inMemory } from './requests-lab.js';
import { ask, failure, Slow, slow, whoAmI } from './requests-fixture.js';

const notification = (name: string, params: unknown) => ({ jsonrpc: '2.0', method: name, params });

/** A peer that speaks `dialect`, whose method ends with its signal. */
function cooperative(dialect: DialectName | Dialect) {
  @Peer({ codec, plugins: [requests({ dialect, maxConcurrent: 1 })] })
  class Cooperative {
    readonly reasons: unknown[] = [];
    readonly ids: unknown[] = [];
    @OnRequest(slow)
    async slow({ n }: { n: number }, _connection: AnyConnection, { signal, id }: RequestContext) {
      this.ids.push(id);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      this.reasons.push(signal.reason);
      if (n === 0) return 'done all the same' as never;
      throw new Error('gave up');
    }
  }
  return Cooperative;
}

describe.each([
  ['lsp', '$/cancelRequest', (id: unknown) => ({ id }), -32800],
  ['mcp', 'notifications/cancelled', (requestId: unknown) => ({ requestId, reason: 'x' }), -32800],
  ['jrpc2', 'rpc.cancel', (id: unknown) => [id, 'unknown', null], -32097],
] as const)('in the dialect %s', (dialect, name, paramsOf, code) => {
  it('a request that the peer cancels has its signal aborted, and an error that says so', async () => {
    const log: LogLine[] = [];
    await using hand = await byHand(cooperative(dialect), inMemory({ logger: recordingLogger(log) }));
    const { reasons, ids } = hand.server.peer;
    await hand.send(ask('x', 'slow', { n: 1 }));
    await until('it runs', () => hand.requests.running === 1);
    await hand.send(notification(name, paramsOf('x')), notification(name, paramsOf('x')));
    expect(await hand.hears(1)).toEqual([failure('x', code, 'the request was cancelled')]);
    expect(ids).toEqual(['x']);
    expect(PeerError.is(reasons[0], 'P2P_ERR_ABORTED')).toBe(true);
    expect(log.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([]);
    expect(hand.requests.counters.refused).toBe(0);
  });

  it('a method that asks for the signal of its request after that was cancelled is given one that has aborted', async () => {
    const cancelled = defer();
    const signals: AbortSignal[] = [];
    @Peer({ codec, plugins: [requests({ dialect })] })
    class Late {
      @OnRequest(slow)
      async slow(
        _params: { n: number },
        _connection: AnyConnection,
        request: RequestContext,
      ): Promise<never> {
        await cancelled.promise;
        signals.push(request.signal);
        throw request.signal.reason;
      }
    }
    await using hand = await byHand(Late);
    await hand.send(ask('x', 'slow', { n: 1 }), notification(name, paramsOf('x')), ask('y', 'unknown'));
    await hand.hears(1); // what was sent before was read
    cancelled.resolve();
    expect((await hand.hears(2)).at(-1)).toEqual(failure('x', code, 'the request was cancelled'));
    expect(signals.map(({ aborted, reason }) => [aborted, PeerError.is(reason, 'P2P_ERR_ABORTED')])).toEqual([
      [true, true],
    ]);
  });

  it('one that waits is never begun, and one that is done all the same has its result', async () => {
    await using hand = await byHand(cooperative(dialect));
    await hand.send(ask(1, 'slow', { n: 0 }), ask(2, 'slow', { n: 2 }));
    // Nothing more is read while 2 waits, unless a call of ours is under way.
    void hand.requests.call(hand.back, whoAmI);
    await hand.send(ask(3, 'slow', { n: 3 }));
    await until('all have arrived', () => hand.requests.running + hand.requests.waiting === 3);
    await hand.send(notification(name, paramsOf(3)), notification(name, paramsOf(1)));
    await until('both are responded to', () => hand.heard.length === 3);
    expect(hand.heard.slice(1)).toEqual([
      failure(3, code, 'the request was cancelled'),
      { jsonrpc: '2.0', id: 1, result: 'done all the same' },
    ]);
    await hand.send(notification(name, paramsOf(2)));
    await hand.hears(4);
    expect([hand.requests.running, hand.requests.waiting]).toEqual([0, 0]);
  });

  it('a call that is given up is cancelled: by its signal, its deadline, or the end of the connection', async () => {
    const clock = new ControlledClock();
    @Peer({ codec, plugins: [requests({ dialect, timeoutMs: 1_000 })] })
    class Dialled {}
    const log: LogLine[] = [];
    await using hand = await byHand(
      Dialled,
      inMemory({ clock, idleTimeoutMs: 0, logger: recordingLogger(log) }),
    );
    const { requests: calls, back } = hand;
    const given = new AbortController();
    const aborted = calls.call(back, whoAmI, undefined, { signal: given.signal });
    const late = calls.call(back, whoAmI);
    const last = calls.call(back, whoAmI, undefined, { timeoutMs: 9_000 });
    given.abort();
    await errorOf('P2P_ERR_ABORTED', () => aborted);
    clock.advance(1_100);
    await errorOf('P2P_ERR_REQUEST_TIMEOUT', () => late);
    await hand.send(failure(1, code, 'cancelled'), failure(2, code, 'cancelled'));
    await until('they are counted', () => calls.counters.lateResponses === 2);
    expect(log.filter(({ level }) => level === 'warn')).toEqual([]);
    const ended = back.disconnect();
    await errorOf('P2P_ERR_DISCONNECTED', () => last);
    const cancelled = (await hand.hears(6)).slice(3);
    expect(cancelled).toEqual([1, 2, 3].map((id) => notification(name, DIALECTS[dialect].cancel.params(id))));
    void hand.connection.disconnect();
    await ended;
  });
});

describe('without a dialect', () => {
  it('nothing is sent or understood beside requests and responses', async () => {
    @Peer({ codec, plugins: [requests({ dialect: 'none' })] })
    class Plain extends Slow {}
    await using hand = await byHand(Plain);
    const given = new AbortController();
    const call = hand.requests.call(hand.back, whoAmI, undefined, { signal: given.signal });
    await hand.hears(1);
    given.abort();
    await errorOf('P2P_ERR_ABORTED', () => call);
    await errorOf('P2P_ERR_INVALID_CONFIG', () =>
      hand.requests.call(hand.back, whoAmI, undefined, { onProgress() {} }),
    );
    await hand.send(ask(1, 'slow', { n: 1 }), notification('$/cancelRequest', { id: 1 }), ask(2, 'nothing'));
    expect((await hand.hears(2))[1]).toMatchObject({ id: 2 });
    expect(hand.requests.counters.refused).toBe(2);
    hand.server.peer.gates.get(1)!();
    await hand.hears(3);
  });

  it.each([['pascal'], [{ cancel: {} }], [{ cancle: {} }], [5], [{ progress: { method: 'x' } }]])(
    'or with one such as %j, the options make no sense',
    async (dialect) => {
      @Peer({ codec, plugins: [requests({ dialect: dialect as never })] })
      class Odd {}
      await errorOf('P2P_ERR_INVALID_CONFIG', () => byHand(Odd));
    },
  );
});

describe('a dialect of your own', () => {
  it('says how requests are cancelled', async () => {
    const dialect: Dialect = {
      cancel: {
        method: 'stop',
        code: 499,
        params: (id) => ({ ids: [id] }),
        idsIn: (params) => (params as { ids: unknown[] }).ids,
      },
    };
    await using hand = await byHand(cooperative(dialect));
    await hand.send(ask(1, 'slow', { n: 1 }));
    await until('it runs', () => hand.requests.running === 1);
    await hand.send(notification('stop', { ids: [1] }));
    expect(await hand.hears(1)).toEqual([failure(1, 499, 'the request was cancelled')]);
  });

  it('gives way to a method that serves its notification', async () => {
    @Peer({ codec, plugins: [requests()] })
    class Own {
      readonly heard: unknown[] = [];
      @OnRequest(method<{ id: number }, void>('$/cancelRequest'))
      cancel(params: { id: number }) {
        this.heard.push(params);
      }
    }
    await using hand = await byHand(Own);
    await hand.send(notification('$/cancelRequest', { id: 1 }));
    await until('it is heard', () => hand.server.peer.heard.length === 1);
  });
});

describe('progress', () => {
  const work = method<{ steps: number }, string>('work');
  @Peer({ codec, plugins: [requests()] })
  class Worker {
    readonly told: boolean[] = [];
    @OnRequest(work)
    async work({ steps }: { steps: number }, _connection: AnyConnection, request: RequestContext) {
      for (let step = 1; step <= steps; step++) this.told.push(request.progress({ step }));
      return 'done';
    }
  }

  it('arrives at the caller that asked for it, in order, before the result', async () => {
    await using pair = await connected(Worker);
    const heard: unknown[] = [];
    const onProgress = (value: unknown) => void heard.push(value);
    const result = pair.requests.call(pair.connection, work, { steps: 3 }, { onProgress });
    expect(await result).toBe('done');
    expect(heard).toEqual([{ step: 1 }, { step: 2 }, { step: 3 }]);
    expect(await pair.requests.call(pair.connection, work, { steps: 1 })).toBe('done');
    expect(pair.server.peer.told).toEqual([true, true, true, false]);
  });

  it('is a notification with the token of the params', async () => {
    await using hand = await byHand(Worker);
    await hand.send(ask(1, 'work', { steps: 1, workDoneToken: 'token' }));
    expect(await hand.hears(2)).toEqual([
      notification('$/progress', { token: 'token', value: { step: 1 } }),
      { jsonrpc: '2.0', id: 1, result: 'done' },
    ]);
  });

  it('has the form of MCP there', async () => {
    @Peer({ codec, plugins: [requests({ dialect: 'mcp' })] })
    class Mcp extends Worker {}
    await using hand = await byHand(Mcp);
    await hand.send(ask(1, 'work', { steps: 1, _meta: { progressToken: 7 } }));
    expect((await hand.hears(2))[0]).toEqual(
      notification('notifications/progress', { progressToken: 7, step: 1 }),
    );
    const heard: unknown[] = [];
    void hand.requests.call(hand.back, work, { steps: 1 }, { onProgress: (value) => void heard.push(value) });
    expect((await hand.hears(3))[2]).toEqual(ask(1, 'work', { steps: 1, _meta: { progressToken: 1 } }));
    await hand.send(notification('notifications/progress', { progressToken: 1, progress: 5, total: 10 }));
    await until('it is heard', () => heard.length === 1);
    expect(heard).toEqual([{ progress: 5, total: 10 }]);
  });

  it('that nobody asked for, or that a callback throws for, does no harm', async () => {
    const log: LogLine[] = [];
    await using hand = await byHand(Caller, inMemory({ logger: recordingLogger(log) }));
    const onProgress = () => {
      throw new Error('no');
    };
    const call = hand.requests.call(hand.back, work, { steps: 1 }, { onProgress });
    await hand.hears(1);
    for (const params of [{ token: 1, value: 1 }, { token: 9 }, {}, [], undefined])
      await hand.send(notification('$/progress', params));
    await hand.send({ jsonrpc: '2.0', id: 1, result: 'x' });
    expect(await call).toBe('x');
    expect(log.filter(({ level }) => level === 'error').map(({ text }) => text)).toEqual([
      'onProgress of a call threw',
    ]);
  });
});
