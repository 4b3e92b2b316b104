import { describe, expect, it } from '@jest/globals';
import { type AnyConnection } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { Peer } from '@pea2pea/decorators';
import { method, Requests, requests } from '@pea2pea/rpc';
import { OnRequest } from '@pea2pea/rpc/decorators';
import { peerErrorOf, until } from '@pea2pea/testing';
import { byHand, Caller, codec, connected, gate, inMemory } from './requests-lab.js';
import { ask, Slow, slow, whoAmI } from './requests-fixture.js';

describe('a peer that asks for more than is served at once', () => {
  it('has it served later, requests and notifications, in the order of their arrival', async () => {
    await using hand = await byHand(Slow);
    const { peer } = hand.server;
    const all = Array.from({ length: 40 }, (_, n) => n);
    // Every other one is a notification.
    void hand.send(...all.map((n) => ask(n % 2 === 0 ? n : undefined, 'slow', { n })));
    for (const n of all) {
      await until(`${n} runs`, () => peer.begun.includes(n));
      expect(hand.requests.running).toBeLessThanOrEqual(2);
      peer.gates.get(n)!();
    }
    await hand.hears(20);
    expect(peer.begun).toEqual(all);
    expect(hand.heard.map(({ result }) => result)).toEqual(all.filter((n) => n % 2 === 0));
    expect(hand.requests.counters).toMatchObject({ served: 40, refused: 0, unsentResponses: 0 });
  });

  it('is not read any further, so that what waits is bounded by its socket', async () => {
    await using hand = await byHand(Slow, inMemory({ inboundQueueBytes: 2_000 }));
    const sending = hand.send(
      ...Array.from({ length: 5_000 }, (_, n) => ask(n, 'slow', { n, pad: 'x'.repeat(100) })),
    );
    await until('it is busy', () => hand.requests.running === 2 && hand.requests.waiting === 1);
    const { bytesReceived } = hand.back.stats;
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(hand.back.stats.bytesReceived).toBe(bytesReceived);
    expect(hand.requests.waiting).toBe(1);
    expect(hand.connection.bufferedBytes).toBeGreaterThan(100_000);
    await hand.back.disconnect();
    await sending.catch(() => {});
    expect(hand.requests.waiting).toBe(0);
  });

  it('is still read while calls to it wait for responses: nodes whose methods call each other do not wait for ever', async () => {
    const relay = method<{ depth: number }, number>('relay');
    @Peer({ codec, plugins: [requests({ maxConcurrent: 2, maxPending: 50 })], inject: [Requests] })
    class Relay {
      readonly calls: Requests;
      constructor(calls: Requests) {
        this.calls = calls;
      }
      @OnRequest(relay)
      async relay({ depth }: { depth: number }, connection: AnyConnection): Promise<number> {
        return depth === 0 ? 0 : 1 + (await this.calls.call(connection, relay, { depth: depth - 1 }));
      }
    }
    await using pair = await connected(Relay, Relay);
    const calls = (side: typeof pair.client, connection: AnyConnection) =>
      Array.from({ length: 30 }, () =>
        side.get(Requests).call(connection, relay, { depth: 1 }, { timeoutMs: 5_000 }),
      );
    const results = await Promise.all([
      ...calls(pair.client, pair.connection),
      ...calls(pair.server, pair.back),
    ]);
    expect(results).toEqual(results.map(() => 1));
  });

  it('is read again as soon as a method that runs calls it', async () => {
    const back = method<void, string>('back');
    const { promise, open } = gate();
    @Peer({ codec, plugins: [requests({ maxConcurrent: 1 })], inject: [Requests] })
    class Late {
      readonly calls: Requests;
      constructor(calls: Requests) {
        this.calls = calls;
      }
      @OnRequest(slow)
      async slow(_params: { n: number }, connection: AnyConnection) {
        await promise;
        await this.calls.call(connection, back, undefined, { timeoutMs: 5_000 });
        return 1;
      }
    }
    await using hand = await byHand(Late);
    void hand.send(ask(1, 'slow', { n: 1 }), ask(2, 'slow', { n: 2 }), ask(3, 'slow', { n: 3 }));
    await until('it is held up', () => hand.requests.waiting === 1);
    open();
    // Each call makes room for one more method, which may be what the peer waits for.
    const called = await hand.hears(3);
    expect(called.map((message) => message['method'])).toEqual(['back', 'back', 'back']);
    expect([hand.requests.running, hand.requests.waiting]).toEqual([3, 0]);
    await hand.send(...[3, 2, 1].map((id) => ({ jsonrpc: '2.0', id, result: 'x' })));
    expect((await hand.hears(6)).slice(3)).toEqual(
      [3, 2, 1].map((id) => ({ jsonrpc: '2.0', id, result: 1 })),
    );
    expect([hand.requests.running, hand.requests.waiting]).toEqual([0, 0]);
  });

  it('and does not reply to calls has at most `backlogBytes` waiting; what is beyond is refused', async () => {
    @Peer({ codec, plugins: [requests({ maxConcurrent: 1, backlogBytes: 2_000 })] })
    class Small extends Slow {}
    await using hand = await byHand(Small);
    const call = hand.requests.call(hand.back, whoAmI);
    await hand.hears(1);
    await hand.send(...Array.from({ length: 30 }, (_, n) => ask(n, 'slow', { n, pad: 'x'.repeat(100) })));
    await until('some are refused', () => hand.requests.counters.refused > 10);
    expect(hand.requests.waiting).toBeLessThan(10);
    expect((await hand.hears(2))[1]).toMatchObject({ error: { code: -32000 } });
    expect(hand.requests.counters.refused + hand.requests.waiting + hand.requests.running).toBe(30);
    await hand.send({ jsonrpc: '2.0', id: 1, result: 'me' });
    expect(await call).toBe('me');
    for (let n = 0; hand.requests.running > 0; n++) {
      await until(`${n} runs`, () => hand.server.peer.gates.has(n) || hand.requests.running === 0);
      hand.server.peer.gates.get(n)?.();
      await until('the next one', () => hand.server.peer.gates.has(n + 1) || hand.requests.running === 0);
    }
  });

  it('and does not read is read itself: two that flood each other do not stop each other', async () => {
    const big = method<void, string>('big');
    @Peer({ codec, plugins: [requests({ maxConcurrent: 2, timeoutMs: 100 })] })
    class Big {
      @OnRequest(big)
      async big() {
        return 'x'.repeat(5_000);
      }
    }
    const clock = new ControlledClock();
    await using hand = await byHand(Big, inMemory({ clock, outboundQueueBytes: 1_000, idleTimeoutMs: 0 }));
    void hand.send(...Array.from({ length: 200 }, (_, id) => ask(id, 'big')));
    await hand.hears(200);
    expect(hand.requests.counters).toMatchObject({ served: 200, refused: 0, unsentResponses: 0 });
  });
});

