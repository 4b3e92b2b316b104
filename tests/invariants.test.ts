import { describe, expect, it } from '@jest/globals';
import { getEventListeners, setMaxListeners } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { lengthDelimited } from '@pea2pea/codecs';
import {
  memoryTransport,
  PeerNode,
  SocketAddress,
  systemClock,
  tcpTransport,
  type Clock,
  type Connection,
  type DisconnectReason,
  type Hooks,
  type Link,
  type Timer,
  type Transport,
} from '@pea2pea/core';
import { CancellationSource } from '@pea2pea/core/authoring';
import { ConnectionTable, type Slot } from '@pea2pea/core/connection/connection-table';
import { ControlledClock, seededRandom } from '@pea2pea/core/testing';
import {
  hostileValues,
  inMemory,
  join,
  lab,
  listen,
  never,
  rawConnect,
  silentLogger,
  soon,
  type TestNode,
  textCodec,
  turn,
  until,
} from '@pea2pea/testing';
import { MaskedStream } from './chaos/greeting.js';
import { letArrive } from './support/let-arrive.js';

const { makeNode } = lab();

// One test for each entry of INVARIANTS.md, named after it. What happens by chance follows from a seed.

const root = fileURLToPath(new URL('..', import.meta.url));
/** So many rounds of the microtask queue. */
async function ticks(count: number): Promise<void> {
  for (let tick = 0; tick < count; tick++) await Promise.resolve();
}

/** A way to pick one of several; the same picks for the same seed. */
function dice(seed: number): <T>(...choices: readonly T[]) => T {
  const random = seededRandom(seed);
  return (...choices) => choices[Math.floor(random.next() * choices.length)]!;
}

/** A bare link to `address`: a peer in memory that knows nothing of us. */
async function rawLink(transport: Transport, address: SocketAddress, localPort?: number): Promise<Link> {
  const cancellation = new CancellationSource();
  const link = await transport.connect(address, { cancellation, noDelay: true, keepAlive: true, localPort });
  link.stream.on('error', () => {});
  return link;
}

/** Has time pass in small steps, so that what waits for each of them has its turn. */
async function pass(clock: ControlledClock, durationMs: number): Promise<void> {
  for (let passed = 0; passed < durationMs; passed += 10) {
    clock.advance(10);
    await turn();
  }
}

/** Every connection and setup that `node` holds now. */
const held = ({ node }: TestNode): number => node.connections.size + node.connecting;

it('reserve-once: at no moment are more slots taken than the limit, and every path releases its slot exactly once', async () => {
  const limit = 6;
  const pick = dice(1);
  const { transport } = inMemory();
  let calm = false;
  let most = 0;
  const look = (): void => void (most = Math.max(most, held(a)));
  const inner = textCodec();
  const a = makeNode(
    {
      transport,
      maxConnections: limit,
      maxConnectionsPerIp: 100,
      maxConnecting: 4,
      maxConnectingPerIp: 4,
      listenBacklog: 8,
      maxWaitingPerIp: 8,
      handshakeTimeoutMs: 15,
      codec: {
        encoder: inner.encoder,
        decoder(context) {
          if (!calm && pick(1, 2, 3, 4, 5) === 1) throw new Error('no decoder today');
          return inner.decoder(context);
        },
      },
    },
    {
      async onAccept() {
        look();
        await ticks(pick(0, 1, 5));
        return calm || pick(true, true, true, false);
      },
      async onHandshake(handshake) {
        look();
        if (calm) return;
        const how = pick('fine', 'fine', 'fine', 'slow', 'throw', 'reject', 'destroy', 'read', 'never');
        if (how === 'slow') await turn();
        if (how === 'throw') throw new Error('a bug');
        if (how === 'reject') handshake.reject('no');
        if (how === 'destroy') handshake.takeStream().destroy();
        if (how === 'read') await handshake.read(1);
        if (how === 'never') await never();
      },
      onConnect(connection) {
        look();
        if (!calm && pick(true, false)) void connection.disconnect();
      },
      onDisconnect: look,
    },
  );
  const address = await listen(a);
  const others = [makeNode({ transport }), makeNode({ transport }), makeNode({ transport })];
  for (const other of others) await listen(other);

  for (let step = 0; step < 300; step++) {
    const what = pick('in', 'in', 'in', 'out', 'out', 'end');
    if (what === 'in') {
      const link = await rawLink(transport, address);
      const how = pick('stay', 'leave', 'reset');
      if (how === 'leave') link.stream.destroy();
      if (how === 'reset') link.reset();
    } else if (what === 'out') {
      const abort = new AbortController();
      // One of these does not listen.
      const target = pick(...others.map(({ node }) => node.address!), new SocketAddress('10.0.0.1', 1));
      a.node.connect(target, { signal: abort.signal }).catch(() => {});
      void ticks(pick(0, 3, 9, 30)).then(() => abort.abort());
    } else {
      for (const connection of a.node.connections) void connection.disconnect();
    }
    look();
    await (pick(true, false) ? turn() : ticks(pick(0, 2, 6)));
  }
  calm = true;
  await until('all setups ended', () => a.node.connecting === 0);
  for (const connection of a.node.connections) await connection.disconnect();
  await until('nobody is left', () => held(a) === 0);
  expect(most).toBeLessThanOrEqual(limit);

  // A slot that was kept lets fewer in, one that was given back twice lets more in.
  const before = a.node.heuristics.refusedByLimit;
  for (let index = 0; index < limit + 4; index++) await rawLink(transport, address);
  await until(
    'all were served or refused',
    () => a.node.connections.size === limit && a.node.connecting === 0,
  );
  await until('the surplus was refused', () => a.node.heuristics.refusedByLimit === before + 4);
  expect(most).toBe(limit);
});

it('closed-admits-nobody: whenever close() comes in a setup, nothing becomes active after it', async () => {
  const seen = { opened: 0, prevented: 0, late: 0 };
  for (let moment = 0; moment < 40; moment++) {
    const { transport } = inMemory();
    const a = makeNode(
      { transport },
      {
        onHandshake: () => ticks(moment % 7),
        onConnect: () => void (a.node.state === 'open' ? seen.opened++ : seen.late++),
      },
    );
    const b = makeNode({ transport });
    const [there, here] = await Promise.all([listen(b), listen(a)]);
    const inbound = Array.from({ length: 3 }, () => makeNode({ transport }).node.connect(here));
    const outbound = a.node.connect(there);
    await ticks(moment);
    const open = a.node.connections.size;
    const closing = a.node.close();
    const most = a.node.connections.size;
    expect(most).toBe(open);
    const [dialled] = await Promise.allSettled([outbound, closing, ...inbound]);
    if (dialled.status === 'rejected') {
      seen.prevented++;
      expect(dialled.reason).toMatchObject({ code: 'P2P_ERR_SHUTTING_DOWN' });
    } else {
      expect(dialled.value.state).toBe('closed');
    }
    expect(held(a)).toBe(0);
  }
  // The sweep over moments met both sides of the edge.
  expect(seen.late).toBe(0);
  expect(Math.min(seen.opened, seen.prevented)).toBeGreaterThan(0);

  // The table alone: the last line, should a setup get past all others.
  const limits = {
    maxConnections: 8,
    maxInbound: 8,
    maxConnectionsPerIp: 8,
    ipv6PrefixLength: 64,
    maxConnecting: 8,
    maxConnectingPerIp: 8,
  };
  const table = new ConnectionTable<string>(limits);
  const slot = table.reserve(new SocketAddress('10.0.0.1', 1), 'inbound') as Slot<string>;
  table.close();
  expect(slot.activate('too late')).toBe(false);
  expect(table.reserve(new SocketAddress('10.0.0.2', 2), 'inbound')).toBe('P2P_ERR_SHUTTING_DOWN');
  slot.release();
  expect([table.active, table.connecting]).toEqual([0, 0]);

  // A transport that answers when all is over.
  const inner = memoryTransport();
  let answer!: () => void;
  const gate = new Promise<void>((resolve) => (answer = resolve));
  const links: Link[] = [];
  const a = makeNode({
    transport: {
      name: 'late',
      resolve: (address) => inner.resolve(address),
      listen: (options, events) => inner.listen(options, events),
      async connect(address) {
        await gate;
        links.push(await rawLink(inner, address));
        return links[0]!;
      },
    },
  });
  const b = makeNode({ transport: inner });
  const dial = a.node.connect(await listen(b));
  await until('the dial is under way', () => a.node.connecting === 1);
  await a.node.close();
  answer();
  await expect(dial).rejects.toMatchObject({ code: 'P2P_ERR_SHUTTING_DOWN' });
  expect(links[0]!.stream.destroyed).toBe(true);
  expect([a.opened.length, held(a)]).toEqual([0, 0]);
});

it('one-teardown: of many causes at once one ends the connection, and its reason is the one that hooks see', async () => {
  type Cause = readonly [origin: string, act: (here: Connection<string>, a: TestNode) => Promise<unknown>];
  const causes: readonly Cause[] = [
    ['user', (here) => here.disconnect('mine')],
    ['user', (here, a) => a.node.disconnect(here.address, 'by address')],
    ['user', (here, a) => a.node.disconnect(here, 'by connection')],
    ['shutdown', (_here, a) => a.node.close()],
  ];
  for (let round = 0; round < 4 * causes.length; round++) {
    const { transport } = inMemory();
    const again: boolean[] = [];
    const a = makeNode(
      { transport },
      {
        onMessage: () => Promise.reject(new Error('a bug')),
        async onDisconnect(connection) {
          const answers = Array.from({ length: 10 }, () => connection.disconnect('from the hook'));
          again.push(...(await Promise.all(answers)));
        },
      },
    );
    const b = makeNode({ transport });
    const [there, here] = await join(b, a);
    // Causes that take a moment to arrive race with those of this very turn.
    if (round % 2 === 0) there.trySend('makes the handler fail');
    if (round % 3 === 0) void there.disconnect('theirs');
    const order = causes.map((_cause, index) => causes[(index + round) % causes.length]!);
    const answers = order.map(([, act]) => act(here, a));
    const crowd = Array.from({ length: 100 }, () => here.disconnect('the crowd'));
    const settled = await soon('all to be answered', Promise.all([...answers, ...crowd]));
    const [first] = order[0]!;
    expect(settled.filter((answer) => answer === true)).toHaveLength(first === 'user' ? 1 : 0);
    expect(again).toEqual(Array(10).fill(false));
    expect(a.closed.map(({ reason }) => reason.origin)).toEqual([first]);
    expect(here.signal.reason).toBe(a.closed[0]!.reason);
    expect(a.node.heuristics.closed).toBe(1);
  }

  // Causes from below alone, over TCP: whichever comes first, it is one.
  const a = makeNode({}, { onMessage: () => Promise.reject(new Error('a bug')) });
  const address = await listen(a);
  for (let round = 0; round < 10; round++) {
    const socket = await rawConnect(address);
    socket.write(round % 2 === 0 ? 'handled\n!\n' : '!\n');
    if (round % 3 === 0) socket.resetAndDestroy();
    else socket.end();
    await until('it ended', () => a.node.heuristics.accepted === round + 1 && held(a) === 0);
    socket.destroy();
  }
  expect(a.closed.map(({ connection }) => connection.id)).toEqual(a.opened.map(({ id }) => id));
});

