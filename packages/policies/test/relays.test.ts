import { describe, expect, it } from '@jest/globals';
import { memoryTransport, PeerNode, type Connection } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { bans, rateLimit, type RateLimitOptions } from '@pea2pea/policies';
import { ANYWHERE, lab, silentLogger, textCodec, turn, until } from '@pea2pea/testing';

const { own } = lab();

/** A relay: passes each rumour on, once, to all but the one that it came from. */
class Relay {
  readonly node: PeerNode<string>;
  readonly heard = new Set<string>();

  constructor(config: Partial<ConstructorParameters<typeof PeerNode<string>>[0]>, limits?: RateLimitOptions) {
    this.node = own(
      new PeerNode<string>({ codec: textCodec(), logger: silentLogger, idleTimeoutMs: 0, ...config }),
    )
      .use(bans())
      .use(rateLimit(limits))
      .use({ onMessage: (rumour, from) => this.tell(rumour, from) });
  }

  tell(rumour: string, from?: Connection<string>): void {
    if (this.heard.has(rumour)) return;
    this.heard.add(rumour);
    for (const connection of this.node.connections) if (connection !== from) connection.trySend(rumour);
  }

  /** What the policies have done about others. */
  get measures() {
    const strikes = this.node.plugin(bans).strikesOf('127.0.0.1');
    const { connectionMessages, connectionBytes, ipMessages, ipBytes } = this.node.plugin(rateLimit).exceeded;
    const exceeded = connectionMessages + connectionBytes + ipMessages + ipBytes;
    const { messagesRefused } = this.node.stats;
    return { bans: this.node.plugin(bans).list().length, strikes, exceeded, messagesRefused };
  }
}

/** Relays that are all connected with each other. */
async function mesh(
  count: number,
  config: ConstructorParameters<typeof Relay>[0],
  limits?: RateLimitOptions,
) {
  const relays = Array.from({ length: count }, () => new Relay(config, limits));
  for (const [index, { node }] of relays.entries()) {
    const address = await node.listen(ANYWHERE);
    for (const other of relays.slice(0, index)) await other.node.connect(address);
  }
  await until('all are connected', () => relays.every(({ node }) => node.connections.size === count - 1));
  return relays;
}

describe('relays with the defaults of bans and rateLimit', () => {
  it('ten of them, each with 25 rumours a second, hear everything, and strike and slow nobody', async () => {
    const clock = new ControlledClock();
    const relays = await mesh(10, { clock, transport: memoryTransport(), maxConnectionsPerIp: 20 });
    let told = 0;
    for (let tick = 0; tick < 12 * 25; tick++) {
      for (const [index, relay] of relays.entries()) relay.tell(`${index}:${tick}`);
      told += relays.length;
      await until('all have heard', () => relays.every(({ heard }) => heard.size === told));
      clock.advance(40);
    }
    await turn(8);
    for (const { node, measures } of relays) {
      expect(node.connections.size).toBe(9);
      expect(measures).toEqual({ bans: 0, strikes: 0, exceeded: 0, messagesRefused: 0 });
    }
  }, 60_000);

  it('far above the limit they slow each other down, and strike and lose nothing', async () => {
    const clock = new ControlledClock();
    const transport = memoryTransport();
    const perConnection = { messagesPerSecond: 10, burstSeconds: 2 };
    const relays = await mesh(4, { clock, transport, maxConnectionsPerIp: 20 }, { perConnection });
    for (const [index, relay] of relays.entries()) {
      for (let rumour = 0; rumour < 50; rumour++) relay.tell(`${index}:${rumour}`);
    }
    await until('somebody is held back', () =>
      relays.some(({ node }) => node.plugin(rateLimit).heldBack > 0),
    );
    while (!relays.every(({ heard }) => heard.size === 200)) {
      clock.advance(100);
      await turn(2);
    }
    for (const { node, measures } of relays) {
      expect(node.connections.size).toBe(3);
      expect(measures).toMatchObject({ bans: 0, strikes: 0, messagesRefused: 0 });
      expect(measures.exceeded).toBeGreaterThan(0);
    }
  });
});

describe('a node that stood still', () => {
  /** A node that lets 5 messages a second pass, stands still for a minute, and then hears what was sent in that time. */
  async function afterMinute() {
    const clock = new ControlledClock();
    const transport = memoryTransport();
    const perConnection = { messagesPerSecond: 5, bytesPerSecond: 50, burstSeconds: 2 };
    const limits: RateLimitOptions = { perConnection, perIp: perConnection, whenExceeded: 'disconnect' };
    const host = new Relay({ clock, transport }, limits);
    const peer = own(new PeerNode<string>({ codec: textCodec(), transport, logger: silentLogger }));
    const connection = await peer.connect(await host.node.listen(ANYWHERE));
    const say = async (count: number): Promise<void> => {
      const before = host.heard.size;
      for (let sent = 0; sent < count; sent++) connection.trySend(String(before + sent));
      const hasEnded = (): boolean => connection.state !== 'open';
      await until('it has heard', () => hasEnded() || host.heard.size === before + count);
    };
    await say(1);
    clock.advance(400); // in the middle between two looks at the clock
    clock.jump(60_000);
    await say(300);
    return { host, clock, connection, say };
  }

  it('takes what arrived in that time for what it is, though sockets are served before timers', async () => {
    const { host, clock, connection, say } = await afterMinute();
    expect(connection.state).toBe('open');
    clock.advance(2_000);
    await say(10);
    expect(connection.state).toBe('open');
    await say(1);
    expect(host.heard.size).toBe(1 + 300 + 10);
    expect(host.measures).toMatchObject({ exceeded: 1, strikes: 0 });
  });

  it('grants nothing more than that', async () => {
    const { host, connection, say } = await afterMinute();
    await say(20);
    expect(connection.state).not.toBe('open');
    expect(host.heard.size).toBeLessThan(1 + 300 + 10 + 5);
  });
});
