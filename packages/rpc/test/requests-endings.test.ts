import { describe, expect, it } from '@jest/globals';
import { connect as connectSocket } from 'node:net';
import { createPeer, Peer } from '@pea2pea/decorators';
import { method, Requests, requests, type RequestContext } from '@pea2pea/rpc';
import { OnRequest } from '@pea2pea/rpc/decorators';
import { type AnyConnection, PeerNode } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { ANYWHERE, lab, peerErrorOf, silentLogger, until } from '@pea2pea/testing';
import { byHand, codec, connected, gate, inMemory } from './requests-lab.js';
import { ask, Slow, slow } from './requests-fixture.js';

const { own } = lab();

describe('a peer that ends its half after its requests', () => {
  it('gets all responses, over TCP, those of requests that waited included; then the connection ends', async () => {
    const server = own(await createPeer(Slow, { config: { logger: silentLogger }, listen: ANYWHERE }));
    const { host, port } = { host: '127.0.0.1', port: server.address!.port };
    const socket = connectSocket({ host, port, allowHalfOpen: true });
    socket.end([1, 2, 3, 4].map((n) => `${JSON.stringify(ask(n, 'slow', { n }))}\n`).join(''));
    let heard = '';
    let isOver = false;
    socket.on('data', (chunk: Buffer) => void (heard += String(chunk))).on('end', () => void (isOver = true));
    const { gates } = server.peer;
    for (const n of [1, 2, 3, 4]) {
      await until(`${n} runs`, () => gates.has(n));
      expect(isOver).toBe(false);
      gates.get(n)!();
    }
    await until('it ends', () => isOver);
    expect(
      heard
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { id: number }).id),
    ).toEqual([1, 2, 3, 4]);
    expect(server.node.connections.size).toBe(0);
    expect(server.get(Requests).counters.unsentResponses).toBe(0);
  });

  it.each([
    ['one by one', 60, 400_000, (request: object) => request],
    ['in batches', 12, 3_000_000, (request: object) => [request]],
  ])(
    'gets the responses of methods that return at once %s, those that wait for room included',
    async (_how, count, size, asSent) => {
      const large = method<void, string>('large');
      const server = own(
        new PeerNode({ codec, logger: silentLogger, outboundQueueBytes: 64 * 1_024 }).use(requests()),
      );
      server.plugin(requests).serve(large, () => 'x'.repeat(size));
      const { port } = await server.listen(ANYWHERE);
      const socket = connectSocket({ host: '127.0.0.1', port, allowHalfOpen: true });
      const asked = Array.from({ length: count }, (_, id) => asSent(ask(id, 'large')));
      const text = asked.map((message) => `${JSON.stringify(message)}\n`).join('');
      socket.end(text);
      // Nobody reads until all was received.
      await until('all was received', () => server.stats.bytesReceived === text.length);
      let heard = '';
      socket.on('data', (chunk: Buffer) => void (heard += String(chunk)));
      await new Promise((resolve) => socket.once('end', resolve));
      // In a batch, what is too large together is an error.
      expect(heard.split('"id":')).toHaveLength(count + 1);
      expect(server.plugin(requests).counters.unsentResponses).toBe(0);
    },
  );

  it('has all its notifications begun, those that waited included', async () => {
    await using hand = await byHand(Slow);
    const { gates } = hand.server.peer;
    // Reading goes on while a call waits for its response.
    void hand.requests.call(hand.back, slow, { n: 0 });
    await hand.hears(1);
    const all = Array.from({ length: 20 }, (_, n) => n);
    await hand.send(...all.map((n) => ask(undefined, 'slow', { n })));
    await until('all have arrived', () => hand.requests.running + hand.requests.waiting === 20);
    void hand.connection.disconnect();
    for (const n of all) {
      await until(`${n} runs`, () => gates.has(n));
      gates.get(n)!();
    }
    expect(await hand.back.closed).toEqual({ origin: 'reading', cause: 'ended' });
    expect(hand.requests.counters.served).toBe(20);
  });

  it('is not waited for where it cancelled them, or where they are notifications', async () => {
    await using hand = await byHand(Slow);
    await hand.send(ask(1, 'slow', { n: 1 }), ask(undefined, 'slow', { n: 2 }));
    await until('both run', () => hand.requests.running === 2);
    await hand.send(ask(undefined, '$/cancelRequest', { id: 1 }));
    void hand.connection.disconnect();
    expect(await hand.back.closed).toEqual({ origin: 'reading', cause: 'ended' });
  });

  it('is waited for no longer than `idleTimeoutMs`', async () => {
    const clock = new ControlledClock();
    await using hand = await byHand(
      Slow,
      inMemory({ clock, idleTimeoutMs: 1_000, onDisconnectTimeoutMs: 60_000 }),
    );
    await hand.send(ask(1, 'slow', { n: 1 }));
    await until('it runs', () => hand.requests.running === 1);
    void hand.connection.disconnect();
    const closed = hand.back.closed;
    for (let turn = 0; hand.back.state === 'open' && turn < 40; turn++) {
      clock.advance(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await closed).toEqual({ origin: 'reading', cause: 'ended' });
  });
});