it('paired-hooks: onConnect once, before the first message; onDisconnect once, after the last', async () => {
  const pick = dice(2);
  const { transport } = inMemory();
  const events = new Map<number, string[]>();
  const note = (connection: Connection<string>, what: string): void => {
    if (!events.has(connection.id)) events.set(connection.id, []);
    events.get(connection.id)!.push(what);
  };
  const hooks: Hooks<string> = {
    onHandshake: async (handshake) => void (await handshake.read(2)),
    onConnect(connection) {
      note(connection, 'C');
      const how = pick('fine', 'fine', 'fine', 'throws', 'rejects', 'leaves', 'never');
      if (how === 'throws') throw new Error('a bug');
      if (how === 'rejects') return Promise.reject(new Error('a bug'));
      if (how === 'leaves') void connection.disconnect();
      if (how === 'never') return never();
      return undefined;
    },
    onMessage(_message, connection) {
      note(connection, 'M');
      const how = pick('fine', 'fine', 'fine', 'slow', 'throws', 'leaves');
      if (how === 'throws') throw new Error('a bug');
      if (how === 'leaves') void connection.disconnect();
      return how === 'slow' ? turn() : undefined;
    },
    onDisconnect(connection) {
      note(connection, 'D');
      if (pick(true, false)) throw new Error('a bug');
    },
  };
  const made: TestNode[] = [];
  for (let wave = 0; wave < 6; wave++) {
    const a = makeNode({ transport, maxConnectionsPerIp: 100 }, hooks);
    made.push(a);
    const address = await listen(a);
    for (let index = 0; index < 30; index++) {
      const { stream } = await rawLink(transport, address);
      // Handshake and messages in one packet: nothing but the rule keeps them in order.
      stream.write(`hi${'m\n'.repeat(pick(0, 1, 5))}`);
      if (pick(true, false)) stream.end();
      if (pick(1, 2, 3) === 1) stream.destroy();
      await (pick(1, 2, 3) === 1 ? turn() : ticks(pick(1, 4, 12)));
    }
    await ticks(wave * 4);
    await a.node.close();
  }
  const opened = made.reduce((sum, { node }) => sum + node.heuristics.openedInbound, 0);
  expect(events.size).toBe(opened);
  expect(opened).toBeGreaterThan(50);
  const stories = [...events.values()].map((story) => story.join(''));
  expect(stories.filter((story) => !/^CM*D$/.test(story))).toEqual([]);
  expect(stories.filter((story) => story.includes('M')).length).toBeGreaterThan(10);
});

it('no-stale-release: what is left of an old connection never touches a newer one at its address', async () => {
  // Over the public face: an abandoned hook, a late failure and a kept object, each with a successor.
  const { transport } = inMemory();
  const late: (() => void)[] = [];
  const a = makeNode(
    { transport, onDisconnectTimeoutMs: 10, handshakeTimeoutMs: 10 },
    {
      onHandshake: () =>
        late.length === 0
          ? new Promise((_resolve, reject) => late.push(() => reject(new Error('late'))))
          : undefined,
      async onDisconnect() {
        await new Promise<void>((resolve) => late.push(resolve));
      },
    },
  );
  const b = makeNode({ transport });
  const address = await listen(b);
  await expect(a.node.connect(address)).rejects.toMatchObject({ code: 'P2P_ERR_HANDSHAKE_TIMEOUT' });
  const first = await a.node.connect(address);
  await first.disconnect();
  const second = await a.node.connect(address);
  for (const settle of late.splice(0)) settle();
  expect(await first.disconnect()).toBe(false);
  expect(await a.node.disconnect(first)).toBe(false);
  await turn();
  expect(second.state).toBe('open');
  expect(a.node.connections.get(address)).toBe(second);
  late.push(() => {});

  // And the table alone, where a release can be repeated at will, against a model that cannot miscount.
  const pick = dice(3);
  const limits = {
    maxConnections: 8,
    maxInbound: 6,
    maxConnectionsPerIp: 3,
    ipv6PrefixLength: 64,
    maxConnecting: 4,
    maxConnectingPerIp: 2,
  };
  const table = new ConnectionTable<string>(limits);
  const live = new Map<string, Slot<string>>();
  const stale: Slot<string>[] = [];
  const most = { claims: 0, inbound: 0, inboundSetups: 0 };
  let agrees = true;
  for (let step = 0; step < 10_000; step++) {
    const address = new SocketAddress(`10.0.0.${pick(1, 2, 3, 4)}`, pick(1, 2, 3, 4));
    const key = address.toString();
    const current = live.get(key);
    switch (pick('reserve', 'reserve', 'claim', 'settle', 'activate', 'release', 'stale', 'stale')) {
      case 'reserve': {
        const slot = table.reserve(address, pick('inbound', 'outbound'));
        if (typeof slot !== 'string') live.set(key, slot);
        break;
      }
      case 'claim': {
        const dials = [...live.values()].filter((slot) => slot.direction === 'outbound' && !slot.connection);
        if (dials.length > 0) {
          const dial = pick(...dials);
          if (dial.claim(address) === undefined) live.set(key, dial);
        }
        break;
      }
      case 'settle':
      case 'activate':
        if (current === undefined) break;
        current.settle(address);
        for (const [other, slot] of live) if (slot === current && other !== key) live.delete(other);
        if (step % 2 === 0) current.activate(String(step));
        break;
      case 'release':
        current?.release();
        for (const [other, slot] of live) if (slot === current) live.delete(other);
        if (current !== undefined) stale.push(current);
        break;
      case 'stale':
        if (stale.length > 0) {
          const old = pick(...stale);
          old.release();
          agrees &&= !old.activate('a ghost');
        }
    }
    const slots = [...new Set(live.values())];
    const setups = slots.filter(({ connection }) => connection === undefined);
    const inbound = slots.filter(({ direction }) => direction === 'inbound').length;
    const perIp = new Map<string, Set<Slot<string>>>();
    const setupsPerIp = new Map<string, number>();
    for (const [text, slot] of live) {
      const ip = text.split(':')[0]!;
      perIp.set(ip, (perIp.get(ip) ?? new Set()).add(slot)); // a dial of several addresses counts once
      if (slot.direction === 'outbound' || slot.connection !== undefined) continue;
      setupsPerIp.set(ip, (setupsPerIp.get(ip) ?? 0) + 1);
    }
    agrees &&= table.active === slots.length - setups.length && table.connecting === setups.length;
    agrees &&= slots.length <= 8 && setups.length <= 4 && inbound <= 6;
    agrees &&= [...perIp.values()].every(({ size }) => size <= 3);
    agrees &&= Math.max(0, ...setupsPerIp.values()) <= 2;
    agrees &&= table.isConnecting(address) === (live.has(key) && live.get(key)!.connection === undefined);
    most.claims = Math.max(most.claims, live.size - slots.length);
    most.inbound = Math.max(most.inbound, inbound);
    most.inboundSetups = Math.max(most.inboundSetups, ...setupsPerIp.values());
  }
  expect(agrees).toBe(true);
  expect(most).toMatchObject({ inbound: 6, inboundSetups: 2 });
  expect(most.claims).toBeGreaterThan(1);
  for (const slot of live.values()) slot.release();
  expect([table.active, table.connecting]).toEqual([0, 0]);
});

it('address-stays-taken: until a teardown has ended nobody else has its address, inbound or outbound', async () => {
  const { transport } = inMemory();
  const inside: unknown[] = [];
  let finish!: () => void;
  const a = makeNode(
    { transport },
    {
      async onDisconnect(connection) {
        inside.push(await a.node.connect(connection.address).catch((error: { code: string }) => error.code));
        await new Promise<void>((resolve) => (finish = resolve));
      },
    },
  );
  const b = makeNode({ transport });
  const [connection] = await join(a, b);
  const ending = connection.disconnect();
  finish = () => {};
  await until('the hook tried', () => inside.length === 1);
  const crowd = await Promise.allSettled(
    Array.from({ length: 50 }, () => a.node.connect(connection.address)),
  );
  const codes = crowd.map((dial) =>
    dial.status === 'rejected' ? (dial.reason as { code: string }).code : 'in',
  );
  expect(new Set([...codes, ...inside])).toEqual(new Set(['P2P_ERR_ALREADY_CONNECTED']));
  expect(connection.state).toBe('closing');

  // The same from outside: a peer that comes back from its old port meets the old connection.
  const here = await listen(a);
  const first = await rawLink(transport, here, 5_000);
  await until('it is connected', () => a.node.connections.size === 2);
  first.stream.destroy();
  await until('its teardown waits', () => inside.length === 2);
  await rawLink(transport, here, 5_000);
  expect(a.node.heuristics.refusedByLimit).toBe(1);
  finish();
  await until('the address is free', () => !a.node.connections.has({ host: '127.0.0.1', port: 5_000 }));
  await rawLink(transport, here, 5_000);
  expect(a.node.connections.size).toBe(2);
  void ending;
});

it('bounded-setups: setups never exceed maxConnecting, the line is bounded, and every link is counted', async () => {
  const pick = dice(4);
  const { transport } = inMemory();
  let most = 0;
  const a = makeNode(
    {
      transport,
      maxConnecting: 3,
      maxConnectingPerIp: 3,
      maxConnections: 1_000,
      maxConnectionsPerIp: 1_000,
      listenBacklog: 10,
      maxWaitingPerIp: 10,
      handshakeTimeoutMs: 30,
    },
    {
      onAccept: () => void (most = Math.max(most, a.node.connecting)),
      async onHandshake() {
        most = Math.max(most, a.node.connecting);
        await (pick(1, 2, 3, 4) === 1 ? never() : ticks(pick(0, 3, 20)));
      },
      onConnect: () => void (most = Math.max(most, a.node.connecting)),
    },
  );
  const address = await listen(a);
  const targets = await Promise.all(Array.from({ length: 20 }, () => listen(makeNode({ transport }))));
  const inbound = 120;
  const dials: Promise<unknown>[] = [];
  for (let index = 0; index < inbound; index++) {
    await rawLink(transport, address);
    if (index % 6 === 0) dials.push(a.node.connect(targets[index / 6]!));
    if (pick(1, 2, 3, 4) === 1) await turn();
  }
  const outcomes = await soon('all dials', Promise.allSettled(dials));
  await until('all were served or sent away', () => {
    const h = a.node.heuristics;
    const done = h.openedInbound + h.waitingLineFull + h.waitingLineTimeouts + h.handshakeTimeouts;
    const dialled = outcomes.filter(
      ({ status, reason }: { status: string; reason?: { code: string } }) =>
        status === 'rejected' && reason!.code === 'P2P_ERR_HANDSHAKE_TIMEOUT',
    ).length;
    return a.node.connecting === 0 && done - dialled === inbound;
  });
  expect(most).toBe(3);
  expect(a.node.heuristics.waitingLineFull).toBeGreaterThan(0);
  expect(a.node.heuristics.openedInbound).toBeGreaterThan(0);
  const refused = outcomes.filter(
    ({ status, reason }: { status: string; reason?: { code: string } }) =>
      status === 'rejected' && reason!.code === 'P2P_ERR_TOO_MANY_CONNECTING',
  );
  expect(a.node.heuristics.dialsRefused).toBe(refused.length);
});

