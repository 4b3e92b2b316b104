import { describe, expect, it } from '@jest/globals';
import { json } from '@pea2pea/codecs';
import { PeerNode, PLUGIN_STATE, roundTripMs, type Connection } from '@pea2pea/core';
import {
  addressBook,
  connectionManager,
  liveness,
  type Liveness,
  type LivenessOptions,
} from '@pea2pea/network';
import { uniquePeer } from '@pea2pea/policies';
import { protocol, protocols, withProtocols, type Protocol } from '@pea2pea/streams';
import { peerErrorOf, simulate, type SimHost, type World } from '@pea2pea/testing';

const PORT = 4_000;
const [PING, PONG] = [0, 1];

/** What handlers of nodes wait for. */
let isBusyUntil: Promise<void> | undefined;

function nodeOf(host: SimHost, options: LivenessOptions = {}): PeerNode<unknown> {
  const node = new PeerNode<unknown>({ codec: withProtocols(json()), ...host.config });
  const onMessage = (message: unknown) => (message === 'handle this for long' ? isBusyUntil : undefined);
  return node.use(protocols()).use(liveness(options)).use({ onMessage });
}

/** Two nodes with a connection, and its two ends. */
async function connected(world: World, options: LivenessOptions = {}, first = nodeOf, others = options) {
  const hosts = [world.host('10.0.0.1'), world.host('10.0.0.2')] as const;
  const nodes = [first(hosts[0], options), nodeOf(hosts[1], others)] as const;
  await world.drive(nodes[1].listen({ host: '10.0.0.2', port: PORT }));
  const connection = await world.drive(nodes[0].connect(`10.0.0.2:${PORT}`));
  await world.until('the other side is open', () => nodes[1].connections.size === 1);
  const ends = [connection, [...nodes[1].connections][0]!] as const;
  return { hosts, nodes, ends, plugins: nodes.map((node) => node.plugin(liveness)) as [Liveness, Liveness] };
}

/** A node of a stranger, who sends pings and pongs as they like. */
async function stranger(world: World, onPing: (nonce: number) => Buffer | undefined) {
  const host = world.host('10.0.0.9');
  const node = new PeerNode<unknown>({ codec: withProtocols(json()), ...host.config }).use(protocols());
  const raw: Protocol<Buffer> = protocol<Buffer>(node, {
    name: 'pea2pea/liveness',
    versions: [1],
    codec: {
      decoder: () => ({ decode: (input) => input.read(input.length) }),
      encoder: () => ({ encode: (bytes, output) => output.write(bytes) }),
    },
    onMessage(bytes, connection) {
      const reply = bytes[0] === PING ? onPing(bytes.readUIntBE(1, 6)) : undefined;
      if (reply !== undefined) raw.trySend(connection, reply);
    },
  });
  const victim = nodeOf(world.host('10.0.0.1'), { intervalMs: 1_000, timeoutMs: 2_000 });
  await world.drive(victim.listen({ host: '10.0.0.1', port: PORT }));
  const connection = await world.drive(node.connect(`10.0.0.1:${PORT}`));
  const send = (kind: number, nonce: number) => raw.trySend(connection, frame(kind, nonce));
  await world.until('the victim has it', () => victim.connections.size === 1);
  return { node, victim, connection, send, plugin: victim.plugin(liveness) };
}

function frame(kind: number, nonce: number): Buffer {
  const bytes = Buffer.alloc(7, kind);
  bytes.writeUIntBE(nonce, 1, 6);
  return bytes;
}

const reasonOf = async (world: World, connection: Connection) => world.drive(connection.closed);

