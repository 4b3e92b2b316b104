import { describe, expect, it } from '@jest/globals';
import { defer } from '@pea2pea/core/authoring';
import { json, lines } from '@pea2pea/codecs';
import {
  memoryTransport,
  PeerNode,
  type Connection,
  type DisconnectReason,
  type NodeConfig,
} from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import {
  jsonRpcPings,
  KEEP_ALIVE_DEFAULTS,
  KeepAlive,
  keepAlive,
  objectPings,
  reconnect,
  type KeepAliveOptions,
  type PingFormat,
} from '@pea2pea/policies';
import { ANYWHERE, lab, type LogLine, peerErrorOf, recordingLogger, turn, until } from '@pea2pea/testing';

const { own } = lab();

const SECOND = 1_000;
const codec = json(lines());

/** Nodes in a network of their own, whose time stands still. */
function world() {
  const transport = memoryTransport();
  const clock = new ControlledClock();
  const log: LogLine[] = [];
  const config = { codec, transport, clock, logger: recordingLogger(log) };
  return {
    clock,
    log,
    /** A node with the plugin, and what it heard. */
    node(options: KeepAliveOptions = {}, more: Partial<NodeConfig<unknown>> = {}) {
      const heard: unknown[] = [];
      const reasons: DisconnectReason[] = [];
      const node = own(new PeerNode<unknown>({ ...config, ...more }))
        .use(keepAlive(options))
        .use({
          onMessage: (message) => void heard.push(message),
          onDisconnect: (_connection, reason) => void reasons.push(reason),
        });
      return { node, heard, reasons, plugin: node.plugin(keepAlive) };
    },
    /** A node that knows nothing of pings: `onMessage` has them. */
    stranger(onMessage: (message: unknown, connection: Connection) => void = () => {}) {
      return own(new PeerNode<unknown>({ ...config, idleTimeoutMs: 0 })).use({ onMessage });
    },
    /** Lets time pass as it does: a second, then what comes of it. */
    async pass(ms: number): Promise<void> {
      for (let left = ms; left > 0; left -= SECOND) {
        clock.advance(Math.min(left, SECOND));
        await turn(12);
      }
    },
  };
}

/** `from` and `to` connected, as both see it. */
async function join(from: PeerNode<unknown>, to: PeerNode<unknown>): Promise<[Connection, Connection]> {
  const here = await from.connect(to.address ?? (await to.listen(ANYWHERE)));
  await until(() => to.connections.size === 1);
  return [here, [...to.connections][0]!];
}

describe('two peers that say nothing', () => {
  it('stay connected for hours, with a ping every 20 seconds', async () => {
    const { node, pass } = world();
    const [a, b] = [node(), node()];
    const [here, there] = await join(a.node, b.node);
    await pass(3_600 * SECOND);
    expect([here.state, there.state]).toEqual(['open', 'open']);
    const sent = a.plugin.pingsSent + b.plugin.pingsSent;
    expect(sent).toBeGreaterThan(150);
    expect(sent).toBeLessThan(2 * 180 + 1);
    expect(a.plugin.pongsReceived + b.plugin.pongsReceived).toBe(sent);
    expect([a.heard, b.heard]).toEqual([[], []]);
  });

  it('lose each other after a minute without it', async () => {
    const { clock, pass } = world();
    const transport = memoryTransport();
    const quiet = () =>
      own(new PeerNode<unknown>({ codec, transport, clock })).use({ onMessage: () => undefined });
    const [here] = await join(quiet(), quiet());
    await pass(62 * SECOND);
    expect(here.state).not.toBe('open');
  });

  it('need one timer per node for all connections', async () => {
    const { clock, node, stranger } = world();
    const a = node({}, { idleTimeoutMs: 0 });
    await a.node.listen(ANYWHERE);
    const counts: number[] = [];
    for (let count = 1; count <= 3; count++) {
      await stranger().connect(a.node.address!);
      await until(() => a.node.connections.size === count);
      counts.push(clock.pending);
    }
    expect(counts[2]! - counts[1]!).toBe(counts[1]! - counts[0]!);
    expect(counts[1]! - counts[0]!).toBe(1); // the sweeper of each stranger
  });
});