it('fair-shares: one address takes no more than its share of setups and line, and strangers leave slots for dials', async () => {
  const { transport } = inMemory();
  const a = makeNode(
    {
      transport,
      maxConnections: 40,
      maxConnectionsPerIp: 1_000,
      maxConnecting: 16,
      listenBacklog: 20,
      handshakeTimeoutMs: 60_000,
    },
    {
      // A word from the peer, before anything else.
      onHandshake: async (handshake) => {
        if (handshake.direction === 'inbound') await handshake.read(1);
      },
    },
  );
  const { maxInbound, maxConnectingPerIp, maxWaitingPerIp } = a.node.config;
  expect({ maxInbound, maxConnectingPerIp, maxWaitingPerIp }).toEqual({
    maxInbound: 35,
    maxConnectingPerIp: 4,
    maxWaitingPerIp: 5,
  });
  const address = await listen(a);
  const dialFrom = async (localAddress: string): Promise<Link> => {
    const cancellation = new CancellationSource();
    return transport.connect(address, { cancellation, noDelay: true, keepAlive: true, localAddress });
  };

  // One address takes its share of both, and no more: the others of it are refused.
  const silent: Link[] = [];
  for (let index = 0; index < 1_000; index++) silent.push(await dialFrom('10.0.0.66'));
  expect(a.node.connecting).toBe(4);
  expect(a.node.heuristics).toMatchObject({ accepted: 1_000, waitingLineShareFull: 991, waitingLineFull: 0 });
  expect(silent.filter(({ stream }) => !stream.destroyed)).toHaveLength(9);

  // Good peers of other addresses are served, and it makes no difference to them who waits before them.
  for (let index = 1; index <= 31; index++) {
    const link = await dialFrom(`10.0.1.${index}`);
    link.stream.write('x');
    await until(`good peer ${index} is served`, () => a.opened.length === index);
  }
  expect(a.node.connections.size + a.node.connecting).toBe(35);

  // The node is full for strangers, not for its own dials.
  const late = await dialFrom('10.0.2.1');
  await until('the stranger was refused', () => late.stream.destroyed);
  expect(a.node.heuristics.refusedByLimit).toBe(1);
  for (let index = 0; index < 5; index++) await join(a, makeNode({ transport }));
  await expect(a.node.connect('10.0.0.1:1')).rejects.toMatchObject({ code: 'P2P_ERR_TOO_MANY_CONNECTIONS' });
});

it('limits-before-hooks: a peer without room is refused before a hook is called or a byte is read', async () => {
  const { transport } = inMemory();
  const asked: string[] = [];
  const release: (() => void)[] = [];
  const a = makeNode(
    { transport, maxConnections: 2, maxConnecting: 1 },
    {
      onAccept: ({ address }) => void asked.push(`accept ${address.port}`),
      onHandshake: ({ address }) => {
        asked.push(`handshake ${address.port}`);
        return new Promise<void>((resolve) => release.push(resolve));
      },
    },
  );
  const address = await listen(a);
  // Two find room, a third while it waits in line sees the room go.
  const links: Link[] = [];
  for (const port of [1, 2, 3]) links.push(await rawLink(transport, address, port));
  await until('the first is in its handshake', () => release.length === 1);
  release[0]!();
  await until('the second is in its handshake', () => release.length === 2);
  // Who finds no room on arrival does not wait for a setup that would come to nothing.
  links.push(await rawLink(transport, address, 4));
  expect(a.node.heuristics.refusedByLimit).toBe(1);
  release[1]!();
  await until('the node is full', () => a.node.connections.size === 2);
  await until('the third was refused, too', () => a.node.heuristics.refusedByLimit === 2);
  // And a crowd that comes to a full node.
  for (let port = 10; port < 60; port++) {
    const link = await rawLink(transport, address, port);
    link.stream.write('let me in\n');
    links.push(link);
  }
  await until('all were refused', () => a.node.heuristics.refusedByLimit === 52);
  await until('they know', () => links.slice(2).every(({ stream }) => stream.destroyed));
  expect(asked).toEqual(['accept 1', 'handshake 1', 'accept 2', 'handshake 2']);
  expect(a.node.stats.bytesReceived).toBe(0);
  // One line for the limit, not one for each of the crowd.
  const told = a.log.filter(({ level }) => level === 'warn' || level === 'error').map(({ text }) => text);
  expect(told).toEqual([expect.stringMatching(/^maxConnections \(2\) is reached: .* is refused$/)]);
});

it('nothing-crosses-an-upgrade: bytes read below a stream never count as coming through it', async () => {
  const pick = dice(11);
  const { transport } = inMemory();
  const seen: string[] = [];
  const errors: unknown[] = [];
  const a = makeNode(
    { transport },
    {
      async onHandshake(handshake) {
        await handshake.read(8);
        for (let wait = pick(0, 1, 5, 20); wait > 0; wait--) await turn();
        const early = pick(true, false) ? handshake.readUntil('?', 100).catch(() => {}) : undefined;
        try {
          handshake.upgrade(new MaskedStream(handshake.takeStream()));
        } catch (error) {
          errors.push(error);
          if (pick(true, false)) throw error;
        }
        await early;
        if (pick(true, false)) seen.push(String(await handshake.readUntil('\n', 100)));
      },
      onMessage: (message) => void seen.push(message),
    },
  );
  const address = await listen(a);
  const rounds = 200;
  for (let round = 0; round < rounds; round++) {
    const link = await rawLink(transport, address);
    link.stream.resume();
    const plain = Buffer.from('hello to plain\nplain\n');
    const cut = pick(8, 9, 12, plain.length);
    link.stream.write(plain.subarray(0, cut));
    if (cut < plain.length) {
      if (pick(true, false)) await turn();
      link.stream.write(plain.subarray(cut));
    }
    pick(
      () => link.stream.end(),
      () => link.reset(),
      () => link.stream.destroy(),
    )();
  }
  const { heuristics } = a.node;
  await until('all came to an end', () => {
    const { handshakeFailures, openedInbound, closed, refusedByLimit } = heuristics;
    return handshakeFailures + openedInbound + refusedByLimit === rounds && closed === openedInbound;
  });
  // Through the mask the bytes are others: whoever sees these has them from below.
  expect(seen.filter((message) => message.includes('plain'))).toEqual([]);
  expect(errors.length).toBeGreaterThan(10);
  for (const error of errors) expect(error).toMatchObject({ code: 'P2P_ERR_HANDSHAKE_ENDED' });
});

it('message-order: messages of a connection are handled one at a time, in order, and delay no other connection', async () => {
  const pick = dice(5);
  const { transport } = inMemory();
  const seen = new Map<number, string[]>();
  const busy = new Set<number>();
  let overlaps = 0;
  let blocked = true;
  const a = makeNode(
    { transport, inboundQueueBytes: 3 },
    {
      onMessage(message, connection) {
        if (busy.has(connection.id)) overlaps++;
        if (!seen.has(connection.id)) seen.set(connection.id, []);
        seen.get(connection.id)!.push(message);
        if (connection.id === stuck) {
          return blocked ? new Promise<void>((resolve) => (unblock = resolve)) : undefined;
        }
        // In the middle of everything it also answers, and asks to be drained.
        connection.trySend(message);
        const wait = pick(undefined, undefined, () => ticks(pick(0, 1, 4)), turn);
        if (wait === undefined) return undefined;
        busy.add(connection.id);
        return wait().then(() => void busy.delete(connection.id));
      },
    },
  );
  let unblock!: () => void;
  const peers = [
    makeNode({ transport }),
    makeNode({ transport }),
    makeNode({ transport }),
    makeNode({ transport }),
  ];
  const connections: Connection<string>[] = [];
  let stuck = -1;
  for (const peer of peers) {
    const [there, here] = await join(peer, a);
    connections.push(there);
    stuck = here.id;
  }
  const sent = Array.from({ length: 500 }, (_, index) => String(index));
  for (const message of sent) {
    for (const connection of connections) {
      while (!connection.trySend(message)) await connection.drained();
    }
    if (pick(1, 2, 3) === 1) await ticks(pick(1, 2, 5));
  }
  await until(
    'all but the blocked one are served',
    () => [...seen].filter(([, messages]) => messages.length === sent.length).length === 3,
  );
  expect(seen.get(stuck)).toEqual(['0']);
  blocked = false;
  unblock();
  await until('the blocked one, too', () => seen.get(stuck)!.length === sent.length);
  for (const messages of seen.values()) expect(messages).toEqual(sent);
  expect(overlaps).toBe(0);
  await until('the answers came', () =>
    peers.slice(0, 3).every(({ messages }) => messages.length === sent.length),
  );
  for (const { messages } of peers.slice(0, 3)) expect(messages).toEqual(sent);
});

it('hook-hurts-its-own: whatever a hook does, other connections are served and no rejection is unhandled', async () => {
  // An unhandled rejection fails the test in which it happens: jest sees to that.
  const ways: readonly [string, () => unknown][] = [
    [
      'throws',
      () => {
        throw new Error('a bug');
      },
    ],
    ['rejects', () => Promise.reject(new Error('a bug'))],
    ['rejects with undefined', () => Promise.reject(undefined)],
    ['never settles', never],
  ];
  const names = ['onAccept', 'onHandshake', 'onConnect', 'onMessage', 'onDisconnect', 'onError'] as const;
  for (const name of names) {
    for (const [, misbehave] of ways) {
      const { transport } = inMemory();
      let first = true;
      const once = (): unknown => {
        if (!first) return undefined;
        first = false;
        // What nobody awaits rejects, too.
        void a.node.connect('10.0.0.1:1');
        for (const connection of a.node.connections) void connection.send('!');
        return misbehave();
      };
      const hooks = {
        [name]: once,
        ...(name === 'onError' && { onMessage: () => Promise.reject(new Error('for onError')) }),
      } as Hooks<string>;
      const a = makeNode({ transport, handshakeTimeoutMs: 20, onDisconnectTimeoutMs: 20 }, hooks);
      const b = makeNode({ transport });
      const address = await listen(a);
      const bad = await b.node.connect(address);
      void bad.send('bad');
      if (name === 'onDisconnect') void bad.disconnect();
      await until('the hook misbehaved', () => !first);
      void bad.send('after');

      const good = await soon('a good peer to connect', makeNode({ transport }).node.connect(address));
      const answered = a.node.stats.messagesReceived;
      await good.send('good');
      await until('the good peer is heard', () => a.node.stats.messagesReceived > answered);
      await soon('the node to close', a.node.close({ timeoutMs: 200 }));
      void bad.send('to the dead');
      void good.drained();
    }
  }
  await turn();
}, 60_000);

