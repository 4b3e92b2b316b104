import { describe, expect, it } from '@jest/globals';
import { Peer } from '@pea2pea/decorators';
import { method, RequestError, requests } from '@pea2pea/rpc';
import { OnRequest } from '@pea2pea/rpc/decorators';
import { type LogLine, peerErrorOf, recordingLogger, until } from '@pea2pea/testing';
import { byHand, Caller, codec, connected, inMemory, type Sum } from './requests-lab.js';
import { add, ask, concat, failure, Server, Slow, whoAmI } from './requests-fixture.js';

const big = method<{ size: number }, string>('big');
const huge = method<void, bigint>('huge');

@Peer({ codec, plugins: [requests({ maxConcurrent: 2, maxBatch: 5 })] })
class Batching {
  readonly noted: unknown[] = [];
  @OnRequest(add)
  async add({ a, b }: Sum) {
    return a + b;
  }
  @OnRequest(big)
  big({ size }: { size: number }) {
    return 'x'.repeat(size);
  }
  @OnRequest(huge)
  huge() {
    return 1n;
  }
  @OnRequest(method<{ text: string }, void>('note'))
  note({ text }: { text: string }) {
    this.noted.push(text);
  }
}

const sum = (id: unknown) => ask(id, 'add', { a: 1, b: 2 });
const done = (id: unknown, result: unknown = 3) => ({ jsonrpc: '2.0', id, result });
const last = ask('last', 'big', { size: 1 });

