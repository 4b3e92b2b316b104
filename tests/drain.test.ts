import { describe, expect, it } from '@jest/globals';
import { json, lengthDelimited } from '@pea2pea/codecs';
import { PeerNode } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { method, requests } from '@pea2pea/rpc';
import { hostileValues, inMemory, join, lab, listen, never, soon, turn, until } from '@pea2pea/testing';

const { makeNode, own } = lab();

/** A handler that is done when the test says so. */
function gate(): { readonly wait: () => Promise<void>; open(): void; readonly waiting: () => number } {
  const waiters: (() => void)[] = [];
  return {
    wait: () => new Promise<void>((resolve) => waiters.push(resolve)),
    open: () => {
      for (const waiter of waiters.splice(0)) waiter();
    },
    waiting: () => waiters.length,
  };
}

describe('drain()', () => {
  it('is not ready at once, lets nobody in, lets a handler finish and its reply go out, then closes', async () => {
    const network = inMemory();
    const { wait, open, waiting } = gate();
    const a = makeNode(network, {
      onMessage: async (message, connection) => {
        await wait();
        connection.trySend(`done: ${message}`);
      },
    });
    const b = makeNode(network);
    const c = makeNode(network);
    const [connection] = await join(b, a);
    const address = a.node.address!;
    connection.trySend('work');
    await until('it works', () => waiting() === 1);
    const draining = a.node.drain();
    expect([a.node.state, a.node.inside.isReady]).toEqual(['draining', false]);
    await until('it does not listen', () => a.node.address === undefined);
    await expect(c.node.connect(address)).rejects.toMatchObject({ code: 'P2P_ERR_CONNECT_FAILED' });
    await expect(listen(a)).rejects.toMatchObject({ code: 'P2P_ERR_SHUTTING_DOWN' });
    await turn(5);
    expect(a.node.connections.size).toBe(1);
    open();
    const report = await soon('the drain', draining);
    expect(report).toMatchObject({ cut: [], close: { cut: [], connections: 0 } });
    expect(a.node.state).toBe('closed');
    await until('the reply', () => b.messages.length === 1);
    expect(b.messages).toEqual(['done: work']);
  });

  it('ends a connection whose peer never stops sending when the handler of now is done', async () => {
    const network = inMemory();
    const { wait, open, waiting } = gate();
    const handled: string[] = [];
    const a = makeNode(network, {
      onMessage: async (message) => {
        await wait();
        handled.push(message);
      },
    });
    const b = makeNode(network);
    const [connection] = await join(b, a);
    for (let count = 1; count <= 5; count++) connection.trySend(`${count}`);
    await until('it works', () => waiting() === 1);
    const draining = a.node.drain();
    await turn(3);
    const pumping = setInterval(open, 1); // each further handler that begins is let through, too
    try {
      await soon('the drain', draining);
    } finally {
      clearInterval(pumping);
    }
    expect(handled.length).toBeLessThan(5);
    expect(handled.length).toBeGreaterThan(0);
  });

  it('cuts a handler that hangs at its deadline, and names it', async () => {
    const clock = new ControlledClock();
    const network = { ...inMemory(), clock };
    const a = makeNode(network, { onMessage: never });
    const b = makeNode(network);
    const [connection] = await join(b, a);
    connection.trySend('hang');
    await until('it works', () => a.node.inside.of(a.opened[0]!).isHandling);
    const draining = a.node.drain({ timeoutMs: 5_000 });
    await turn(5);
    expect(a.node.state).toBe('draining');
    clock.advance(5_000);
    const report = await soon('the drain', draining);
    expect(report.cut).toEqual([
      { what: 'handler', address: a.opened[0]!.address, connection: a.opened[0]!.id },
    ]);
    expect(report.elapsedMs).toBe(5_000);
  });

  it('finishes requests that are under way, and refuses those that come later', async () => {
    const codec = json(lengthDelimited());
    const work = method<{ id: number }, string>('work');
    const { wait, open, waiting } = gate();
    const make = (): PeerNode<unknown> => own(new PeerNode<unknown>({ codec, ...network })).use(requests());
    const network = inMemory();
    const [server, client] = [make(), make()];
    server.plugin(requests).serve(work, async ({ id }) => {
      await wait();
      return `done: ${id}`;
    });
    const connection = await client.connect(await server.listen({ host: '127.0.0.1', port: 0 }));
    const first = client.plugin(requests).call(connection, work, { id: 1 });
    await until('it works', () => waiting() === 1);
    const draining = server.drain();
    await turn(3);
    await expect(client.plugin(requests).call(connection, work, { id: 2 })).rejects.toMatchObject({
      rpcCode: -32001,
    });
    open();
    expect(await soon('the response', first)).toBe('done: 1');
    expect(await soon('the drain', draining)).toMatchObject({ cut: [], close: { cut: [] } });
  });

  it('keeps what this side dialled until handlers that need it are done', async () => {
    const codec = json(lengthDelimited());
    const [ask, fetchIt] = [method<object, string>('ask'), method<object, string>('fetch')];
    const network = inMemory();
    const make = (): PeerNode<unknown> => own(new PeerNode<unknown>({ codec, ...network })).use(requests());
    const [client, front, back] = [make(), make(), make()];
    const { wait, open, waiting } = gate();
    const anywhere = { host: '127.0.0.1', port: 0 };
    back.plugin(requests).serve(fetchIt, () => 'from behind');
    const behind = await front.connect(await back.listen(anywhere));
    front.plugin(requests).serve(ask, async () => {
      await wait();
      return front.plugin(requests).call(behind, fetchIt, {});
    });
    const connection = await client.connect(await front.listen(anywhere));
    const answer = client.plugin(requests).call(connection, ask, {});
    await until('it works', () => waiting() === 1);
    const draining = front.drain();
    await turn(5);
    open();
    expect(await soon('the response', answer)).toBe('from behind');
    expect((await soon('the drain', draining)).cut).toEqual([]);
  });

  it('serves as before for delayMs, though it is not ready', async () => {
    const clock = new ControlledClock();
    const network = { ...inMemory(), clock };
    const a = makeNode(network);
    const b = makeNode(network);
    await listen(a);
    const draining = a.node.drain({ delayMs: 1_000 });
    expect(a.node.inside.isReady).toBe(false);
    await join(b, a);
    expect(a.node.connections.size).toBe(1);
    clock.advance(1_000);
    await soon('the drain', draining);
    expect(a.node.state).toBe('closed');
  });

  it('called twice is one drain', async () => {
    const network = inMemory();
    const onDrain: string[] = [];
    const a = makeNode(network, { onDrain: () => void onDrain.push('told') });
    await listen(a);
    const [one, other] = await Promise.all([a.node.drain(), a.node.drain({ timeoutMs: 1 })]);
    expect(one).toEqual(other);
    expect(onDrain).toEqual(['told']);
    expect(await a.node.drain()).toEqual(one);
  });

  it('is cut short by close(), which is what a second signal calls', async () => {
    const network = inMemory();
    const a = makeNode(network, { onMessage: never });
    const [connection] = await join(makeNode(network), a);
    connection.trySend('hang');
    await until('it works', () => a.node.inside.of(a.opened[0]!).isHandling);
    const draining = a.node.drain();
    await turn(3);
    const closed = await soon('close()', a.node.close());
    expect((await soon('the drain', draining)).close).toBe(closed);
  });

  it('during the start ends the start, as close() does', async () => {
    const { wait, open } = gate();
    const a = makeNode(inMemory(), { onStart: wait });
    const starting = listen(a);
    starting.catch(() => {});
    await until('it listens', () => a.node.address !== undefined);
    await soon('the drain', a.node.drain());
    open();
    await expect(starting).rejects.toMatchObject({ code: 'P2P_ERR_SHUTTING_DOWN' });
    expect(a.node.state).toBe('closed');
  });

  it('of a node that was never started closes it; after close() it joins that', async () => {
    const a = makeNode(inMemory());
    expect(await a.node.drain()).toMatchObject({ cut: [], close: { connections: 0 } });
    await expect(a.node.start()).rejects.toMatchObject({ code: 'P2P_ERR_SHUTTING_DOWN' });
    const b = makeNode(inMemory());
    const report = await b.node.close();
    expect(await b.node.drain()).toEqual({ elapsedMs: 0, cut: [], close: report });
  });

  it('with keepOpen leaves the node to be closed', async () => {
    const a = makeNode(inMemory());
    await listen(a);
    expect((await a.node.drain({ keepOpen: true })).close).toBeUndefined();
    expect(a.node.state).toBe('draining');
    await a.node.close();
    expect(a.node.state).toBe('closed');
  });

  it('goes on when an onDrain throws, rejects or hangs', async () => {
    const clock = new ControlledClock();
    for (const onDrain of [
      () => {
        throw hostileValues()[0]![1]().value;
      },
      () => Promise.reject(new Error('no')),
      never,
    ]) {
      const a = makeNode({ ...inMemory(), clock }, { onDrain });
      await listen(a);
      const draining = a.node.drain({ timeoutMs: 100 });
      await turn(3);
      clock.advance(100);
      expect(await soon('the drain', draining)).toMatchObject({ cut: [] });
    }
  });

  it.each([
    ['an unknown option', { timeout: 5 }],
    ['a timeout of 0', { timeoutMs: 0 }],
    ['a delay below 0', { delayMs: -1 }],
    ['a keepOpen that is not true or false', { keepOpen: 1 }],
  ])('refuses %s, and the node stays up', async (_, options) => {
    const a = makeNode(inMemory());
    await listen(a);
    await expect(a.node.drain(options as object)).rejects.toMatchObject({ code: 'P2P_ERR_INVALID_CONFIG' });
    expect(a.node.state).toBe('open');
  });
});