it('foreign-values-are-harmless: whatever hooks throw, the slot is released, one line reports it, and no code of the value runs', async () => {
  const names = ['onAccept', 'onHandshake', 'onConnect', 'onMessage', 'onDisconnect', 'onError'] as const;
  for (const [what, make] of hostileValues()) {
    for (const name of names) {
      for (const way of ['throws', 'rejects'] as const) {
        const { value, calls } = make();
        let misbehaves = true;
        const hook = (): unknown => {
          if (!misbehaves) return undefined;
          misbehaves = false;

          if (way === 'rejects') return Promise.reject(value);

          throw value;
        };
        let thrown = false;
        const forOnError = (): void => {
          if (thrown) return;
          thrown = true;
          throw new Error('for onError');
        };
        const hooks = { ...(name === 'onError' && { onMessage: forOnError }), [name]: hook } as Hooks<string>;
        const { transport } = inMemory();
        const a = makeNode({ transport, maxConnections: 1 }, hooks);
        const b = makeNode({ transport });
        const address = await listen(a);
        const where = `${name} ${way} ${what}`;

        const bad = await b.node.connect(address);
        if (name === 'onMessage' || name === 'onError') void bad.send('bad');
        if (name === 'onDisconnect') void bad.disconnect();
        await until(`${where}, and it is over`, () => !misbehaves && held(a) === 0 && held(b) === 0);
        await until(`a line tells that ${where}`, () =>
          a.log.some(({ level }) => level !== 'debug' && level !== 'info'),
        );
        const lines = a.log
          .filter(({ level }) => level === 'warn' || level === 'error')
          .map(({ text }) => text);
        expect([where, lines.length]).toEqual([where, name === 'onError' ? 2 : 1]);
        const { handshakeFailures, hookErrors, peerFaults, closed } = a.node.heuristics;
        const inSetup = name === 'onAccept' || name === 'onHandshake';
        expect([where, handshakeFailures, closed]).toEqual([where, inSetup ? 1 : 0, inSetup ? 0 : 1]);
        const isRefusal = inSetup && what.startsWith('an error that claims to be a PeerError');
        expect([where, hookErrors + peerFaults]).toEqual([where, isRefusal ? 0 : 1]);

        const good = await soon(`${where}: another to be let in`, b.node.connect(address));
        await soon(`${where}: the other to be served`, good.send('good'));
        await until(`${where}: the other is heard`, () => a.node.stats.messagesReceived > 0);
        await Promise.all([a.node.close(), b.node.close()]);
        expect([where, calls()]).toEqual([where, 0]);
      }
    }
  }
}, 60_000);

it('close-ends: close() ends in time though every hook hangs and a peer does not read, and names what it cut', async () => {
  const { transport } = inMemory();
  const a = makeNode(
    {
      transport,
      maxConnectionsPerIp: 50,
      handshakeTimeoutMs: 60_000,
      onDisconnectTimeoutMs: 60_000,
      connectTimeoutMs: 60_000,
      outboundQueueBytes: 64 * 1024 * 1024,
    },
    {
      onHandshake: (handshake) => (handshake.address.port === 1 ? never() : undefined),
      onConnect: never,
      onMessage: never,
      // One awaits close() and so itself, one hangs, one does not read what it is sent.
      onDisconnect: ({ address }) =>
        address.port === 2 ? a.node.close().then(() => {}) : address.port === 3 ? never() : undefined,
    },
  );
  const address = await listen(a);
  for (const port of [1, 2, 3, 4, 5]) await rawLink(transport, address, port);
  await until('all are there', () => a.node.connections.size === 4 && a.node.connecting === 1);
  const peer = (port: number): Connection<string> => a.node.connections.get({ host: '127.0.0.1', port })!;
  const sending = peer(4).send('x'.repeat(4 * 1024 * 1024));
  // A stream of the user's own, that is never closed.
  const stubborn = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done(), destroy() {} });
  await a.node.connect('10.0.0.1:6', { stream: stubborn });

  const report = await soon('close to end', a.node.close({ timeoutMs: 50 }), 3_000);
  expect(report.connections).toBe(5);
  const cut = report.cut.map(({ what, address: { port } }) => `${what} ${port}`).sort();
  expect(cut).toEqual(['flush 4', 'onDisconnect 2', 'onDisconnect 3', 'stream 6']);
  expect(report.cut.filter(({ what }) => what !== 'stream').every(({ connection }) => connection! > 0)).toBe(
    true,
  );
  await expect(sending).rejects.toMatchObject({ code: 'P2P_ERR_DISCONNECTED' });
  expect([held(a), a.node.bufferedBytes, a.node.state]).toEqual([0, 0, 'closed']);
});

it('work-ends-first: a peer that ends its half, and close(), wait for work that was announced, and neither waits for ever', async () => {
  const over: string[] = [];
  const clock = new ControlledClock();
  const a = makeNode(
    { idleTimeoutMs: 10_000, clock },
    { onDisconnect: (_, { origin }) => void over.push(origin) },
  );
  const address = await listen(a);
  const held = async (): Promise<[Connection<string>, Awaited<ReturnType<typeof rawConnect>>]> => {
    const before = a.opened.length;
    const socket = await rawConnect(address);
    socket.resume();
    await until('it is connected', () => a.opened.length > before);
    return [a.opened.at(-1)!, socket];
  };
  /** Time passes, and the sockets are served in between. */
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 500) {
      clock.advance(500);
      await turn();
    }
  };

  // The peer ends its half, and still gets what the work sends; releasing twice releases once.
  const [one, first] = await held();
  const [work, more] = [one.hold(), one.hold()];
  let heard = '';
  first.on('data', (chunk: Buffer) => void (heard += String(chunk)));
  first.end();
  await pass(2_000);
  work.release();
  work.release();
  await pass(2_000);
  expect(one.state).toBe('open');
  await one.send('result');
  more.release();
  expect(await one.closed).toEqual({ origin: 'reading', cause: 'ended' });
  await until('the result arrives', () => heard.includes('result'));
  one.hold().release();

  // While it works nobody is idle; a peer that has ended is waited for as long as one may be idle.
  const [two, second] = await held();
  two.hold();
  await pass(30_000);
  expect(two.state).toBe('open');
  second.end();
  await until('the end has arrived', () => second.writableFinished);
  await pass(30_000);
  expect(await two.closed).toEqual({ origin: 'reading', cause: 'ended' });

  // What is no end in order does not wait.
  const [three] = await held();
  three.hold();
  await three.disconnect();
  const [four, fourth] = await held();
  four.hold();
  fourth.write('x'.repeat(10_000_000)); // longer than any frame
  expect(await four.closed).toMatchObject({ cause: 'invalid-frame' });

  // close() waits for one, and cuts another.
  const [five] = await held();
  const [six] = await held();
  const last = five.hold();
  const sixth = six.hold();
  const closing = a.node.close({ timeoutMs: 4_000 });
  await turn();
  await pass(1_000);
  expect([five.state, six.state]).toEqual(['open', 'open']);
  last.release();
  await until('the first has ended', () => five.state !== 'open');
  expect(six.state).toBe('open');
  // The next piece of work may begin in the turn in which the last one ended.
  sixth.release();
  six.hold();
  await pass(100);
  expect(six.state).toBe('open');
  for (let turns = 0; six.state === 'open' && turns < 20; turns++) await pass(500);
  const { cut } = await closing;
  expect(cut).toEqual([{ what: 'work', address: six.address, connection: six.id }]);
  expect(over).toEqual(['reading', 'reading', 'user', 'reading', 'shutdown', 'shutdown']);
});

it('halves-end-apart: either half ends without the other, nothing that was sent before is lost, and nobody waits for ever', async () => {
  const large = 'x'.repeat(6 * 1024 * 1024);
  const clock = new ControlledClock();
  const told: number[] = [];
  const config = { clock, idleTimeoutMs: 10_000, outboundQueueBytes: 16 * 1024 * 1024 };
  const hooks: Hooks<string> = { onPeerEnd: ({ id }) => turn(2).then(() => void told.push(id)) };
  const [whole, half] = [makeNode(config, hooks), makeNode({ ...config, halfOpen: true }, hooks)];
  const peerOf = async (
    test: TestNode,
  ): Promise<[Connection<string>, Socket, { bytes: number; isOver: boolean }]> => {
    const before = test.opened.length;
    const socket = await rawConnect(test.node.address ?? (await listen(test)));
    const heard = { bytes: 0, isOver: false };
    socket.on('data', (chunk: Buffer) => void (heard.bytes += chunk.length));
    socket.on('end', () => void (heard.isOver = true)).pause();
    await until('it is connected', () => test.opened.length > before);
    return [test.opened.at(-1)!, socket, heard];
  };
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 500) {
      clock.advance(500);
      await turn();
    }
  };

  // Our half first: what was queued arrives, nothing is queued after it, and messages are handled as before.
  const [one, first, heard] = await peerOf(whole);
  void one.send(large);
  const out = one.end();
  expect(one.trySend('late')).toBe(false);
  first.write('still here\n');
  await until('it is handled', () => whole.messages.length === 1);
  first.resume();
  await out;
  await until('the peer sees our end', () => heard.isOver);
  expect([heard.bytes, one.state, told]).toEqual([large.length + 1, 'open', []]);
  first.end('good');
  first.destroy();
  await until('the end of the peer', () => one.state !== 'open');

  // The half of the peer first: the connection ends after the hook, or waits for our half to be out.
  const [two, second] = await peerOf(whole);
  second.resume().end('bye\n');
  expect(await two.closed).toEqual({ origin: 'reading', cause: 'ended' });
  const [three, third, words] = await peerOf(half);
  third.end('bye\n');
  await until('the hooks ran', () => told.length === 2);
  void three.send(large);
  const last = three.end();
  await turn(20);
  expect([three.state, told]).toEqual(['open', [two.id, three.id]]);
  third.resume();
  await last;
  expect(await three.closed).toEqual({ origin: 'reading', cause: 'ended' });
  await until('the peer has it', () => words.isOver);
  expect(words.bytes).toBe(large.length + 1);

  // A half that never ends is waited for as long as the peer takes or sends something.
  const [four, fourth] = await peerOf(half);
  fourth.resume().end();
  await until('its end is there', () => four.peerHasEnded);
  const [five, fifth] = await peerOf(half);
  await five.end();
  for (let times = 0; times < 4; times++) {
    await four.send('news');
    fifth.write('news\n');
    const before = half.messages.length;
    await until('it is handled', () => half.messages.length > before);
    await pass(6_000);
  }
  expect([four.state, five.state]).toEqual(['open', 'open']);
  await pass(15_000);
  const idle = { origin: 'reading', cause: 'idle-timeout' };
  expect([await four.closed, await five.closed]).toEqual([idle, idle]);
  expect(half.node.heuristics.idleTimeouts).toBe(2);
});