describe('a connection of which a half has ended', () => {
  it('rejects calls at once whose responses cannot come', async () => {
    await using pair = await connected(Slow, undefined, inMemory({ halfOpen: true }));
    const { connection, back, requests } = pair;
    const waiting = requests.call(connection, slow, { n: 1 });
    await until('it is served', () => pair.server.peer.gates.has(1));
    await back.end();
    const error = await peerErrorOf('P2P_ERR_DISCONNECTED', () => waiting);
    expect(error.cause).toEqual({ origin: 'reading', cause: 'ended' });
    await peerErrorOf('P2P_ERR_DISCONNECTED', () => requests.call(connection, slow, { n: 2 }));
    expect([connection.state, requests.pending]).toEqual(['open', 0]);
    await requests.notify(connection, slow, { n: 3 });
    await until('it has come', () => pair.server.peer.gates.has(3));
  });

  it('refuses calls after our end, those that wait for room included', async () => {
    @Peer({ codec, plugins: [requests({ maxPending: 1 })] })
    class Patient {}
    await using pair = await connected(Slow, Patient, inMemory({ halfOpen: true }));
    const { connection, requests: plugin } = pair;
    const { gates } = pair.server.peer;
    const [first, second] = [1, 2].map((n) => plugin.call(connection, slow, { n }));
    await until('one is served', () => gates.has(1));
    await connection.end();
    await peerErrorOf('P2P_ERR_SENT_AFTER_END', () => plugin.call(connection, slow, { n: 3 }));
    const batch = plugin.batch(connection);
    const inBatch = batch.call(slow, { n: 4 });
    batch.send();
    await peerErrorOf('P2P_ERR_SENT_AFTER_END', () => inBatch);
    gates.get(1)!();
    expect(await first).toBe(1);
    await peerErrorOf('P2P_ERR_SENT_AFTER_END', () => second);
    expect(plugin.pending).toBe(0);
  });
});

describe('close()', () => {
  it('waits for the requests under way, which may call back, and refuses new ones', async () => {
    const last = method<void, string>('last');
    const { promise, open } = gate();
    @Peer({ codec, plugins: [requests()], inject: [Requests] })
    class Busy {
      readonly calls: Requests;
      constructor(calls: Requests) {
        this.calls = calls;
      }
      @OnRequest(slow)
      async slow(_params: { n: number }, connection: AnyConnection) {
        await promise;
        await this.calls.call(connection, last);
        return 7;
      }
    }
    await using hand = await byHand(Busy);
    await hand.send(ask(1, 'slow', { n: 1 }));
    await until('it runs', () => hand.requests.running === 1);
    const closing = hand.server.node.close();
    await until('it is closing', () => hand.server.node.state === 'closing');
    await hand.send(ask(2, 'slow', { n: 2 }), [ask(3, 'slow', { n: 3 })]);
    const refusal = { code: -32001, message: 'this side is closing' };
    expect(await hand.hears(2)).toMatchObject([{ id: 2, error: refusal }, [{ id: 3, error: refusal }]]);
    open();
    const [, , called] = await hand.hears(3);
    await hand.send({ jsonrpc: '2.0', id: called!.id, result: 'x' });
    expect((await hand.hears(4))[3]).toEqual({ jsonrpc: '2.0', id: 1, result: 7 });
    expect((await closing).cut).toEqual([]);
  });

  it('cuts what takes too long, names it, and aborts its signal', async () => {
    const reasons: unknown[] = [];
    @Peer({ codec, plugins: [requests()] })
    class Endless {
      @OnRequest(slow)
      async slow(_params: { n: number }, _connection: AnyConnection, { signal }: RequestContext) {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        reasons.push(signal.reason);
        return 1;
      }
    }
    await using hand = await byHand(Endless);
    await hand.send(ask(1, 'slow', { n: 1 }));
    await until('it runs', () => hand.requests.running === 1);
    const { cut, elapsedMs } = await hand.server.node.close({ timeoutMs: 200 });
    expect(cut).toEqual([{ what: 'work', address: hand.back.address, connection: hand.back.id }]);
    expect(elapsedMs).toBeLessThan(500);
    expect(reasons).toEqual([{ origin: 'shutdown' }]);
  });

  it('of the caller cancels what it called, so that the other side need not wait', async () => {
    await using pair = await connected(Slow);
    const call = pair.requests.call(pair.connection, slow, { n: 1 });
    await until('it runs', () => pair.server.peer.begun.length === 1);
    const startedMs = performance.now();
    await pair.client.close();
    await peerErrorOf('P2P_ERR_DISCONNECTED', () => call);
    await pair.back.closed;
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });
});

it('a method that runs keeps its connection from idling', async () => {
  const clock = new ControlledClock();
  const transport = inMemory().transport;
  const config = { codec, transport, clock, idleTimeoutMs: 1_000, logger: silentLogger };
  const server = own(new PeerNode(config)).use(requests());
  const { promise, open } = gate<number>();
  server.plugin(requests).serve(slow, () => promise);
  const client = own(new PeerNode({ ...config, idleTimeoutMs: 0 })).use(requests({ timeoutMs: 60_000 }));
  const connection = await client.connect(await server.listen(ANYWHERE));
  const call = client.plugin(requests).call(connection, slow, { n: 1 });
  await until('it runs', () => server.plugin(requests).running === 1);
  for (let turn = 0; turn < 50; turn++) {
    clock.advance(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(server.connections.size).toBe(1);
  open(5);
  expect(await call).toBe(5);
  const [back] = server.connections;
  for (let turn = 0; server.connections.size === 1 && turn < 50; turn++) {
    clock.advance(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await back!.closed).toEqual({ origin: 'reading', cause: 'idle-timeout' });
});