describe('a batch of the peer', () => {
  it('is responded to with one list, members as they are done, more than are served at once', async () => {
    await using hand = await byHand(Batching);
    await hand.send([
      sum(1),
      sum(2),
      sum(3),
      ask(undefined, 'note', { text: 'hi' }),
      ask(4, 'big', { size: 2 }),
    ]);
    const [list] = await hand.hears(1);
    expect(list).toHaveLength(4);
    expect(list).toEqual(expect.arrayContaining([done(1), done(2), done(3), done(4, 'xx')]));
    expect(hand.server.peer.noted).toEqual(['hi']);
    expect([hand.requests.running, hand.requests.waiting]).toEqual([0, 0]);
  });

  it('of methods that return at once lets others have their turn, and is finished though the node closes', async () => {
    @Peer({ codec, plugins: [requests()] })
    class Quick {
      count = 0;
      @OnRequest(method<void, number>('quick'))
      quick() {
        return ++this.count;
      }
    }
    await using hand = await byHand(Quick, inMemory({ idleTimeoutMs: 0 }));
    const { peer } = hand.server;
    const ids = Array.from({ length: 1_000 }, (_, id) => id);
    void hand.send(ids.map((id) => ask(id, 'quick')));
    await until('it has begun', () => peer.count > 0);
    // INVARIANT: fair-turns.
    let mostInTurn = 0;
    for (let before = 0; before < 500; before = peer.count) {
      await new Promise((resolve) => setImmediate(resolve));
      mostInTurn = Math.max(mostInTurn, peer.count - before);
    }
    expect(mostInTurn).toBeLessThan(200);
    // INVARIANT: work-ends-first.
    const [[list], report] = await Promise.all([hand.hears(1), hand.server.close()]);
    expect(report.cut).toEqual([]);
    const responses = list as unknown as { id: number; error?: { code: number } }[];
    expect(responses.map(({ id }) => id)).toEqual(ids);
    expect(responses.filter(({ error }) => error?.code === -32001)).toHaveLength(1_000 - peer.count);
  });

  it('of notifications alone has no response', async () => {
    await using hand = await byHand(Batching);
    await hand.send([ask(undefined, 'note', { text: 'a' }), ask(undefined, 'nothing')], last);
    expect(await hand.hears(1)).toEqual([done('last', 'x')]);
    expect(hand.server.peer.noted).toEqual(['a']);
  });

  it('without members is refused with one error, and one with too many is', async () => {
    await using hand = await byHand(Batching);
    await hand.send(
      [],
      Array.from({ length: 6 }, (_, id) => sum(id)),
    );
    expect(await hand.hears(2)).toEqual([
      failure(null, -32600, 'the batch is empty'),
      failure(null, -32600, 'a batch has at most 5 members'),
    ]);
    expect(hand.requests.counters).toMatchObject({ served: 0, refused: 2 });
  });

  it('has an error for each member that is not valid', async () => {
    await using hand = await byHand(Batching);
    await hand.send([1, [], { jsonrpc: '2.0', id: 7 }, sum(1), sum(1)]);
    const [list] = (await hand.hears(1)) as unknown as [{ id: unknown; error?: { code: number } }[]];
    expect(list.map(({ id, error }) => [id, error?.code])).toEqual([
      [null, -32600],
      [null, -32600],
      [7, -32600],
      [1, -32600],
      [1, undefined],
    ]);
  });

  it('of no JSON-RPC at all passes by, unless all messages are meant for the plugin', async () => {
    await using hand = await byHand(Batching);
    await hand.send([1, 2], [[]], last);
    expect(await hand.hears(1)).toEqual([done('last', 'x')]);
    @Peer({ codec, plugins: [requests({ exclusive: true })] })
    class Exclusive {}
    await using other = await byHand(Exclusive);
    await other.send([1, 2], { id: 5, method: 'add' }, 'text');
    expect(await other.hears(3)).toEqual([
      [
        failure(null, -32600, 'a member of the batch is not a JSON-RPC 2.0 object'),
        failure(null, -32600, 'a member of the batch is not a JSON-RPC 2.0 object'),
      ],
      failure(5, -32600, 'the message is not a JSON-RPC 2.0 object'),
      failure(null, -32600, 'the message is not a JSON-RPC 2.0 object'),
    ]);
  });

  it('has errors in the place of results that are too large together', async () => {
    await using hand = await byHand(Batching, inMemory({ outboundQueueBytes: 20_000 }));
    await hand.send([1, 2, 3, 4].map((id) => ask(id, 'big', { size: 4_000 })));
    const [list] = (await hand.hears(1)) as unknown as [{ result?: string; error?: { code: number } }[]];
    expect(list.map(({ result, error }) => error?.code ?? result?.length)).toEqual([
      4_000, 4_000, -32000, -32000,
    ]);
    await hand.send([ask(5, 'big', { size: 9_000 })]);
    expect(await hand.hears(2)).toMatchObject([{}, [{ id: 5 }]]);
  });

  it('whose results cannot be encoded has internal errors, and a line in the log', async () => {
    const log: LogLine[] = [];
    await using hand = await byHand(Batching, inMemory({ logger: recordingLogger(log) }));
    await hand.send([ask(1, 'huge'), sum(2)]);
    const [list] = await hand.hears(1);
    expect(list).toEqual([failure(1, -32603, 'internal error'), failure(2, -32603, 'internal error')]);
    expect(log.filter(({ level }) => level === 'error').map(({ text }) => text)).toEqual([
      'a batch failed: its responses cannot be encoded',
    ]);
  });

  it('waits for room as responses do, in a slot', async () => {
    await using hand = await byHand(Batching, inMemory({ outboundQueueBytes: 1_000 }));
    void hand.send(
      ...[1, 2, 3, 4].map((id) => [ask(id, 'big', { size: 600 }), ask(-id, 'big', { size: 5 })]),
    );
    const lists = (await hand.hears(4)) as unknown as { id: number }[][];
    expect(lists.map((list) => list.map(({ id }) => id))).toEqual([
      [1, -1],
      [2, -2],
      [3, -3],
      [4, -4],
    ]);
    await until('all slots are free', () => hand.requests.running === 0);
    expect(hand.requests.counters.unsentResponses).toBe(0);
  });
});