it('requests that waited and are served at once do not grow the stack, and let others have their turn', async () => {
  @Peer({ codec, plugins: [requests({ maxConcurrent: 1 })] })
  class Quick extends Slow {
    count = 0;
    @OnRequest(method<void, number>('quick'))
    quick() {
      return ++this.count;
    }
  }
  await using hand = await byHand(Quick, inMemory({ idleTimeoutMs: 0 }));
  void hand.requests.call(hand.back, whoAmI, undefined, { timeoutMs: 60_000 });
  await hand.hears(1);
  await hand.send(ask('a', 'slow', { n: 1 }), ask('b', 'slow', { n: 2 }));
  void hand.send(...Array.from({ length: 9_000 }, (_, id) => ask(id, 'quick')));
  await until('they wait', () => hand.requests.waiting === 9_000);
  hand.server.peer.gates.get(1)!();
  // INVARIANT: fair-turns.
  let mostInTurn = 0;
  for (let before = 0; before < 9_000; before = hand.server.peer.count) {
    await new Promise((resolve) => setImmediate(resolve));
    mostInTurn = Math.max(mostInTurn, hand.server.peer.count - before);
  }
  expect(mostInTurn).toBeLessThan(200);
  hand.server.peer.gates.get(2)!();
  await until('all are done', () => hand.requests.running === 0);
});

