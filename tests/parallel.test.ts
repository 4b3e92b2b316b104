import { describe, expect, it } from '@jest/globals';
import { duplexPair } from 'node:stream';
import { json, lines } from '@pea2pea/codecs';
import { PeerNode, type Connection, SocketAddress } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { bans, keepAlive, reconnect } from '@pea2pea/policies';
import { method, requests } from '@pea2pea/rpc';
import { ANYWHERE, inMemory, lab, listen, until, type TestNode } from '@pea2pea/testing';

const { makeNode, own } = lab();

const PARALLEL = { parallel: true } as const;

/** Connects `from` to `to` that many times; resolves when all are open on both sides. */
async function pool(from: TestNode, to: TestNode, size: number) {
  await from.node.start();
  const before = to.node.connections.size;
  const address = to.node.address ?? (await listen(to));
  const dials = Array.from({ length: size }, () => from.node.connect(address, PARALLEL));
  const connections = await Promise.all(dials);
  await until('all are open', () => to.node.connections.size === before + size);
  return { address, connections };
}

const idsOf = (connections: Iterable<Connection<string>>): number[] =>
  Array.from(connections, ({ id }) => id);

const sum = method<readonly number[], number>('sum');

const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('connect(address, { parallel: true })', () => {
  it('makes one more connection with an address, over TCP, and each has its own messages', async () => {
    const [client, server] = [
      makeNode(),
      makeNode(
        {},
        { onMessage: (message, connection) => void connection.trySend(`${message} at ${connection.id}`) },
      ),
    ];
    const { address, connections } = await pool(client, server, 3);
    expect(client.node.connections.size).toBe(3);
    expect(idsOf(client.node.connections.all(address))).toEqual(idsOf(connections));
    expect(client.node.connections.get(address)).toBe(connections[0]);
    expect(client.node.connections.has(address)).toBe(true);
    expect(idsOf(client.node.connections)).toEqual(idsOf(connections));
    for (const connection of connections) await connection.send('hello');
    await until('all replied', () => client.messages.length === 3);
    expect(new Set(client.messages).size).toBe(3);
    expect(client.node.broadcast('to all')).toBe(3);
    expect(client.node.broadcast('to all but one', { except: connections[1]! })).toBe(2);
  });

  it('stays the exception: without it a second connection is refused, whatever the first was', async () => {
    const network = inMemory();
    let letIn = (): void => {};
    const onHandshake = (): Promise<void> => new Promise((resolve) => (letIn = resolve));
    const [client, server] = [makeNode(network, { onHandshake }), makeNode(network)];
    const address = await listen(server);
    const first = client.node.connect(address, PARALLEL);
    await until('it is being set up', () => client.node.isConnecting(address));
    expect(await errorOf(client.node.connect(address))).toMatchObject({ code: 'P2P_ERR_ALREADY_CONNECTING' });
    letIn();
    await first;
    expect(await errorOf(client.node.connect(address))).toMatchObject({ code: 'P2P_ERR_ALREADY_CONNECTED' });
    const second = client.node.connect(address, PARALLEL);
    await until('it is being set up, beside the first', () => client.node.isConnecting(address));
    expect(client.node.connections.get(address)).toBe(await first);
    expect(await errorOf(client.node.connect(address))).toMatchObject({ code: 'P2P_ERR_ALREADY_CONNECTED' });
    letIn();
    const both = [await first, await second];
    expect(idsOf(client.node.connections.all(address))).toEqual(idsOf(both));
    expect(client.node.isConnecting(address)).toBe(false);
  });

  it('an address is free when the last of its connections has ended, in whichever order they end', async () => {
    const network = inMemory();
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 0, 2],
    ]) {
      const [client, server] = [makeNode(network), makeNode(network)];
      const { address, connections } = await pool(client, server, 3);
      const left = new Set(connections);
      for (const index of order) {
        expect(await errorOf(client.node.connect(address))).toMatchObject({
          code: 'P2P_ERR_ALREADY_CONNECTED',
        });
        await connections[index]!.disconnect();
        left.delete(connections[index]!);
        expect(idsOf(client.node.connections.all(address))).toEqual(idsOf(left));
        expect(client.node.connections.get(address)).toBe([...left][0]);
      }
      expect(client.node.connections.has(address)).toBe(false);
      await client.node.connect(address);
    }
  });

  it('disconnect by address ends all of them, and says whether it ended one', async () => {
    const network = inMemory();
    const [client, server] = [makeNode(network), makeNode(network)];
    const { address, connections } = await pool(client, server, 3);
    void connections[0]!.disconnect('by itself');
    expect(await client.node.disconnect(address, 'done')).toBe(true);
    expect(client.closed.map(({ reason }) => 'why' in reason && reason.why).sort()).toEqual([
      'by itself',
      'done',
      'done',
    ]);
    expect(client.node.connections.size).toBe(0);
    expect(await client.node.disconnect(address)).toBe(false);
  });

  it('each counts: for maxConnections, for maxConnectionsPerIp, for maxConnecting', async () => {
    const network = inMemory();
    const server = makeNode(network);
    const address = await listen(server);
    const cases = [
      [{ maxConnections: 2, maxConnecting: 2 }, 'P2P_ERR_TOO_MANY_CONNECTIONS'],
      [{ maxConnectionsPerIp: 2 }, 'P2P_ERR_TOO_MANY_CONNECTIONS_PER_IP'],
    ] as const;
    for (const [limits, code] of cases) {
      const client = makeNode({ ...network, ...limits });
      const first = await client.node.connect(address, PARALLEL);
      await client.node.connect(address, PARALLEL);
      expect(await errorOf(client.node.connect(address, PARALLEL))).toMatchObject({ code });
      await first.disconnect();
      await client.node.connect(address, PARALLEL);
    }
    const client = makeNode({ ...network, maxConnecting: 2 });
    const dials = [1, 2, 3].map(() => client.node.connect(address, PARALLEL));
    expect(await errorOf(dials[2]!)).toMatchObject({ code: 'P2P_ERR_TOO_MANY_CONNECTING' });
    await Promise.all(dials.slice(0, 2));
  });

  it('serves a name of several addresses: a dial that takes two gives back the one that it did not use', async () => {
    const network = inMemory();
    const clock = new ControlledClock();
    const transport = {
      ...network.transport,
      name: 'named',
      listen: network.transport.listen.bind(network.transport),
      resolve: () => [new SocketAddress('10.0.0.1', 80), new SocketAddress('10.0.0.2', 80)],
      connect: network.transport.connect.bind(network.transport),
    };
    const server = makeNode(network);
    await server.node.listen({ host: '10.0.0.2', port: 80 });
    const client = makeNode({ transport, clock });
    const connections = await Promise.all(
      [1, 2, 3].map(() => client.node.connect('peer.example:80', PARALLEL)),
    );
    expect(idsOf(client.node.connections.all('10.0.0.2:80'))).toEqual(idsOf(connections));
    expect(client.node.isConnecting('10.0.0.1:80')).toBe(false);
    expect([...client.node.connections]).toHaveLength(3);
  });

  it('a dial to the own listening address is refused all the same', async () => {
    const node = makeNode();
    const address = await listen(node);
    expect(await errorOf(node.node.connect(address, PARALLEL))).toMatchObject({
      code: 'P2P_ERR_SELF_CONNECT',
    });
  });

  it('a dial that fails or is cancelled leaves the others and the address as they were', async () => {
    const network = inMemory();
    const [client, server] = [makeNode(network), makeNode(network)];
    const { address, connections } = await pool(client, server, 2);
    const cancelled = client.node.connect(address, { ...PARALLEL, signal: AbortSignal.abort() });
    expect(await errorOf(cancelled)).toMatchObject({ code: 'P2P_ERR_ABORTED' });
    await server.node.stopListening();
    expect(await errorOf(client.node.connect(address, PARALLEL))).toMatchObject({
      code: 'P2P_ERR_CONNECT_FAILED',
    });
    expect(idsOf(client.node.connections.all(address))).toEqual(idsOf(connections));
  });

  it('is true or false, and known by that name alone', async () => {
    const { node } = makeNode();
    const refused = { code: 'P2P_ERR_INVALID_CONFIG' };
    expect(await errorOf(node.connect('10.0.0.1:80', { parallel: 1 as never }))).toMatchObject(refused);
    expect(await errorOf(node.connect('10.0.0.1:80', { paralel: true } as never))).toMatchObject(refused);
  });
});