describe('liveness', () => {
  it('measures round trips of both sides, with percentiles, and the context of the connection has one', async () => {
    const world = simulate({ seed: 1, latencyMs: 20, jitterMs: 5 });
    const { plugins, ends } = await connected(world, { intervalMs: 1_000, window: 8 });
    await world.run('30 s');
    for (const [index, plugin] of plugins.entries()) {
      const times = plugin.statusOf(ends[index]!)!;
      expect(times).toMatchObject({ samples: 8, late: 0 });
      expect(times.minMs).toBeGreaterThanOrEqual(40);
      expect(times.p99Ms).toBeLessThanOrEqual(55);
      expect(times.minMs! <= times.p50Ms! && times.p50Ms! <= times.p90Ms!).toBe(true);
      expect(ends[index]!.context.get(roundTripMs)).toBe(times.p50Ms);
    }
    expect(plugins[0].counts.pings).toBeGreaterThan(25);
    expect(plugins[0].counts).toMatchObject({ late: 0, dead: 0, floods: 0, unasked: 0 });
    expect(plugins[0][PLUGIN_STATE]()).toMatchObject({ watched: 1, connections: [{ samples: 8 }] });
  });

  it('ends a connection of which nothing comes any more, with a reason of its own', async () => {
    const world = simulate({ seed: 2 });
    const { hosts, plugins, ends } = await connected(world, { intervalMs: 5_000, timeoutMs: 3_000 });
    await world.run('20 s');
    const dead: number[] = [];
    plugins[0].events.on('dead', ({ silentMs }) => dead.push(silentMs));
    const cutAtMs = hosts[0].config.clock.now();
    world.cut(hosts[0], hosts[1], 'silently');
    expect(await reasonOf(world, ends[0])).toMatchObject({
      origin: 'user',
      error: { code: 'P2P_ERR_PEER_DEAD' },
    });
    expect(hosts[0].config.clock.now() - cutAtMs).toBeLessThan(9_500);
    expect([plugins[0].counts.dead, dead.length]).toEqual([1, 1]);
    expect(plugins[0].statusOf(ends[0])).toBeUndefined();
  });

  it('lets a peer live whose pongs are late while other bytes come, and lowers its score', async () => {
    const world = simulate({ seed: 3 });
    let releaseHandler = (): void => {};
    const { plugins, ends, nodes } = await connected(
      world,
      { intervalMs: 1_000, timeoutMs: 2_000 },
      (host, options) =>
        new PeerNode<unknown>({ codec: withProtocols(json()), ...host.config })
          .use(protocols())
          .use(addressBook({ secret: 'the secret of the first' }))
          .use(connectionManager({ outbound: 0, feelerEveryMs: 0 }))
          .use(liveness(options))
          .use({ onMessage() {} }),
    );
    await world.run('5 s');
    // The other side handles one message for long, and its pongs wait, but it sends bytes.
    isBusyUntil = new Promise<void>((resolve) => (releaseHandler = resolve));
    world.spawn(async () => {
      for (let count = 0; count < 60; count++) {
        ends[1].trySend('a byte');
        await world.sleep(100);
      }
    });
    ends[0].trySend('handle this for long');
    await world.run('4 s');
    expect(ends[0].state).toBe('open');
    const manager = nodes[0].plugin(connectionManager);
    expect(plugins[0].counts.late).toBe(1);
    expect(manager.scoreOf(ends[0])).toBe(-10);
    releaseHandler();
    await world.run('1 min');
    expect(ends[0].state).toBe('open');
    expect(manager.scoreOf(ends[0])).toBe(0);
  });

  it('gives a peer its time again when this process stood still', async () => {
    const world = simulate({ seed: 4 });
    const { hosts, plugins, ends } = await connected(world, { intervalMs: 1_000, timeoutMs: 1_000 }, nodeOf, {
      timeoutMs: 60_000,
    });
    await world.run('5 s');
    hosts[0].stall('30 s');
    await world.run('1 min');
    expect([ends[0].state, plugins[0].counts.dead, plugins[0].counts.late]).toEqual(['open', 0, 0]);
  });

  it('pings when asked, and those who ask at once have the same ping', async () => {
    const world = simulate({ seed: 5, latencyMs: 10, jitterMs: 0 });
    const { plugins, ends } = await connected(world);
    const before = plugins[0].counts.pings;
    const [one, two] = await world.drive(Promise.all([plugins[0].ping(ends[0]), plugins[0].ping(ends[0])]));
    expect(one).toBe(two);
    expect(one).toBeGreaterThanOrEqual(20);
    expect(await world.drive(plugins[0].ping(ends[0]))).toBe(one);
    expect(plugins[0].counts.pings - before).toBe(1);
    await world.run('200 ms');
    const lost = plugins[0].ping(ends[0]);
    await world.drive(ends[0].disconnect());
    await peerErrorOf('P2P_ERR_DISCONNECTED', () => lost);
    await peerErrorOf('P2P_ERR_DISCONNECTED', () => plugins[0].ping(ends[0]));
  });

  it('leaves peers alone that do not run it', async () => {
    const world = simulate({ seed: 6 });
    const other = new PeerNode<unknown>({ codec: withProtocols(json()), ...world.host('10.0.0.3').config });
    await world.drive(
      other
        .use(protocols())
        .use({ onMessage() {} })
        .listen({ host: '10.0.0.3', port: PORT }),
    );
    const { nodes, plugins } = await connected(world, { intervalMs: 500, timeoutMs: 500 });
    const connection = await world.drive(nodes[0].connect(`10.0.0.3:${PORT}`));
    await world.run('10 s');
    expect(connection.state).toBe('open');
    expect(connection.stats.messagesSent).toBe(0);
    await peerErrorOf('P2P_ERR_NO_PING', () => plugins[0].ping(connection));
  });
});