describe('a caller that makes more calls than may be pending', () => {
  const done = (id: number) => ({ jsonrpc: '2.0', id, result: `r${id}` });

  it('has them wait, in order, and sent as others settle', async () => {
    @Peer({ codec, plugins: [requests({ maxPending: 2 })] })
    class Few {}
    await using hand = await byHand(Few);
    const calls = Array.from({ length: 5 }, () => hand.requests.call(hand.back, whoAmI));
    expect(hand.requests.pending).toBe(5);
    expect((await hand.hears(2)).map(({ id }) => id)).toEqual([1, 2]);
    for (const id of [2, 1, 3, 4, 5]) {
      await hand.hears(id);
      await hand.send(done(id));
    }
    expect(await Promise.all(calls)).toEqual(['r1', 'r2', 'r3', 'r4', 'r5']);
    expect(hand.heard.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5]);
    expect(hand.requests.pending).toBe(0);
  });

  it('has their deadlines and signals run while they wait; those that give up are never sent', async () => {
    const clock = new ControlledClock();
    @Peer({ codec, plugins: [requests({ maxPending: 1, timeoutMs: 1_000 })] })
    class One {}
    await using hand = await byHand(One, inMemory({ clock, idleTimeoutMs: 0 }));
    const { requests: calls, back } = hand;
    const first = calls.call(back, whoAmI, undefined, { timeoutMs: 5_000 });
    const late = calls.call(back, whoAmI);
    const given = new AbortController();
    const aborted = calls.call(back, whoAmI, undefined, { signal: given.signal });
    const last = calls.call(back, whoAmI, undefined, { timeoutMs: 5_000 });
    given.abort();
    await peerErrorOf('P2P_ERR_ABORTED', () => aborted);
    clock.advance(1_100);
    const error = await peerErrorOf('P2P_ERR_REQUEST_TIMEOUT', () => late);
    expect(error.message).toContain('there was no room to send');
    await hand.send(done(1));
    expect(await first).toBe('r1');
    await hand.hears(2);
    await hand.send(done(2));
    expect(await last).toBe('r2');
    expect(hand.heard).toHaveLength(2);
  });

  it('has them wait for room in the outbound queue, and rejected where the connection ends', async () => {
    await using hand = await byHand(Caller, inMemory({ outboundQueueBytes: 500 }));
    const big = method<{ text: string }, string>('big');
    const calls = Array.from({ length: 6 }, () =>
      hand.requests.call(hand.back, big, { text: 'x'.repeat(400) }),
    );
    await hand.hears(6);
    await hand.send(done(1));
    expect(await calls[0]).toBe('r1');
    const more = Array.from({ length: 6 }, () =>
      hand.requests.call(hand.back, big, { text: 'x'.repeat(400) }),
    );
    const end = hand.back.disconnect();
    for (const call of [...calls.slice(1), ...more]) await peerErrorOf('P2P_ERR_DISCONNECTED', () => call);
    await end;
    expect(hand.requests.pending).toBe(0);
  });

  it('keeps a call that waits from being sent where the codec cannot carry it: it alone rejects', async () => {
    @Peer({ codec, plugins: [requests({ maxPending: 1 })] })
    class One {}
    await using hand = await byHand(One);
    const first = hand.requests.call(hand.back, whoAmI);
    const bad = hand.requests.call(hand.back, method<object>('x'), { n: 1n });
    const good = hand.requests.call(hand.back, whoAmI);
    await hand.hears(1);
    await hand.send(done(1));
    await peerErrorOf('P2P_ERR_INVALID_FRAME', () => bad);
    await hand.hears(2);
    await hand.send({ ...done(2), id: hand.heard[1]!.id });
    expect(await Promise.all([first, good])).toEqual(['r1', 'r2']);
  });
});