describe('a batch of ours', () => {
  it('is one message, and each call of it settles by itself', async () => {
    await using pair = await connected(Server);
    const { requests: calls, connection, server } = pair;
    const batch = calls.batch(connection);
    const three = batch.call(add, { a: 1, b: 2 });
    batch.notify(method<{ text: string }>('note'), { text: 'in a batch' });
    const wrong = batch.call(add, { a: 1, b: 'x' as never });
    const text = batch.call(concat, ['a', 'b'], { timeoutMs: 2_000 });
    expect(calls.pending).toBe(0);
    batch.send();
    batch.send();
    expect(await Promise.all([three, text])).toEqual([3, 'ab']);
    expect(RequestError.is(await wrong.catch((error: unknown) => error))).toBe(true);
    expect(server.peer.noted).toEqual(['in a batch']);
    expect(pair.back.stats.messagesReceived).toBe(1);
    expect(connection.stats.messagesReceived).toBe(1);
    expect(calls.pending).toBe(0);
  });

  it('may be responded to one by one, in any order, and in several lists', async () => {
    await using hand = await byHand(Caller);
    const batch = hand.requests.batch(hand.back);
    const results = [1, 2, 3, 4].map(() => batch.call(whoAmI));
    batch.send();
    await hand.hears(1);
    await hand.send([done(3, 'c')], done(1, 'a'), [done(4, 'd'), done(2, 'b')]);
    expect(await Promise.all(results)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('that is empty is not sent, and one that is full or sent takes no more', async () => {
    @Peer({ codec, plugins: [requests({ maxBatch: 2 })] })
    class Small {}
    await using hand = await byHand(Small);
    hand.requests.batch(hand.back).send();
    const batch = hand.requests.batch(hand.back);
    void batch.call(whoAmI);
    batch.notify(whoAmI);
    await peerErrorOf('P2P_ERR_TOO_MANY_REQUESTS', () => batch.call(whoAmI));
    await peerErrorOf('P2P_ERR_TOO_MANY_REQUESTS', () => batch.notify(whoAmI));
    batch.send();
    expect(await hand.hears(1)).toEqual([[ask(1, 'whoAmI'), { jsonrpc: '2.0', method: 'whoAmI' }]]);
    const late = hand.requests.batch(hand.back);
    late.send();
    await peerErrorOf('P2P_ERR_TOO_MANY_REQUESTS', () => late.call(whoAmI));
  });

  it('rejects its calls where it cannot be sent, or the connection has ended', async () => {
    await using hand = await byHand(Caller);
    const bad = hand.requests.batch(hand.back);
    const calls = [bad.call(whoAmI), bad.call(method<object>('x'), { n: 1n })];
    bad.send();
    for (const call of calls) await peerErrorOf('P2P_ERR_INVALID_FRAME', () => call);
    const late = hand.requests.batch(hand.back);
    const lateCall = late.call(whoAmI);
    const given = new AbortController();
    const aborted = late.call(whoAmI, undefined, { signal: given.signal });
    given.abort();
    await peerErrorOf('P2P_ERR_ABORTED', () => aborted);
    await hand.back.disconnect();
    late.send();
    await peerErrorOf('P2P_ERR_DISCONNECTED', () => lateCall);
    await peerErrorOf('P2P_ERR_DISCONNECTED', () => hand.requests.batch(hand.back));
    expect(hand.requests.pending).toBe(0);
  });

  it('of notifications alone throws where it cannot be sent, or the connection has ended', async () => {
    await using hand = await byHand(Caller);
    const bad = hand.requests.batch(hand.back).notify(method<object>('x'), { n: 1n });
    await peerErrorOf('P2P_ERR_INVALID_FRAME', () => bad.send());
    const late = hand.requests.batch(hand.back).notify(whoAmI);
    await hand.back.disconnect();
    await peerErrorOf('P2P_ERR_DISCONNECTED', () => late.send());
  });

  it('waits as a whole until `maxPending` has room for all of it', async () => {
    @Peer({ codec, plugins: [requests({ maxPending: 2 })] })
    class Few {}
    await using hand = await byHand(Few);
    const first = hand.requests.call(hand.back, whoAmI);
    const batch = hand.requests.batch(hand.back);
    const [one, two] = [batch.call(whoAmI), batch.call(whoAmI)];
    batch.send();
    const behind = hand.requests.call(hand.back, whoAmI);
    expect(hand.requests.pending).toBe(4);
    expect(await hand.hears(1)).toHaveLength(1);
    await hand.send(done(1, 'a'));
    expect((await hand.hears(2))[1]).toHaveLength(2);
    await hand.send([done(2, 'b'), done(3, 'c')]);
    await hand.hears(3);
    await hand.send(done(4, 'd'));
    expect(await Promise.all([first, one, two, behind])).toEqual(['a', 'b', 'c', 'd']);
  });
});

it('a node that serves slowly is not asked to serve a batch by halves', async () => {
  await using hand = await byHand(Slow);
  await hand.send([1, 2, 3].map((n) => ask(n, 'slow', { n })));
  await until('two run', () => hand.server.peer.begun.length === 2);
  expect([hand.requests.running, hand.requests.waiting]).toEqual([2, 1]);
  for (const n of [1, 2]) hand.server.peer.gates.get(n)!();
  await until('the third runs', () => hand.server.peer.begun.length === 3);
  expect(hand.heard).toEqual([]);
  hand.server.peer.gates.get(3)!();
  expect((await hand.hears(1))[0]).toHaveLength(3);
});