it('clock-after-socket: what a peer had sent when its time was over is read before the peer is judged', async () => {
  const clock = new ControlledClock();
  const setups = { clock, idleTimeoutMs: 1_000, handshakeTimeoutMs: 1_000, connectTimeoutMs: 1_000 };
  const a = makeNode(setups, { onHandshake: async (handshake) => void (await handshake.read(1)) });
  const address = await listen(a);
  const good = await rawConnect(address);
  const silent = await rawConnect(address);
  await until('both are being set up', () => a.node.connecting === 2);

  // From a write to the advance that follows it nobody polls: the timers fall due with the bytes in the socket.
  good.write('h');
  letArrive();
  clock.advance(1_500);
  await until('one passed its handshake, one was too late', () => a.node.connecting === 0);
  expect([a.node.connections.size, a.node.heuristics.handshakeTimeouts]).toEqual([1, 1]);

  const quiet = await rawConnect(address);
  quiet.write('hone\n');
  await until('the second is there, too', () => a.messages.length === 1);
  for (let round = 2; round < 5; round++) {
    clock.advance(700);
    good.write('one more\n');
    quiet.write('one more\n');
    letArrive();
    clock.advance(700);
    await until('both were heard', () => a.messages.length === 2 * round - 1);
  }
  expect(a.closed).toEqual([]);
  good.write('and again\n');
  letArrive();
  clock.advance(2_000);
  await until('who said nothing is gone', () => a.closed.length === 1);
  expect(a.closed[0]!.connection.address.port).toBe(quiet.localPort);
  expect(a.node.heuristics.idleTimeouts).toBe(1);

  // A dial whose answer has come, too.
  const b = makeNode(setups);
  const dial = b.node.connect(await listen(makeNode()));
  for (let step = 0; step < 20; step++) await new Promise<void>((resolve) => process.nextTick(resolve));
  expect(b.node.connecting).toBe(1);
  letArrive();
  clock.advance(1_500);
  await soon('the dial', dial);
  for (const socket of [good, silent, quiet]) socket.destroy();
});

it('nothing-left: after close() there is no timer, no socket, no listener, and no connection in memory', async () => {
  for (const kind of ['memory', 'tcp'] as const) {
    const rounds = 200;
    expect(complaints(await openAndClose(kind, rounds), rounds)).toEqual([]);
  }
  // The check finds what it is there for: one leak a round, of each kind.
  for (const plant of ['connection', 'stream', 'timer', 'listener', 'resource'] as const) {
    const rounds = 30;
    const found = complaints(await openAndClose('memory', rounds, plant), rounds);
    expect(found).toContainEqual(expect.stringContaining(plant));
  }
}, 60_000);