describe('a peer that sends', () => {
  it('gets no ping', async () => {
    const { node, pass } = world();
    const [a, b] = [node(), node()];
    const [here, there] = await join(a.node, b.node);
    for (let round = 0; round < 20; round++) {
      here.trySend({ round });
      there.trySend({ round });
      await pass(15 * SECOND);
    }
    expect([a.plugin.pingsSent, b.plugin.pingsSent]).toEqual([0, 0]);
    expect(b.heard).toHaveLength(20);
  });

  it('but replies to no ping, as it is busy, is alive', async () => {
    const { node, stranger, pass } = world();
    const a = node();
    const [there] = await join(stranger(), a.node);
    for (let round = 0; round < 10; round++) {
      await pass(25 * SECOND);
      there.trySend({ round });
      await turn(4);
    }
    expect(there.state).toBe('open');
    expect(a.plugin.pingsSent).toBeGreaterThan(5);
    expect([a.plugin.pongsReceived, a.plugin.unresponsive]).toEqual([0, 0]);
  });
});

describe('a peer that is gone', () => {
  it('is pinged after intervalMs, and given up after timeoutMs, with a reason, an event and a line', async () => {
    const { clock, node, stranger, pass, log } = world();
    const pings: [number, unknown][] = [];
    const a = node({ intervalMs: 8_000, timeoutMs: 4_000 });
    const told: unknown[] = [];
    a.plugin.events.on('unresponsive', ({ connection, silentMs }) => told.push([connection.state, silentMs]));
    await join(
      stranger((message) => void pings.push([clock.now(), message])),
      a.node,
    );
    await pass(13 * SECOND);
    expect(pings.map(([, message]) => message)).toEqual([{ $ping: 1 }]);
    expect(pings[0]![0]).toBeGreaterThanOrEqual(8_000);
    expect(pings[0]![0]).toBeLessThanOrEqual(9_000);
    await until(() => a.reasons.length === 1);
    expect(a.reasons[0]).toMatchObject({ origin: 'user', error: { code: 'P2P_ERR_PEER_UNRESPONSIVE' } });
    expect(a.plugin.unresponsive).toBe(1);
    expect(told).toEqual([['closing', expect.any(Number)]]);
    expect(log.filter(({ text }) => text.startsWith('a peer does not respond'))).toHaveLength(1);
    await pass(5 * SECOND);
    expect(a.node.connections.size).toBe(0);
  });

  it('is dialled again by reconnect', async () => {
    const { clock, node, stranger, pass } = world();
    const server = stranger();
    const address = await server.listen(ANYWHERE);
    const a = node();
    a.node.use(reconnect({ addresses: [address], jitter: 0 }));
    await a.node.start();
    await until(() => a.node.connections.size === 1);
    await pass(40 * SECOND);
    await until(() => a.reasons.length === 1);
    expect(a.node.plugin(reconnect).status()[0]).toMatchObject({ last: { fault: 'theirs' } });
    clock.advance(4 * SECOND);
    await until(() => a.node.plugin(reconnect).status()[0]!.state === 'connected');
  });
});

describe('time that this process stands still', () => {
  it('does not count against a peer whose reply waits in the socket', async () => {
    const { clock, node, pass } = world();
    const [a, b] = [node({}, { idleTimeoutMs: 0 }), node({}, { clock: new ControlledClock() })];
    const [here] = await join(a.node, b.node);
    await pass(20 * SECOND);
    expect(a.plugin.pingsSent).toBe(1);
    for (let stop = 0; stop < 5; stop++) {
      clock.jump(300 * SECOND);
      await pass(SECOND);
    }
    expect(here.state).toBe('open');
  });

  it('gives a peer that was pinged before all of its time again', async () => {
    const { clock, node, stranger, pass } = world();
    const a = node({}, { idleTimeoutMs: 0 });
    let ping: unknown;
    const [there] = await join(
      stranger((message) => void (ping = message)),
      a.node,
    );
    await pass(22 * SECOND);
    expect(ping).toEqual({ $ping: 1 });
    clock.jump(300 * SECOND);
    await pass(8 * SECOND);
    expect(there.state).toBe('open');
    there.trySend({ $pong: 1 });
    await pass(8 * SECOND);
    expect(there.state).toBe('open');
    expect(a.plugin.unresponsive).toBe(0);
  });
});

describe('a handler that takes long', () => {
  it.each([
    ['has room for what comes meanwhile', 64 * 1024],
    ['keeps the socket paused', 1],
  ])('and %s, costs neither side the connection', async (_what, inboundQueueBytes) => {
    const { node, pass } = world();
    const [a, b] = [node(), node({}, { inboundQueueBytes })];
    const done = defer<void>();
    b.node.use({ onMessage: () => done.promise });
    const [here, there] = await join(a.node, b.node);
    for (let count = 0; count < 3; count++) here.trySend({ count });
    await pass(300 * SECOND);
    expect([here.state, there.state]).toEqual(['open', 'open']);
    done.resolve();
    await pass(60 * SECOND);
    expect([here.state, there.state]).toEqual(['open', 'open']);
    expect(b.heard).toHaveLength(3);
  });

  it('does not hide that the peer is gone, while there is room for what it sends', async () => {
    const { node, stranger, pass } = world();
    const a = node({}, { idleTimeoutMs: 0 });
    a.node.use({ onMessage: () => new Promise<void>(() => {}) });
    const [there] = await join(stranger(), a.node);
    there.trySend('and then nothing');
    await pass(35 * SECOND);
    expect(a.plugin.unresponsive).toBe(1);
  });
});