describe('accept(stream, { parallel: true })', () => {
  it('takes several streams of one client, whose address is all that a proxy tells', async () => {
    const a = makeNode();
    const from = { address: '203.0.113.7:0' };
    const first = await a.node.accept(duplexPair()[0], from);
    expect(await errorOf(a.node.accept(duplexPair()[0], from))).toMatchObject({
      code: 'P2P_ERR_ALREADY_CONNECTED',
    });
    const second = await a.node.accept(duplexPair()[0], { ...from, ...PARALLEL });
    expect(idsOf(a.node.connections.all(from.address))).toEqual(idsOf([first, second]));
  });

  it('keeps its word in the waiting line', async () => {
    const a = makeNode(
      { maxConnecting: 1 },
      { onHandshake: async (handshake) => void (await handshake.read(1)) },
    );
    const pairs = [duplexPair(), duplexPair()];
    const accepted = pairs.map(([here]) => a.node.accept(here, { address: '203.0.113.7:0', ...PARALLEL }));
    for (const [, there] of pairs) there.write('x');
    expect(await Promise.all(accepted)).toHaveLength(2);
  });
});

describe('what is built on addresses', () => {
  it('a ban ends all connections with the address', async () => {
    const network = inMemory();
    const [client, server] = [makeNode(network), makeNode(network)];
    const banning = makeNode(network);
    banning.node.use(bans());
    const { address } = await pool(banning, server, 3);
    banning.node.plugin(bans).ban(address);
    await until('all have ended', () => banning.node.connections.size === 0);
    expect(client.closed).toEqual([]);
  });

  it('reconnect takes one of them for the connection that it keeps, and when that ends another', async () => {
    const network = inMemory();
    const clock = new ControlledClock();
    const [client, server] = [makeNode({ ...network, clock }), makeNode(network)];
    client.node.use(reconnect({ stableAfterMs: 0 }));
    const { address, connections } = await pool(client, server, 2);
    const plugin = client.node.plugin(reconnect);
    plugin.add(address);
    const kept = (): unknown => {
      const [status] = plugin.status();
      return status?.state === 'connected' ? status.connection : undefined;
    };
    await until('it follows the first', () => kept() === connections[0]);
    await server.opened[0]!.disconnect();
    await until('that has ended', () => connections[0]!.state === 'closed');
    await until('it follows the second', () => {
      clock.advance(1_000);
      return kept() === connections[1];
    });
    expect(client.node.heuristics.openedOutbound).toBe(2);
    expect(() => plugin.add(address, PARALLEL as never)).toThrow('`parallel`');
  });

  it('plugins that are given one of them know it as a connection of their node', async () => {
    const config = { codec: json(lines()), ...inMemory() };
    const server = own(new PeerNode<unknown>(config)).use(requests());
    server.plugin(requests).serve(sum, (numbers) => numbers.reduce((total, each) => total + each, 0));
    const client = own(new PeerNode<unknown>(config)).use(keepAlive()).use(requests());
    const address = await server.listen(ANYWHERE);
    await client.connect(address, PARALLEL);
    const second = await client.connect(address, PARALLEL);
    expect(await client.plugin(requests).call(second, sum, [1, 2])).toBe(3);
    await second.disconnect();
    expect(await errorOf(client.plugin(keepAlive).ping(second))).toMatchObject({
      code: 'P2P_ERR_DISCONNECTED',
    });
  });
});
