import { afterEach, describe, expect, it } from '@jest/globals';
import {
  contextKey,
  memoryTransport,
  PeerNode,
  type Connection,
  type NodeConfig,
  type SocketAddress,
} from '@pea2pea/core';
import {
  bans,
  duplicateOf,
  rateLimit,
  reconnect,
  uniquePeer,
  type BanEvent,
  type ReconnectEvent,
} from '@pea2pea/policies';
import { ANYWHERE, lab, silentLogger, textCodec, until } from '@pea2pea/testing';

const { own } = lab();

const nodes: PeerNode<string>[] = [];
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.close()));
});

/** A network whose nodes have no container. */
function network() {
  const transport = memoryTransport();
  return (config: Partial<NodeConfig<string>> = {}): PeerNode<string> => {
    const node = own(new PeerNode({ codec: textCodec(), transport, logger: silentLogger, ...config }));
    nodes.push(node);
    return node;
  };
}

describe('policies on nodes without a container', () => {
  it('rateLimit and bans end who floods, where they are told to, and tell of it once', async () => {
    const make = network();
    const handled: string[] = [];
    const host = make()
      .use(bans({ strikes: 1, strikesFor: ({ origin }) => (origin === 'reading' ? 1 : 0) }))
      .use(
        rateLimit({ perConnection: { messagesPerSecond: 1, burstSeconds: 2 }, whenExceeded: 'disconnect' }),
      )
      .use({ onMessage: (text) => void handled.push(text) });
    const banned: BanEvent[] = [];
    const exceeded: unknown[] = [];
    host.plugin(bans).events.on('banned', (ban) => banned.push(ban));
    host.plugin(rateLimit).events.on('exceeded', ({ connection, limit }) => {
      exceeded.push([connection.address.host, limit]);
    });
    const address = await host.listen(ANYWHERE);
    const flood = await make().connect(address, { localAddress: '10.0.0.6' });
    for (let count = 0; count < 20; count++) flood.trySend('x');
    await flood.closed;
    await until('the ban', () => banned.length > 0);
    expect(handled).toHaveLength(2);
    expect(exceeded).toEqual([['10.0.0.6', 'connectionMessages']]);
    expect(banned).toEqual([
      {
        prefix: '10.0.0.6',
        durationMs: 3_600_000,
        why: 'reading: handler-error, P2P_ERR_RATE_LIMITED',
        ended: 0,
      },
    ]);
    expect(host.plugin(bans).isBanned('10.0.0.6')).toBe(true);
  });

  it("'drop' tells of a connection once, too", async () => {
    const make = network();
    let told = 0;
    const perConnection = { messagesPerSecond: 1, burstSeconds: 2 };
    const host = make().use(rateLimit({ perConnection, whenExceeded: 'drop' }));
    host.plugin(rateLimit).events.on('exceeded', () => told++);
    const connection = await make().connect(await host.listen(ANYWHERE));
    for (let count = 0; count < 20; count++) connection.trySend('x');
    await until('all are there', () => host.plugin(rateLimit).exceeded.connectionMessages === 18);
    expect(told).toBe(1);
  });

  it('reconnect dials when the node starts, without listening, and tells of whom it gives up', async () => {
    const make = network();
    const host = make();
    const address = await host.listen(ANYWHERE);
    const keeper = make().use(reconnect({ addresses: [address, '10.9.9.9:1'], maxAttempts: 1 }));
    const givenUp: ReconnectEvent[] = [];
    keeper.plugin(reconnect).events.on('given-up', (event) => givenUp.push(event));
    expect([...keeper.connections]).toEqual([]);
    await keeper.start();
    await until('both are decided', () => keeper.connections.size === 1 && givenUp.length === 1);
    expect(givenUp.map(({ address: { host: ip }, attempt }) => [ip, attempt])).toEqual([['10.9.9.9', 1]]);
    await keeper.close();
    expect(
      keeper
        .plugin(reconnect)
        .status()
        .map(({ state }) => state),
    ).toEqual(['idle', 'idle']);
  });

  it('uniquePeer keeps one connection with a peer, and tells of the duplicate', async () => {
    const NAME = contextKey<string>('name');
    const make = network();
    const introduced = (name: string) =>
      make()
        .use({
          onHandshake: async (handshake) => {
            await handshake.write(`${name}\n`);
            handshake.context.set(NAME, (await handshake.readUntil('\n', 64)).toString());
          },
        })
        .use(uniquePeer({ identity: NAME, localIdentity: name }));
    const [ann, bob] = [introduced('ann'), introduced('bob')];
    const told: [string, Connection, Connection][] = [];
    for (const node of [ann, bob]) {
      node.plugin(uniquePeer).events.on('duplicate', ({ identity, ended, kept }) => {
        told.push([identity, ended, kept]);
      });
    }
    const addresses: SocketAddress[] = [await ann.listen(ANYWHERE), await bob.listen(ANYWHERE)];
    await Promise.all([ann.connect(addresses[1]!), bob.connect(addresses[0]!)]);
    await until('one is left', () => ann.connections.size === 1 && bob.connections.size === 1);
    expect(told.length).toBeGreaterThan(0);
    for (const [, ended, kept] of told) expect(ended.context.get(duplicateOf)).toBe(kept);
  });

  it('an order that cannot work is refused, with one that would', async () => {
    const node = network()();
    node.use(rateLimit()).use(bans());
    await expect(node.start()).rejects.toMatchObject({
      code: 'P2P_ERR_PLUGIN_ORDER',
      message: expect.stringContaining('this order would do: bans, rate-limit'),
    });
  });
});