describe('round trips', () => {
  it('are measured by pongs: last, least, smoothed', async () => {
    const { clock, node, stranger } = world();
    const a = node();
    let nonce = 0;
    const [there, here] = await join(
      stranger((message) => void (nonce = (message as { $ping: number }).$ping)),
      a.node,
    );
    expect(a.plugin.roundTripOf(here)).toBeUndefined();
    for (const ms of [80, 40, 80]) {
      const before = nonce;
      const reply = a.plugin.ping(here);
      await until(() => nonce > before);
      clock.advance(ms);
      there.trySend({ $pong: nonce });
      expect(await reply).toBe(ms);
    }
    expect(a.plugin.roundTripOf(here)).toEqual({
      lastMs: 80,
      minMs: 40,
      smoothedMs: 75.625,
      variationMs: expect.any(Number),
      samples: 3,
    });
  });

  it('of a pong that nobody asked for, or that comes twice, do not exist', async () => {
    const { node, stranger } = world();
    const a = node();
    const [there, here] = await join(stranger(), a.node);
    for (const pong of [0, 1, 99]) there.trySend({ $pong: pong });
    there.trySend('last');
    await until(() => a.heard.length === 1);
    expect([a.plugin.roundTripOf(here), a.plugin.pongsReceived]).toEqual([undefined, 0]);
  });

  it('asked for by several at once take one ping, and end with the connection', async () => {
    const { node, stranger } = world();
    const a = node();
    const [there, here] = await join(stranger(), a.node);
    const asked = [a.plugin.ping(here), a.plugin.ping(here)];
    expect(a.plugin.pingsSent).toBe(1);
    await there.disconnect();
    for (const one of asked) await peerErrorOf('P2P_ERR_DISCONNECTED', () => one);
    await peerErrorOf('P2P_ERR_DISCONNECTED', () => a.plugin.ping(here));
  });
});

describe('a peer that floods with pings', () => {
  it('gets a bounded number of pongs, and what it sends beside is handled', async () => {
    const { node, stranger, pass } = world();
    const a = node();
    let pongs = 0;
    const [there] = await join(
      stranger(() => pongs++),
      a.node,
    );
    for (let ping = 0; ping < 5_000; ping++) there.trySend({ $ping: ping });
    there.trySend('hello');
    await until(() => a.heard.length === 1);
    await pass(SECOND);
    expect([pongs, a.plugin.pongsSent, a.plugin.pingsIgnored]).toEqual([20, 20, 4_980]);
    there.trySend({ $ping: 1 });
    await until(() => pongs === 21);
  });
});