describe('a probe of liveness', () => {
  it('says that a peer is there, or is not', async () => {
    const world = simulate({ seed: 11 });
    const { hosts, plugins, ends } = await connected(world, { timeoutMs: 30_000 });
    expect(await world.drive(plugins[0].isThere(ends[0]))).toBe(true);
    world.cut(hosts[0], hosts[1], 'silently');
    await world.run('1 s');
    expect(await world.drive(plugins[0].isThere(ends[0], 3_000))).toBe(false);
    expect(ends[0].state).toBe('open');
    await world.drive(ends[0].disconnect());
    expect(await plugins[0].isThere(ends[0])).toBe(false);
  });

  it('has uniquePeer let a peer in at once whose older connection has died', async () => {
    const world = simulate({ seed: 12 });
    const host = world.host('10.0.0.1');
    const server: PeerNode<unknown> = new PeerNode<unknown>({ codec: withProtocols(json()), ...host.config })
      .use(protocols())
      .use(
        uniquePeer({
          identity: () => 'the client',
          onDuplicate: 'keep-older',
          takeoverAfterMs: Infinity,
          probe: (connection) => server.plugin(liveness).isThere(connection, 1_000),
        }),
      )
      .use(liveness({ timeoutMs: 60_000 }))
      .use({ onMessage() {} });
    await world.drive(server.listen({ host: '10.0.0.1', port: PORT }));
    const hosts = ['10.0.0.2', '10.0.0.3'].map((address) => world.host(address));
    const clients = hosts.map((one) => nodeOf(one));
    const first = await world.drive(clients[0]!.connect(`10.0.0.1:${PORT}`));
    await world.run('2 s');
    const dial = async () => {
      const connection = await world.drive(clients[1]!.connect(`10.0.0.1:${PORT}`));
      await world.run('3 s');
      return connection.state;
    };
    expect([await dial(), first.state]).toEqual(['closed', 'open']);
    world.cut(host, hosts[0]!, 'silently');
    expect(await dial()).toBe('closed');
    expect(await dial()).toBe('open');
    expect(server.connections.size).toBe(1);
  });
});

describe('a peer that misuses pings loses its connection, and no other', () => {
  it('with a pong that nobody asked for', async () => {
    const world = simulate({ seed: 7 });
    const { victim, connection, send, plugin } = await stranger(world, () => undefined);
    const [end] = [...victim.connections];
    send(PONG, 1);
    expect(await reasonOf(world, end!)).toMatchObject({ error: { code: 'P2P_ERR_BAD_PINGS' } });
    await reasonOf(world, connection);
    expect(plugin.counts).toMatchObject({ unasked: 1, floods: 0 });
  });

  it('with a flood of pings', async () => {
    const world = simulate({ seed: 8 });
    const { victim, send, plugin } = await stranger(world, (nonce) => frame(PONG, nonce));
    const [end] = [...victim.connections];
    for (let nonce = 0; nonce < 200; nonce++) send(PING, nonce);
    expect(await reasonOf(world, end!)).toMatchObject({ error: { code: 'P2P_ERR_BAD_PINGS' } });
    expect(plugin.counts.floods).toBe(1);
    expect(plugin.counts.replies).toBeLessThanOrEqual(41);
  });

  it('with a pong twice', async () => {
    const world = simulate({ seed: 9 });
    const pongs: number[] = [];
    const { victim, send } = await stranger(world, (nonce) => {
      pongs.push(nonce);
      return frame(PONG, nonce);
    });
    const [end] = [...victim.connections];
    await world.until('it was pinged', () => pongs.length > 0);
    send(PONG, pongs[0]!);
    expect(await reasonOf(world, end!)).toMatchObject({ error: { code: 'P2P_ERR_BAD_PINGS' } });
  });

  it('with something that is neither', async () => {
    const world = simulate({ seed: 10 });
    const { victim, send } = await stranger(world, () => undefined);
    const [end] = [...victim.connections];
    send(7, 1);
    expect(await reasonOf(world, end!)).toMatchObject({ origin: 'reading', cause: 'invalid-frame' });
  });
});

describe('liveness is refused', () => {
  it.each([{ intervalMs: 99 }, { intervalMs: 50_000 }, { timeoutMs: 0 }, { window: 0 }, { typo: 1 }])(
    'with %j',
    async (options) => {
      const { host } = { host: simulate({ seed: 1 }).host('10.0.0.1') };
      await peerErrorOf('P2P_ERR_INVALID_CONFIG', async () => nodeOf(host, options));
    },
  );
});
