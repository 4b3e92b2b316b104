import { describe, expect, it } from '@jest/globals';
import {
  definePlugin,
  PLUGIN_STATE,
  roundTripMs,
  secureChannel,
  type Hooks,
  type PeerNode,
} from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { snapshot, SNAPSHOT_VERSION, type NodeSnapshot } from '@pea2pea/observe';
import { hostileValues, inMemory, join, lab, listen, never, until } from '@pea2pea/testing';

const { makeNode } = lab();

const limitOf = ({ limits }: NodeSnapshot, name: string) => limits.find((limit) => limit.name === name);

describe('a snapshot', () => {
  it('is plain data about the node and each connection, of one moment', async () => {
    const clock = new ControlledClock(1_000);
    const network = { ...inMemory(), clock };
    const a = makeNode({ ...network, name: 'a' });
    const b = makeNode({ ...network, name: 'b', maxConnections: 10 });
    const [connection] = await join(a, b);
    await connection.send('hello');
    await until('it arrived', () => b.messages.length === 1);
    clock.advance(250);
    const taken = snapshot(b.node);
    expect(JSON.parse(JSON.stringify(taken))).toEqual(taken);
    expect(taken).toMatchObject({
      version: SNAPSHOT_VERSION,
      takenAt: 1_250,
      name: 'b',
      state: 'open',
      listening: [b.node.address!.toString()],
      buffered: { inboundBytes: 0, outboundBytes: 0 },
      stats: { messagesReceived: 1, messagesSent: 0 },
      counters: { accepted: 1, openedInbound: 1, closed: 0 },
      refused: { inbound: [], outbound: [], messages: [] },
      ended: [],
      waiting: 0,
      setups: [],
      plugins: [],
    });
    expect(limitOf(taken, 'maxConnections')).toEqual({
      name: 'maxConnections',
      direction: null,
      value: 10,
      used: 1,
      unit: 'connections',
    });
    expect(limitOf(taken, 'maxInbound')).toMatchObject({ value: b.node.config.maxInbound, used: 1 });
    expect(taken.connections).toEqual({
      total: 1,
      byDirection: { inbound: 1, outbound: 0 },
      byState: { open: 1, renegotiating: 0, ending: 0 },
      handling: 0,
      heldBack: 0,
      next: null,
      items: [
        {
          id: b.opened[0]!.id,
          address: b.opened[0]!.address.toString(),
          identity: null,
          direction: 'inbound',
          state: 'open',
          hasEnded: false,
          peerHasEnded: false,
          localAddress: b.opened[0]!.localAddress.toString(),
          ageMs: 250,
          idleMs: 0,
          codec: null,
          secureChannel: null,
          roundTripMs: null,
          isHandling: false,
          isHeld: false,
          isHeldBack: false,
          queues: { inboundBytes: 0, outboundBytes: 0, outboundMessages: 0 },
          stats: { ...b.opened[0]!.stats },
        },
      ],
    });
    // Of that moment: what comes later does not change it.
    await connection.disconnect('enough');
    await until('b saw it', () => b.node.connections.size === 0);
    expect(taken.connections.items).toHaveLength(1);
    expect(taken.counters.closed).toBe(0);
    expect(snapshot(b.node)).toMatchObject({ connections: { total: 0, items: [] }, counters: { closed: 1 } });
    expect(snapshot(a.node).ended).toEqual([{ cause: 'user', option: null, count: 1 }]);
    expect(snapshot(b.node).ended).toEqual([{ cause: 'reading: ended', option: null, count: 1 }]);
    await b.node.close();
    expect(snapshot(b.node)).toMatchObject({ state: 'closed', listening: [] });
  });

  it('shows what was agreed and measured, and what is under way', async () => {
    const clock = new ControlledClock();
    const network = { ...inMemory(), clock };
    const a = makeNode(network);
    const b = makeNode(network, {
      onConnect: ({ context }) => {
        context.set(secureChannel, 'Noise_NN_25519_AESGCM_SHA256');
        context.set(roundTripMs, 12.5);
      },
      onMessage: never,
    });
    const [connection] = await join(a, b);
    const hold = b.opened[0]!.hold();
    connection.trySend('first');
    connection.trySend('second');
    expect(snapshot(a.node).connections.items[0]!.queues).toEqual({
      inboundBytes: 0,
      outboundBytes: 'first\nsecond\n'.length,
      outboundMessages: 2,
    });
    await until('the second waits', () => b.opened[0]!.waitingBytes > 0);
    expect(snapshot(b.node).connections).toMatchObject({
      handling: 1,
      items: [
        {
          secureChannel: 'Noise_NN_25519_AESGCM_SHA256',
          roundTripMs: 12.5,
          isHandling: true,
          isHeld: true,
          idleMs: 0,
          queues: { inboundBytes: 'second\n'.length },
        },
      ],
    });
    hold.release();
    expect(snapshot(b.node).connections.items[0]!.isHeld).toBe(false);
  });

  it('shows for how long a peer has been silent', async () => {
    const clock = new ControlledClock();
    const network = { ...inMemory(), clock };
    const [a, b] = [makeNode(network), makeNode(network)];
    const [connection] = await join(a, b);
    const idleMs = () => snapshot(b.node).connections.items[0]!.idleMs;
    clock.advance(700);
    expect(idleMs()).toBe(700);
    await connection.send('x');
    await until('it arrived', () => b.messages.length === 1);
    expect(idleMs()).toBe(0);
  });

  it('shows what is being set up, from the dial on, and in which state', async () => {
    const clock = new ControlledClock();
    const network = { ...inMemory(), clock };
    const a = makeNode(network, { onHandshake: never });
    const b = makeNode(network, { onHandshake: never });
    await listen(b);
    const dial = a.node.connect(b.node.address!).catch(() => undefined);
    expect(snapshot(a.node).setups).toEqual([
      { address: b.node.address!.toString(), direction: 'outbound', state: 'connecting', ageMs: 0 },
    ]);
    await until('b has it', () => b.node.connecting === 1);
    clock.advance(30);
    expect(snapshot(a.node).setups).toMatchObject([{ state: 'handshaking', ageMs: 30 }]);
    expect(snapshot(b.node).setups).toMatchObject([{ direction: 'inbound', state: 'handshaking' }]);
    await Promise.all([a.node.close(), b.node.close()]);
    await dial;
    expect(snapshot(a.node).setups).toEqual([]);
  });

  it('names the option that refused a connection, a dial, a message, and the cause of all else', async () => {
    const network = inMemory();
    const a = makeNode({ ...network, maxConnections: 1, outboundQueueBytes: 1 });
    const [b, c] = [makeNode(network), makeNode(network)];
    const [, atA] = await join(b, a);
    await c.node.connect(a.node.address!).catch(() => undefined);
    await a.node.connect('127.0.0.1:1').catch(() => undefined);
    await c.node.connect('127.0.0.1:1').catch(() => undefined);
    atA.trySend('fits, as nothing waits');
    expect(atA.trySend('no room')).toBe(false);
    const { refused } = snapshot(a.node);
    expect(refused.inbound).toContainEqual({
      cause: 'P2P_ERR_TOO_MANY_CONNECTIONS',
      option: 'maxConnections',
      count: 1,
    });
    expect(refused.outbound).toContainEqual({
      cause: 'P2P_ERR_TOO_MANY_CONNECTIONS',
      option: 'maxConnections',
      count: 1,
    });
    expect(refused.messages).toEqual([
      { cause: 'outboundQueueBytes', option: 'outboundQueueBytes', count: 1 },
    ]);
    const failed = snapshot(c.node).refused.outbound.find(({ cause }) =>
      cause.startsWith('P2P_ERR_CONNECT_FAILED'),
    );
    expect(failed).toMatchObject({ option: null, count: 1 });
  });

  it('has pages of connections, by id, each connection on one of them', async () => {
    const network = inMemory();
    const a = makeNode({ ...network, maxConnections: 20, maxConnectionsPerIp: 20 });
    await listen(a);
    for (let count = 0; count < 7; count++) await makeNode(network).node.connect(a.node.address!);
    await until('all are there', () => a.node.connections.size === 7);
    const seen: number[][] = [];
    for (let after: number | null = 0; after !== null;) {
      const { connections }: NodeSnapshot = snapshot(a.node, { connections: { after, limit: 3 } });
      expect(connections.total).toBe(7);
      seen.push(connections.items.map(({ id }) => id));
      after = connections.next;
    }
    expect(seen.map(({ length }) => length)).toEqual([3, 3, 1]);
    expect(seen.flat()).toEqual(a.opened.map(({ id }) => id).sort((one, other) => one - other));
    expect(snapshot(a.node, { connections: { limit: 0 } }).connections).toMatchObject({ items: [], next: 0 });
  });

  it('of several nodes has one for each', () => {
    const [a, b] = [makeNode({ name: 'a' }), makeNode({ name: 'b' })];
    expect(snapshot([a.node, { node: b.node }]).nodes.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(snapshot({ peers: [a, b] }).nodes.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(snapshot({ node: a.node }).name).toBe('a');
  });

  it.each([
    ['what is not a node', () => snapshot({} as PeerNode<unknown>)],
    ['null', () => snapshot(null as unknown as PeerNode<unknown>)],
    ['an unknown option', () => snapshot([], { pages: 1 } as object)],
    ['a limit below 0', () => snapshot([], { connections: { limit: -1 } })],
    ['a limit above 10000', () => snapshot([], { connections: { limit: 10_001 } })],
  ])('refuses %s', (_, call) => {
    expect(call).toThrow(expect.objectContaining({ code: 'P2P_ERR_INVALID_CONFIG' }));
  });
});

describe('a plugin in a snapshot', () => {
  class Census implements Hooks<unknown> {
    static readonly plugin = { name: 'census' };
    readonly #state: unknown;
    onConnect(): void {}
    constructor(_node: PeerNode<unknown>, state: unknown) {
      this.#state = state;
    }
    [PLUGIN_STATE](): unknown {
      if (this.#state instanceof Error) throw this.#state;
      return this.#state;
    }
  }
  const census = definePlugin(Census);
  const stateOf = (state: unknown) => {
    const { node } = makeNode(inMemory());
    return snapshot(node.use(census(state))).plugins;
  };

  it('shows the state that it offers', () => {
    expect(stateOf({ most: 9, banned: ['203.0.113.7'], since: 12n })).toEqual([
      { name: 'census', state: { most: 9, banned: ['203.0.113.7'], since: '12' }, error: null },
    ]);
  });

  it('that throws costs its own state only', () => {
    expect(stateOf(new Error('not now'))).toEqual([
      { name: 'census', state: null, error: expect.stringContaining('not now') },
    ]);
  });

  it('that has none is named all the same', () => {
    class Quiet implements Hooks<unknown> {
      static readonly plugin = { name: 'quiet' };
      onConnect(): void {}
    }
    const { node } = makeNode(inMemory());
    expect(snapshot(node.use(definePlugin(Quiet)())).plugins).toEqual([
      { name: 'quiet', state: null, error: null },
    ]);
  });

  it('is cut where its state is deep, long or goes round in a circle', () => {
    const circle: Record<string, unknown> = {};
    circle['circle'] = circle;
    const long = Array.from({ length: 5_000 }, (_, index) => index);
    const [shown] = stateOf({ circle, long, words: 'x'.repeat(5_000) });
    expect(JSON.stringify(shown).length).toBeLessThan(10_000);
  });

  it.each(hostileValues())('has no code run of %s', (_, make) => {
    const { value, calls } = make();
    const [shown] = stateOf({ value });
    expect(JSON.parse(JSON.stringify(shown))).toEqual(shown);
    expect(calls()).toBe(0);
  });
});