describe('a format', () => {
  const rows: [string, PingFormat, unknown, unknown][] = [
    ['objects', objectPings, { $ping: 1 }, { ping: 1 }],
    ['objects', objectPings, { $pong: 1 }, { pong: 1 }],
    ['objects', objectPings, { $ping: 1, more: 1 }, undefined],
    ['objects', objectPings, { $ping: 'x'.repeat(100) }, undefined],
    ['objects', objectPings, { $ping: 0.5 }, undefined],
    ['objects', objectPings, [1], undefined],
    ['objects', objectPings, null, undefined],
    ['objects', objectPings, '$ping', undefined],
    ['JSON-RPC', jsonRpcPings, { jsonrpc: '2.0', id: 7, method: 'ping' }, { ping: 7 }],
    ['JSON-RPC', jsonRpcPings, { jsonrpc: '2.0', id: 'a', method: 'ping', params: [] }, { ping: 'a' }],
    ['JSON-RPC', jsonRpcPings, { jsonrpc: '2.0', method: 'ping' }, undefined],
    ['JSON-RPC', jsonRpcPings, { jsonrpc: '2.0', id: 'x'.repeat(65), method: 'ping' }, undefined],
    ['JSON-RPC', jsonRpcPings, { jsonrpc: '2.0', id: 'ping-7', result: null }, { pong: 7 }],
    ['JSON-RPC', jsonRpcPings, { jsonrpc: '2.0', id: 'ping-7', error: { code: -32601 } }, { pong: 7 }],
    ['JSON-RPC', jsonRpcPings, { jsonrpc: '2.0', id: 7, result: null }, undefined],
    ['JSON-RPC', jsonRpcPings, { jsonrpc: '2.0', id: 7, method: 'add' }, undefined],
    ['JSON-RPC', jsonRpcPings, null, undefined],
  ];
  it.each(rows)('of %s reads %j %j as it should', (_name, format, message, sign) => {
    expect(format.read(message)).toEqual(sign);
  });

  it.each([objectPings, jsonRpcPings])('reads what it has written', ({ read, write }) => {
    for (const sign of [{ ping: 5 }, { pong: 5 }] as const) {
      if (read !== jsonRpcPings.read || 'ping' in sign) {
        const nonce = read(write(sign)) as { ping?: unknown; pong?: unknown };
        expect(Object.keys(nonce)).toEqual(Object.keys(sign));
      }
    }
  });

  it('of JSON-RPC measures between two nodes that have it', async () => {
    const { node } = world();
    const [a, b] = [node({ format: jsonRpcPings }), node({ format: jsonRpcPings })];
    const [here] = await join(a.node, b.node);
    expect(await a.plugin.ping(here)).toBe(0);
    expect([a.heard, b.heard]).toEqual([[], []]);
  });

  it('of your own suits any codec', async () => {
    const format: PingFormat = {
      write: (sign) => ('ping' in sign ? `PING ${String(sign.ping)}` : `PONG ${String(sign.pong)}`),
      read(line) {
        const [, word, nonce] = /^(PING|PONG) (\d{1,15})$/.exec(line as string) ?? [];
        if (word === undefined) return undefined;
        return word === 'PING' ? { ping: Number(nonce) } : { pong: Number(nonce) };
      },
    };
    const transport = memoryTransport();
    const make = () =>
      own(new PeerNode({ codec: lines(), transport }))
        .use(keepAlive({ format }))
        .use({ onMessage: () => undefined });
    const [a, b] = [make(), make()];
    const connection = await a.connect(await b.listen(ANYWHERE));
    expect(await a.plugin(keepAlive).ping(connection)).toBeGreaterThanOrEqual(0);
  });

  it('that the codec cannot encode is an error in the log, once a minute, and ends nothing', async () => {
    const { node, stranger, pass, log } = world();
    const loop: { self?: unknown } = {};
    loop.self = loop;
    const a = node({ format: { write: () => loop, read: () => undefined } }, { idleTimeoutMs: 0 });
    const [there, here] = await join(stranger(), a.node);
    await pass(50 * SECOND);
    expect(there.state).toBe('open');
    expect(log.filter(({ level }) => level === 'error')).toHaveLength(1);
    await peerErrorOf('P2P_ERR_INVALID_FRAME', () => a.plugin.ping(here));
  });
});

describe('options that make no sense', () => {
  it.each<[string, KeepAliveOptions, number?]>([
    ['`intervalMs`', { intervalMs: 99 }],
    ['`intervalMs`', { intervalMs: 45_001 }],
    ['make it 7500 at most', {}, 10_000],
    ['`timeoutMs`', { timeoutMs: 0 }],
    ['`maxPongsPerSecond`', { maxPongsPerSecond: 0 }],
    ['`format`', { format: { read: () => undefined } } as never],
    ['`format`', { format: 5 } as never],
    ['`format`', { format: { write: () => 1, read: 5 } } as never],
    ['`interval`', { interval: 5 } as never],
  ])('are refused with what to do: %s %j', async (named, options, idleTimeoutMs = 60_000) => {
    const node = own(new PeerNode<unknown>({ codec, idleTimeoutMs }));
    const error = await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => void node.use(keepAlive(options)));
    expect(error.message).toContain(named);
  });

  it('are none where there is no idle timeout', () => {
    const node = own(new PeerNode<unknown>({ codec, idleTimeoutMs: 0 }));
    node.use(keepAlive({ intervalMs: 3_600_000 }));
    expect(node.plugin(keepAlive)).toBeInstanceOf(KeepAlive);
  });

  it('the defaults are those that the docs quote', () => {
    expect(KEEP_ALIVE_DEFAULTS).toEqual({ intervalMs: 20_000, timeoutMs: 10_000, maxPongsPerSecond: 10 });
  });
});

it('over TCP quiet peers outlive an idle timeout that is shorter than the test', async () => {
  const make = () =>
    own(new PeerNode<unknown>({ codec, idleTimeoutMs: 400 }))
      .use(keepAlive({ intervalMs: 100, timeoutMs: 5_000 }))
      .use({ onMessage: () => undefined });
  const [a, b] = [make(), make()];
  const [here, there] = await join(a, b);
  const [first, second] = [a.plugin(keepAlive), b.plugin(keepAlive)];
  await until(() => first.pongsReceived + second.pongsReceived >= 12);
  expect([here.state, there.state]).toEqual(['open', 'open']);
});