it('every-promise-settles: whatever ends a connection, no promise that was handed out stays pending', async () => {
  const endings: readonly [string, (a: TestNode, here: Connection<string>, link: Link) => unknown][] = [
    ['a disconnect', (_a, here) => void here.disconnect()],
    ['a peer that leaves', (_a, _here, link) => link.stream.destroy()],
    ['a peer that resets', (_a, _here, link) => link.reset()],
    ['a close', (a) => void a.node.close({ timeoutMs: 30 })],
    ['a write timeout', () => undefined],
  ];
  for (const [, end] of endings) {
    const { transport } = inMemory();
    const a = makeNode({
      transport,
      outboundQueueBytes: 1_000,
      writeTimeoutMs: 40,
      onDisconnectTimeoutMs: 30,
    });
    const link = await rawLink(transport, await listen(a));
    await until('it is open', () => a.opened.length === 1);
    const here = a.opened[0]!;
    here.trySend('x'.repeat(100_000)); // nobody reads: it stays in flight
    const handedOut: Promise<unknown>[] = [here.send('refused'), here.drained(), here.drained(), here.closed];
    await turn();
    handedOut.push(here.drained());
    end(a, here, link);
    handedOut.push(here.drained(), here.send('late'), here.disconnect(), a.node.disconnect(here.address));
    await soon('all to settle', Promise.allSettled(handedOut), 2_000);
    await until('it is closed', () => here.state === 'closed');
    await soon('later ones, too', Promise.allSettled([here.send('x'), here.drained(), here.closed]));
  }

  // Sends that wait in the queue and in flight.
  const { transport } = inMemory();
  const a = makeNode({ transport, onDisconnectTimeoutMs: 30 });
  await rawLink(transport, await listen(a));
  await until('it is open', () => a.opened.length === 1);
  const sends = Array.from({ length: 50 }, () => a.opened[0]!.send('x'.repeat(10_000)));
  await turn();
  sends.push(...Array.from({ length: 50 }, () => a.opened[0]!.send('y')));
  void a.opened[0]!.disconnect();
  const outcomes = await soon('all sends', Promise.allSettled(sends));
  expect(outcomes.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(50);

  // Dials and handshakes, by every way in which a setup ends without a connection.
  const cuts: readonly [code: string, cut: (b: TestNode, abort: AbortController, link: Duplex) => unknown][] =
    [
      ['P2P_ERR_HANDSHAKE_TIMEOUT', () => undefined],
      ['P2P_ERR_ABORTED', (_b, abort) => abort.abort()],
      ['P2P_ERR_SHUTTING_DOWN', (b) => void b.node.close()],
      ['P2P_ERR_HANDSHAKE_ENDED', (_b, _abort, stream) => stream.destroy()],
    ];
  for (const [code, cut] of cuts) {
    const network = inMemory();
    const inside: Promise<unknown>[] = [];
    const b = makeNode(
      { ...network, handshakeTimeoutMs: 40 },
      {
        async onHandshake(handshake) {
          inside.push(
            handshake.write('x'.repeat(200_000)),
            handshake.read(5),
            handshake.readUntil('\n', 100),
          );
          inside.push(handshake.receive(textCodec().decoder(handshake)));
          await inside[1];
        },
      },
    );
    let far: Duplex | undefined;
    const c = makeNode(network, { onHandshake: (handshake) => ((far = handshake.takeStream()), never()) });
    const abort = new AbortController();
    const dial = b.node.connect(await listen(c), { signal: abort.signal });
    await until('both are in the handshake', () => inside.length === 4 && far !== undefined);
    cut(b, abort, far!);
    await expect(soon('the dial', dial)).rejects.toMatchObject({ code });
    const settled = await soon('what the handshake handed out', Promise.allSettled(inside));
    expect(settled.map(({ status }) => status)).toEqual(Array(4).fill('rejected'));
  }
});

it('bounded-memory: what a peer can make a node hold is limited in both directions, and all of it is released', async () => {
  // Inbound: three floods at a node whose handlers do not come forward.
  const budget = 200_000;
  const release: (() => void)[] = [];
  const a = makeNode(
    { maxBufferedBytes: budget, inboundQueueBytes: 1_000_000 },
    { onMessage: () => new Promise<void>((resolve) => release.push(resolve)) },
  );
  const address = await listen(a);
  const sockets = await Promise.all([rawConnect(address), rawConnect(address), rawConnect(address)]);
  const chunk = Buffer.from(`${'x'.repeat(99)}\n`.repeat(1_000));
  let most = 0;
  await until('every sender is held back', () => {
    for (const socket of sockets) if (socket.writableLength < 1024 * 1024) socket.write(chunk);
    most = Math.max(most, a.node.bufferedBytes);
    return most > budget / 2 && sockets.every(({ writableLength }) => writableLength >= 1024 * 1024);
  });
  for (let wait = 0; wait < 20; wait++) {
    await turn();
    most = Math.max(most, a.node.bufferedBytes);
  }
  // A chunk of the transport for each connection may come on top: 64 KiB.
  expect(most).toBeLessThanOrEqual(budget + sockets.length * 64 * 1024);
  // A socket that is not read does not tell that its peer has gone: this side has to end it.
  for (const connection of a.node.connections) void connection.disconnect();
  for (const socket of sockets) socket.destroy();
  await until('it is given back', () => held(a) === 0 && a.node.bufferedBytes === 0);

  // Outbound: a peer that does not read.
  const { transport } = inMemory();
  const limit = 50_000;
  const b = makeNode({ transport, outboundQueueBytes: limit, onDisconnectTimeoutMs: 20 });
  const there = await listen(b);
  const links = [await rawLink(transport, there), await rawLink(transport, there)];
  await until('both are open', () => b.opened.length === 2);
  const message = 'y'.repeat(7_000);
  for (let index = 0; index < 200; index++) {
    b.node.broadcast(message);
    b.opened[0]!.trySend(message);
    void b.opened[1]!.send(message);
    for (const { bufferedBytes } of b.opened) expect(bufferedBytes).toBeLessThan(limit + message.length + 1);
    if (index % 10 === 0) await turn();
  }
  expect(b.node.bufferedBytes).toBe(b.opened[0]!.bufferedBytes + b.opened[1]!.bufferedBytes);
  await b.opened[0]!.disconnect();
  links[1]!.stream.destroy();
  await until('nothing is held', () => held(b) === 0 && b.node.bufferedBytes === 0);

  // A declared length is judged before anything is kept for it.
  const c = new PeerNode({ codec: lengthDelimited({ maxFrameLength: 1_000 }), transport });
  const reasons: unknown[] = [];
  c.use({ onMessage() {}, onDisconnect: (_connection, reason) => void reasons.push(reason) });
  const link = await rawLink(transport, await c.listen({ host: '127.0.0.1', port: 0 }));
  link.stream.write(Buffer.from([0x7f, 0xff, 0xff, 0xff]));
  await until('it ended', () => reasons.length === 1);
  expect(reasons[0]).toMatchObject({ error: { code: 'P2P_ERR_FRAME_TOO_LARGE' } });
  await c.close();
});

it('encode-rollback: a message whose encoder threw leaves no byte behind, wherever it was in the batch', async () => {
  const pick = dice(6);
  const { transport } = inMemory();
  // A line of parts, each written by another means, that throws behind its last part if it begins with a bang.
  const inner = textCodec({ maxLength: Infinity });
  const codec = {
    ...inner,
    encoder: () => ({
      encode(message: string, output: Parameters<ReturnType<typeof inner.encoder>['encode']>[1]) {
        const bytes = Buffer.from(message);
        const third = Math.floor(bytes.length / 3);
        output.write(bytes.subarray(0, third));
        output.writeText(message.slice(third, 2 * third));
        output.write(bytes.subarray(2 * third));
        const position = output.reserve(1);
        if (message.startsWith('!')) throw new Error('after all was written');
        output.patchUInt(position, 10, 1);
      },
    }),
  };
  const a = makeNode({ transport, codec, outboundQueueBytes: 1024 * 1024 * 1024 });
  const b = makeNode({ transport, codec, inboundQueueBytes: 10_000 });
  const [connection] = await join(a, b);
  const expected: string[] = [];
  let rolledBack = 0;
  for (let index = 0; index < 400; index++) {
    const size = pick(0, 1, 10, 100, 4_096, 20_000, 70_000, 200_000);
    const message = `${pick('!', '', '')}${index}:${'z'.repeat(size)}`;
    const before = connection.bufferedBytes;
    const how = pick('send', 'trySend', 'broadcast');
    const act = (): unknown =>
      how === 'send'
        ? connection.send(message)
        : how === 'trySend'
          ? connection.trySend(message)
          : a.node.broadcast(message);
    if (message.startsWith('!')) {
      rolledBack++;
      const failure = expect.objectContaining({ code: 'P2P_ERR_ENCODE_FAILED' });
      if (how === 'send') await expect(act()).rejects.toEqual(failure);
      else expect(act).toThrow(failure);
      if (how !== 'send') expect(connection.bufferedBytes).toBe(before);
    } else {
      expected.push(message);
      void act();
    }
    if (pick(1, 2, 3, 4, 5) === 1) await turn();
  }
  await until('all arrived', () => b.messages.length === expected.length, 10_000);
  expect(b.messages.map((message) => message.length)).toEqual(expected.map((message) => message.length));
  expect(b.messages.every((message, index) => message === expected[index])).toBe(true);
  expect(rolledBack).toBeGreaterThan(50);
  expect(connection.stats.messagesSent).toBe(expected.length);
});

it('last-words-arrive: what send resolved for reaches a peer that reads, however much that peer sends, and never beyond the deadline', async () => {
  const pick = dice(8);
  const seen = new Set<string>();
  for (let round = 0; round < 40; round++) {
    const kind = pick('tcp', 'memory');
    const how = pick('disconnect', 'close', 'invalid-frame', 'handler-error');
    const goesOn = pick('stops', 'goes on', 'leaves');
    // As much as the other side has room for while it does not read.
    const size = kind === 'tcp' ? pick(1, 5_000, 300_000, 900_000) : pick(1, 5_000, 14_000);
    const unread = pick(0, 10, 300_000, 2_000_000);
    const what = `round ${round}: ${kind}, ${how}, ${size} bytes to a peer that sent ${unread} and ${goesOn}`;
    const farewell = pick('', 'farewell');
    const { transport } = inMemory();
    let said = false;
    const a = makeNode(
      {
        ...(kind === 'memory' && { transport }),
        outboundQueueBytes: 16 * 1024 * 1024,
        onDisconnectTimeoutMs: 1_000,
      },
      {
        async onMessage(_message, connection) {
          await connection.send('w'.repeat(size));
          said = true;
          if (how === 'handler-error') throw new Error('a bug');
          if (how !== 'invalid-frame') await never();
        },
        onDisconnect: (connection) => void (farewell !== '' && connection.trySend(farewell)),
      },
    );
    const address = await listen(a);
    const peer = kind === 'tcp' ? await rawConnect(address) : (await rawLink(transport, address)).stream;
    peer.pause();
    peer.write(`go\n${how === 'invalid-frame' ? '!\n' : ''}`);
    if (unread > 0) peer.write('u'.repeat(unread));
    await until(`${what}: it was said`, () => said);
    const connection = a.opened[0]!;
    const ended = how === 'close' ? a.node.close() : connection.disconnect();
    await until(`${what}: it is ending`, () => connection.state !== 'open');

    let [heard, end] = ['', ''];
    peer.on('data', (chunk: Buffer) => void (heard += chunk.toString()));
    peer.once('end', () => void (end ||= 'end')).once('error', () => void (end ||= 'error'));
    const more = (): void => void (peer.writable && peer.write('m'.repeat(10_000)));
    if (goesOn === 'goes on') peer.on('drain', more);
    if (goesOn === 'goes on') for (let index = 0; index < 10; index++) more();
    peer.resume();
    const words = `${'w'.repeat(size)}\n${farewell === '' ? '' : `${farewell}\n`}`;
    await until(`${what}: all of it arrives`, () => heard.length >= words.length || end === 'error');
    expect([what, heard === words]).toEqual([what, true]);
    if (goesOn === 'leaves') peer.end();
    else if (round % 10 > 0) peer.destroy();
    // Of every tenth peer that stays the deadline is the end.
    await soon(`${what}: the end`, Promise.all([ended, connection.closed]), 3_000);
    peer.destroy();
    seen.add(kind + how).add(how + goesOn);
  }
  expect(seen.size).toBeGreaterThan(15);
});

it('decoded-late: only bytes wait for a handler, however many messages they contain', async () => {
  const inner = textCodec();
  for (const config of [
    { whenInboundFull: 'pause' },
    { whenInboundFull: 'drop', inboundQueueBytes: 10_000 },
  ] as const) {
    let decoded = 0;
    let finish = (): void => {};
    const codec = {
      encoder: inner.encoder,
      decoder: (context: Parameters<typeof inner.decoder>[0]) => {
        const { decode } = inner.decoder(context);
        return { decode: (input: Parameters<typeof decode>[0]) => counted(decode(input)) };
      },
    };
    const counted = <T>(message: T): T => ((decoded += typeof message === 'string' ? 1 : 0), message);
    const a = makeNode(
      { ...inMemory(), ...config, codec },
      { onMessage: () => new Promise<void>((resolve) => (finish = resolve)) },
    );
    const link = await rawLink(a.node.config.transport, await listen(a));
    link.stream.write('first\n');
    await until('it is being handled', () => decoded === 1);
    for (let count = 0; count < 200; count++) link.stream.write('and another\n');
    link.stream.end('!\n');
    await until('all arrived', () => a.node.stats.bytesReceived === 6 + 200 * 12 + 2);
    for (let handled = 1; handled <= 200; handled++) {
      expect(decoded).toBe(handled);
      expect(a.node.bufferedBytes).toBe((201 - handled) * 12 + 2);
      finish();
      await until('the next one began', () => decoded === handled + 1);
    }
    expect(a.closed).toHaveLength(0);
    finish();
    await until('it ended', () => a.closed.length === 1);
    expect(a.closed[0]!.reason).toMatchObject({ cause: 'invalid-frame' });
  }
});

it('exact-byte: a renegotiation begins right after its message, and no byte or message crosses its ends', async () => {
  const random = seededRandom(11);
  const pick = dice(12);
  for (let round = 0; round < 40; round++) {
    const { transport } = inMemory();
    const isAwaited = pick(true, false);
    const isMasked = pick(true, false);
    const handled: string[] = [];
    const blocks: string[] = [];
    const node = makeNode(
      { transport },
      {
        async onMessage(message, connection) {
          handled.push(message);
          if (pick(true, false)) await ticks(pick(0, 1, 3));
          if (!message.startsWith('block')) return;
          const size = Number(message.slice(5));
          connection.trySend('before');
          const over = connection.renegotiate(async (handshake) => {
            if (pick(true, false)) await turn();
            // Neither a message of ours nor one of the peer gets between these two.
            expect(connection.trySend('never')).toBe(false);
            await handshake.write('<');
            blocks.push(String(await handshake.read(size)));
            await handshake.write('>');
            if (isMasked && blocks.length === 2) handshake.upgrade(new MaskedStream(handshake.takeStream()));
          });
          if (!isAwaited) return;
          await over;
          connection.trySend('after');
        },
      },
    );
    const link = await rawLink(transport, await listen(node));
    let heard = '';
    link.stream.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1'))).resume();
    const lines: string[] = [];
    const raw: string[] = [];
    let text = '';
    for (let index = 0; index < 2; index++) {
      const block = 'line\n!'.repeat(pick(0, 1, 50)) + '#';
      lines.push(`m${index}`, `block${block.length}`);
      raw.push(block);
      text += `m${index}\nblock${block.length}\n${block}`;
    }
    if (!isMasked) {
      lines.push('last');
      text += 'last\n';
    }
    for (let at = 0; at < text.length;) {
      const size = 1 + Math.floor(random.next() * pick(2, 20, 2_000));
      link.stream.write(text.slice(at, at + size));
      at += size;
      if (pick(true, false)) await turn();
    }
    await until('all was handled', () => handled.length === lines.length && blocks.length === 2);
    expect(handled).toEqual(lines);
    expect(blocks).toEqual(raw);
    const expected = `before\n<>${isAwaited ? 'after\n' : ''}`.repeat(2);
    await until('all was sent', () => heard.length >= expected.length);
    // What follows the mask is masked.
    const plain = isMasked && isAwaited ? expected.length - 'after\n'.length : expected.length;
    expect(heard.slice(0, plain)).toBe(expected.slice(0, plain));
    expect(heard).toHaveLength(expected.length);
    link.reset();
    await until('it is gone', () => held(node) === 0);
  }
});

describe('two-budgets: neither direction stops the other, and the connections that hold most are held back first', () => {
  const frame = 100_000;
  const codec = lengthDelimited({ maxFrameLength: frame });

  it('two nodes that both push more than their budgets hold come to an end', async () => {
    // One frame, and its length: the least that can work at all.
    const config = {
      codec,
      maxBufferedBytes: frame + 4,
      maxConnectionsPerIp: 100,
      outboundQueueBytes: 2 * frame,
    };
    const count = 20;
    const links = 12;
    const heard = [0, 0];
    const nodes = [0, 1].map((index) =>
      new PeerNode({ ...config, logger: silentLogger }).use({
        async onMessage(message) {
          expect(message.length).toBe(frame);
          heard[index]!++;
          await turn();
        },
      }),
    );
    const [a, b] = nodes as [PeerNode<Buffer>, PeerNode<Buffer>];
    const { port } = await a.listen({ host: '0.0.0.0', port: 0 });
    for (let link = 1; link <= links; link++) {
      // From an address of its own: the system may use a port twice towards two addresses.
      await b.connect({ host: `127.0.0.${link}`, port }, { localAddress: `127.0.0.${link}` });
    }
    await until('both have them', () => a.connections.size === links);
    const bytes = Buffer.alloc(frame, 'x');
    const push = async (connection: Connection<Buffer>): Promise<void> => {
      for (let sent = 0; sent < count;) {
        if (connection.trySend(bytes)) sent++;
        else await connection.drained();
      }
    };
    const pushes = nodes.flatMap((node) => [...node.connections].map(push));
    await soon('all is sent', Promise.all(pushes), 30_000);
    await until('all is heard', () => heard.every((messages) => messages === links * count), 30_000);
    for (const node of nodes) {
      expect(node.heuristics.pressureTimeouts).toBe(0);
      await node.close();
    }
  });

  it('who holds most of what waits to be sent is held back, then ended, and others are answered', async () => {
    const clock = new ControlledClock();
    const { transport } = inMemory();
    const reasons: DisconnectReason[] = [];
    const budget = 10 * frame;
    const node = new PeerNode({
      ...{ codec, transport, clock, logger: silentLogger, maxBufferedBytes: budget },
      ...{
        maxConnections: 1_000,
        maxConnectionsPerIp: 1_000,
        pressureTimeoutMs: 5_000,
        writeTimeoutMs: 3_600_000,
      },
    }).use({
      onMessage: (message, connection) => void connection.trySend(message),
      onDisconnect: (_connection, reason) => void reasons.push(reason),
    });
    const address = await node.listen({ host: '127.0.0.1', port: 0 });
    const greedy = await Promise.all(Array.from({ length: 17 }, () => rawLink(transport, address)));
    const large = Buffer.concat([Buffer.from([0, 1, 0x86, 0xa0]), Buffer.alloc(frame)]);
    for (const { stream } of greedy) for (let count = 0; count < 5; count++) stream.write(large);
    await until('all was handled', () => node.stats.messagesReceived === 17 * 5);
    expect(node.bufferedBytes).toBeGreaterThan(budget / 2);
    expect(node.bufferedBytes).toBeLessThan(budget + 17 * frame);

    const good = new PeerNode({ codec, transport, logger: silentLogger });
    const answers: Buffer[] = [];
    good.use({ onMessage: (message) => void answers.push(message) });
    const connection = await good.connect(address);
    await connection.send(Buffer.from('hello'));
    await until('the good peer is answered', () => answers.length === 1);
    expect(reasons).toEqual([]);

    await until('the greedy are ended', () => {
      clock.advance(1_000);
      return reasons.length > 0;
    });
    expect(reasons[0]).toMatchObject({
      origin: 'writing',
      cause: 'over-budget',
      error: { code: 'P2P_ERR_OVER_BUDGET' },
    });
    await until('there is room again', () => {
      clock.advance(1_000);
      return node.bufferedBytes <= budget / 2;
    });
    expect(node.heuristics.pressureTimeouts).toBe(reasons.length);
    expect(node.connections.get(connection.localAddress)?.state).toBe('open');
    await Promise.all([node.close({ timeoutMs: 200 }), good.close(), pass(clock, 500)]);
  });

  it.each(['smallest', 'largest'])(
    'of those that take nothing the largest are ended, and as few as are enough: the %s came first',
    async (first) => {
      const clock = new ControlledClock();
      const { transport } = inMemory();
      const ended: number[] = [];
      const node = new PeerNode({
        ...{ codec, transport, clock, logger: silentLogger, maxBufferedBytes: 12 * frame },
        ...{ maxConnectionsPerIp: 100, pressureTimeoutMs: 5_000, writeTimeoutMs: 3_600_000 },
      }).use({ onDisconnect: (connection) => void ended.push(percent.get(connection)!) });
      const percent = new Map<Connection<Buffer>, number>();
      const address = await node.listen({ host: '127.0.0.1', port: 0 });
      for (let count = 0; count < 10; count++) await rawLink(transport, address);
      await until('all are here', () => node.connections.size === 10);
      const sizes = Array.from({ length: 10 }, (_, index) => 55 + 5 * index);
      if (first === 'largest') sizes.reverse();
      [...node.connections].forEach((connection, index) => {
        percent.set(connection, sizes[index]!);
        expect(connection.trySend(Buffer.alloc((sizes[index]! * frame) / 100))).toBe(true);
      });
      expect(node.bufferedBytes).toBe(7.75 * frame + 10 * 4);
      await until('some are ended', () => {
        clock.advance(1_000);
        return ended.length > 0;
      });
      await pass(clock, 20_000);
      expect(ended.sort()).toEqual([100, 95]);
      expect(node.bufferedBytes).toBe(5.8 * frame + 8 * 4);
      await Promise.all([node.close({ timeoutMs: 200 }), pass(clock, 500)]);
    },
  );

  it('who fills the memory with unfinished frames is held back, then ended, and others are served', async () => {
    const clock = new ControlledClock();
    const { transport } = inMemory();
    const reasons: DisconnectReason[] = [];
    const heard: string[] = [];
    const budget = 3 * frame;
    const node = new PeerNode({
      ...{
        codec,
        transport,
        clock,
        logger: silentLogger,
        maxBufferedBytes: budget,
        maxConnectionsPerIp: 100,
      },
      ...{ pressureTimeoutMs: 5_000, idleTimeoutMs: 0 },
    }).use({
      onMessage: (message) => void heard.push(message.toString()),
      onDisconnect: (_connection, reason) => void reasons.push(reason),
    });
    const address = await node.listen({ host: '127.0.0.1', port: 0 });
    const greedy = await Promise.all(Array.from({ length: 17 }, () => rawLink(transport, address)));
    for (const { stream } of greedy) {
      stream.write(Buffer.from([0, 1, 0x86, 0xa0]));
      for (let count = 0; count < 9; count++) stream.write(Buffer.alloc(frame / 10));
    }
    await until('the budget is tight', () => node.bufferedBytes > budget / 2);
    const good = await rawLink(transport, address);
    good.stream.write(Buffer.concat([Buffer.from([0, 0, 0, 5]), Buffer.from('hello')]));
    await until('the good peer is served', () => heard.length === 1);
    // 16 KiB are what the pair of streams hands over at once.
    expect(node.bufferedBytes).toBeLessThan(budget + frame + 18 * 16 * 1024);
    expect(reasons).toEqual([]);
    await until('the greedy are ended', () => {
      clock.advance(1_000);
      return node.bufferedBytes <= budget / 2;
    });
    expect(reasons.length).toBeGreaterThan(0);
    expect(reasons[0]).toMatchObject({
      origin: 'reading',
      cause: 'over-budget',
      error: { code: 'P2P_ERR_OVER_BUDGET' },
    });
    expect(node.heuristics.pressureTimeouts).toBe(reasons.length);
    await Promise.all([node.close({ timeoutMs: 200 }), pass(clock, 500)]);
  });

  it.each(['idle', 'dripping'])(
    'unfinished frames hold up an honest one for a few turns, however many: %s',
    async (how) => {
      const clock = new ControlledClock();
      const { transport } = inMemory();
      const reasons: DisconnectReason[] = [];
      const heard: Buffer[] = [];
      const hoarders = 30;
      const node = new PeerNode({
        ...{ codec, transport, clock, logger: silentLogger, maxBufferedBytes: hoarders * frame },
        ...{ maxConnectionsPerIp: 100, pressureTimeoutMs: 4_000, idleTimeoutMs: 0 },
      }).use({
        onMessage: (message) => void heard.push(message),
        onDisconnect: (_connection, reason) => void reasons.push(reason),
      });
      const address = await node.listen({ host: '127.0.0.1', port: 0 });
      const greedy = await Promise.all(Array.from({ length: hoarders }, () => rawLink(transport, address)));
      const head = Buffer.from([0, 1, 0x86, 0xa0]);
      const write = (stream: Duplex, tenths: number): void => {
        stream.write(head);
        for (let count = 0; count < tenths; count++) stream.write(Buffer.alloc(frame / 10));
      };
      for (const { stream } of greedy) write(stream, 8);
      await until('the budget is tight', () => node.bufferedBytes > (hoarders * frame) / 2);
      /** One turn in the seat, and time for whoever has it to send. */
      const seatTurn = async (): Promise<void> => {
        if (how === 'dripping') for (const { stream } of greedy) stream.write('.');
        clock.advance(100);
        for (let poll = 0; poll < 20; poll++) await turn();
      };
      for (let turns = 0; turns < 5; turns++) await seatTurn();

      const honest = await rawLink(transport, address);
      const { bytesReceived } = node.stats;
      write(honest.stream, 10);
      await until('some of it has come', () => node.stats.bytesReceived > bytesReceived);
      let turns = 0;
      for (; heard.length === 0 && turns < 100; turns++) await seatTurn();
      expect(turns).toBeLessThanOrEqual(4);
      expect(reasons).toEqual([]);

      for (turns = 0; node.bufferedBytes > (hoarders * frame) / 2; turns++) {
        await seatTurn();
        expect(turns).toBeLessThan(hoarders * 60);
      }
      for (const reason of reasons) expect(reason).toMatchObject({ cause: 'over-budget' });
      await Promise.all([node.close({ timeoutMs: 200 }), pass(clock, 500)]);
    },
  );

  it('who completes frame after frame is not ended, though each is above its share', async () => {
    const clock = new ControlledClock();
    const { transport } = inMemory();
    const heard: Buffer[] = [];
    const node = new PeerNode({
      ...{
        codec,
        transport,
        clock,
        logger: silentLogger,
        maxBufferedBytes: 3 * frame,
        maxConnectionsPerIp: 100,
      },
      ...{ pressureTimeoutMs: 5_000, idleTimeoutMs: 0 },
    }).use({
      onMessage: (message) => (message.length === 1 ? new Promise<void>(() => {}) : void heard.push(message)),
    });
    const address = await node.listen({ host: '127.0.0.1', port: 0 });
    // Their handlers keep them busy: they hold most of the memory, and want no seat.
    const busy = await Promise.all(Array.from({ length: 3 }, () => rawLink(transport, address)));
    for (const { stream } of busy)
      stream.write(Buffer.concat([Buffer.from([0, 0, 0, 1, 0]), Buffer.alloc(60_000)]));
    await until('the budget is tight', () => node.bufferedBytes > 1.5 * frame);

    const steady = await rawLink(transport, address);
    const half = frame / 2;
    steady.stream.write(Buffer.concat([Buffer.from([0, 1, 0x86, 0xa0]), Buffer.alloc(half)]));
    const nextHalves = Buffer.concat([
      Buffer.alloc(half),
      Buffer.from([0, 1, 0x86, 0xa0]),
      Buffer.alloc(half),
    ]);
    for (let frames = 1; frames <= 10; frames++) {
      await until('half a frame is there', () => node.bufferedBytes >= 3 * 60_000 + half);
      await pass(clock, 2_000);
      steady.stream.write(nextHalves);
      await until('it is complete', () => heard.length === frames);
    }
    expect(node.heuristics.pressureTimeouts).toBe(0);
    await until('one that does not complete is ended', () => {
      clock.advance(1_000);
      return node.heuristics.pressureTimeouts === 1;
    });
    await Promise.all([node.close({ timeoutMs: 200 }), pass(clock, 500)]);
  });
});

it('fair-turns: a connection does a bounded part of its work in one turn of the event loop, then others are served', async () => {
  for (const kind of ['at once', 'async', 'renegotiates']) {
    const { transport } = inMemory();
    const inTurn = new Map<number, number>();
    let most = 0;
    let handled = 0;
    let handledBeforeQuiet = -1;
    const onMessage = (message: string, connection: Connection<string>): void => {
      const { id } = connection;
      handled++;
      if (message === 'quiet') handledBeforeQuiet = handled;
      inTurn.set(id, (inTurn.get(id) ?? 0) + 1);
      most = Math.max(most, inTurn.get(id)!);
      // What comes of it is awaited by nobody, and goes on in microtasks.
      if (kind === 'renegotiates') void connection.renegotiate(() => {});
    };
    // Time stands still, as if handlers took none: then their number is what counts.
    const a = makeNode(
      { transport, clock: new ControlledClock() },
      {
        onMessage:
          kind === 'async' ? async (message, connection) => onMessage(message, connection) : onMessage,
      },
    );
    const address = await listen(a);
    const [greedy, quiet] = [await rawLink(transport, address), await rawLink(transport, address)];
    await until('both are open', () => a.opened.length === 2);
    const total = 100_000;
    greedy.stream.write(Buffer.alloc(total, '\n'));
    quiet.stream.write('quiet\n');
    const all = (): boolean => {
      inTurn.clear();
      return handled === total + 1;
    };
    await until('all was handled', all, 60_000);
    expect(most).toBeLessThan(33_000);
    expect(handledBeforeQuiet).toBeLessThan(33_000);
  }
});

// Rule by rule ends here; what follows is the check of nothing-left, and that of the document.

type Plant = 'connection' | 'stream' | 'timer' | 'listener' | 'resource';

interface Leftovers {
  /** Of each kind of object how many are still in memory, behind a garbage collection. */
  readonly alive: Readonly<Record<'node' | 'connection' | 'stream', number>>;
  readonly timers: number;
  readonly listeners: number;
  /** Sockets, servers and timers that are active now and were not before. */
  readonly resources: number;
}

/**
 * So many rounds in which a node is made, connects to one that lives through all of them and closes.
 *
 * Objects are counted by weak references, not by the size of the heap: a jest worker compiles and forgets megabytes
 * while a test runs, so a leak of a few kilobytes a round would drown; a count of what can still be reached does not
 * move with any of that. A few may live on in registers and inline caches: a leak of one a round is told from it by number.
 */
async function openAndClose(kind: 'memory' | 'tcp', rounds: number, plant?: Plant): Promise<Leftovers> {
  const refs: Record<keyof Leftovers['alive'], WeakRef<object>[]> = { node: [], connection: [], stream: [] };
  const watched = watchedTransport(kind === 'memory' ? memoryTransport() : tcpTransport(), refs.stream);
  const clock = countingClock();
  // What the user owns and keeps.
  const abort = new AbortController();
  setMaxListeners(0, abort.signal);
  const planted: unknown[] = [];
  const hooks: Hooks<string> = {
    onHandshake: async (handshake) => {
      await handshake.write('x');
      await handshake.read(1);
    },
    onConnect: (connection) => void refs.connection.push(new WeakRef(connection)),
    onMessage: async (_message, connection) => void (await connection.send('back', { signal: abort.signal })),
    onDisconnect: (connection) => void (connection.signal.aborted && connection.trySend('farewell')),
  };
  const resources = activeResources();
  // No timer may be gone because its time was over.
  const tenMinutes = 600_000;
  const config = {
    codec: textCodec(),
    transport: watched,
    clock,
    maxConnectionsPerIp: 1_000,
    connectTimeoutMs: tenMinutes,
    handshakeTimeoutMs: tenMinutes,
    onDisconnectTimeoutMs: tenMinutes,
    closeTimeoutMs: tenMinutes,
  };
  const server = new PeerNode(config).use(hooks);
  const address = await server.listen({ host: '127.0.0.1', port: 0 });

  for (let round = 0; round < rounds; round++) await oneRound();
  async function oneRound(): Promise<void> {
    const node = new PeerNode(config).use({ ...hooks, onMessage() {} });
    refs.node.push(new WeakRef(node));
    await node.listen({ host: '127.0.0.1', port: 0 });
    const connection = await node.connect(address, { signal: abort.signal });
    await connection.send('there', { signal: abort.signal });
    void node.connect('127.0.0.1:1', { signal: abort.signal }); // fails, or is cut off by close
    if (plant === 'connection') planted.push(connection);
    if (plant === 'stream') planted.push(refs.stream.at(-1)!.deref());
    if (plant === 'timer') clock.setTimeout(() => {}, 60_000);
    if (plant === 'listener') abort.signal.addEventListener('abort', () => {});
    if (plant === 'resource') planted.push(setTimeout(() => {}, 60_000));
    await node.close();
  }
  await until('the server saw all of them go', () => server.connections.size === 0);
  await server.close();

  const left = (): number => activeResources() - resources;
  // The system needs a moment to close handles; jest has timers of its own that come and go: the fewest count.
  let fewest = left();
  const deadline = performance.now() + (plant === undefined ? 5_000 : 100);
  while (fewest > 0 && performance.now() < deadline) {
    await turn();
    fewest = Math.min(fewest, left());
  }
  const alive = async (): Promise<Leftovers['alive']> => {
    await collectGarbage();
    const count = (list: WeakRef<object>[]): number => list.filter((ref) => ref.deref() !== undefined).length;
    return { node: count(refs.node), connection: count(refs.connection), stream: count(refs.stream) };
  };
  let counts = await alive();
  // Looking again and again for what was planted would find it again and again.
  const looks = plant === undefined ? 10 : 1;
  for (let again = 0; again < looks && Math.max(...Object.values(counts)) > 0; again++)
    counts = await alive();
  const leftovers = {
    alive: counts,
    timers: clock.pending(),
    listeners: getEventListeners(abort.signal, 'abort').length,
    resources: fewest,
  };
  for (const one of planted) clearTimeout(one as NodeJS.Timeout);
  clock.cancelAll();
  return leftovers;
}

/** What is wrong with that, one line each. */
function complaints({ alive, timers, listeners, resources }: Leftovers, rounds: number): string[] {
  const few = rounds / 10;
  return [
    ...Object.entries(alive).flatMap(([what, count]) => (count > few ? [`${count} of ${what} alive`] : [])),
    ...(timers > 0 ? [`${timers} of timer pending`] : []),
    ...(listeners > 0 ? [`${listeners} of listener on the user's signal`] : []),
    ...(resources > 0 ? [`${resources} of resource active`] : []),
  ];
}

/** `inner`, with a weak reference to every stream that it hands out. */
function watchedTransport(inner: Transport, streams: WeakRef<object>[]): Transport {
  const watch = (link: Link): Link => (streams.push(new WeakRef(link.stream)), link);
  return {
    name: inner.name,
    resolve: (address) => inner.resolve(address),
    listen: (options, events) =>
      inner.listen(options, { ...events, onLink: (link) => events.onLink(watch(link)) }),
    connect: async (address, options) => watch(await inner.connect(address, options)),
  };
}

/** The system's clock, with a count of the timers that wait. */
function countingClock(): Clock & { pending(): number; cancelAll(): void } {
  const waiting = new Set<Timer>();
  const count = (callback: () => void, set: (call: () => void) => Timer): Timer => {
    const inner = set(() => (waiting.delete(timer), callback()));
    const timer = { cancel: () => (waiting.delete(timer), inner.cancel()) };
    waiting.add(timer);
    return timer;
  };
  return {
    now: () => systemClock.now(),
    date: () => systemClock.date(),
    setTimeout: (callback, delayMs, options) =>
      count(callback, (call) => systemClock.setTimeout(call, delayMs, options)),
    nextTurn: (callback) => count(callback, (call) => systemClock.nextTurn(call)),
    pending: () => waiting.size,
    cancelAll: () => {
      for (const timer of waiting) timer.cancel();
    },
  };
}

function activeResources(): number {
  return process.getActiveResourcesInfo().filter((kind) => /TCP|Pipe|Timeout|GetAddrInfo/.test(kind)).length;
}

/** References that were looked at stay alive until the turn ends: collect in a later one. */
async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  for (let round = 0; round < 3; round++) {
    await turn();
    gc();
  }
}

describe('INVARIANTS.md', () => {
  const page = readFileSync(joinPath(root, 'INVARIANTS.md'), 'utf8');
  const source = joinPath(root, 'packages/core/src');
  const entries = page
    .split(/^## /m)
    .slice(1)
    .map((text) => {
      const [title = ''] = text.split('\n');
      const part = (name: string): string => new RegExp(`\\*\\*${name}\\*\\*: (.+)`).exec(text)?.[1] ?? '';
      return { title, text, part };
    })
    .filter(({ title }) => title !== 'Non-promises');

  it('has an entry for every test of this file, and a test for every entry, named after it', () => {
    const own = readFileSync(fileURLToPath(import.meta.url), 'utf8');
    // A rule that takes several situations to show has a `describe` of its name.
    const tests = [
      ...own.matchAll(/^(?:it\('([a-z-]+: [^\n]+?)', async|describe\('([a-z-]+: [^\n]+?)', \(\))/gm),
    ].map(([, test, group]) => test ?? group);
    expect(tests.length).toBeGreaterThanOrEqual(12);
    expect(entries.map(({ part }) => part('Test'))).toEqual(tests.map((name) => `\`${name}\``));
    expect(entries.map(({ title }) => title)).toEqual(tests.map((name) => name!.split(':')[0]));
  });

  it('says of each what holds, where, and what breaks without it', () => {
    const incomplete = entries.filter(({ part }) =>
      ['Statement', 'Enforced in', 'Without it', 'Test'].some((name) => part(name).length < 10),
    );
    expect(incomplete.map(({ title }) => title)).toEqual([]);
  });

  it('names files and functions that exist', () => {
    const missing: string[] = [];
    for (const { title, part } of entries) {
      const places = [...part('Enforced in').matchAll(/`([\w/.-]+\.ts)` \(([^)]+)\)/g)];
      if (places.length === 0) missing.push(`${title} names no place`);
      for (const [, path = '', names = ''] of places) {
        if (!existsSync(joinPath(source, path))) {
          missing.push(`${title}: ${path}`);
          continue;
        }
        const text = readFileSync(joinPath(source, path), 'utf8');
        for (const [, name = ''] of names.matchAll(/`([^`]+)`/g)) {
          if (!text.includes(name)) missing.push(`${title}: ${path} has no ${name}`);
        }
      }
    }
    expect(missing).toEqual([]);
  });

  it('has an entry for every invariant that a comment in the kernel names', () => {
    const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.ts'),
    );
    const named = files.flatMap((path) =>
      [
        ...readFileSync(joinPath(source, path), 'utf8').matchAll(/INVARIANT: ([a-z-]+(?:, [a-z-]+)*)/g),
      ].flatMap(([, names = '']) => names.split(', ')),
    );
    expect(named.length).toBeGreaterThan(10);
    const titles = entries.map(({ title }) => title);
    expect([...new Set(named)].filter((name) => !titles.includes(name))).toEqual([]);
  });

  it('closes with what is not promised', () => {
    const list = page.split('## Non-promises')[1] ?? '';
    expect(list.match(/^- \*\*/gm)?.length).toBeGreaterThan(10);
  });
});
