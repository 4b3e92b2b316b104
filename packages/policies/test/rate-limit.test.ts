import { describe, expect, it } from '@jest/globals';
import { lines } from '@pea2pea/codecs';
import { PeerError, PeerNode, type Connection, type DisconnectReason, type Logger } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { createPeer, OnError, Plugin } from '@pea2pea/decorators';
import { RATE_LIMIT_DEFAULTS, rateLimit, RateLimit, type RateLimitOptions } from '@pea2pea/policies';
import { lab, peerErrorOf, until } from '@pea2pea/testing';
import { resolveRateLimit } from '../src/rate-limit/options.js';
import { codec, Diary, flood, serve } from './rate-limit-lab.js';

const { own } = lab();

/** 5 messages at once, 1 a second; no other limit. What exceeds it ends the connection. */
const FIVE = {
  perConnection: { messagesPerSecond: 1, bytesPerSecond: Infinity, burstSeconds: 5 },
  perIp: false,
  whenExceeded: 'disconnect',
} as const;

function expectRateLimited(reason: DisconnectReason | undefined, what: string): void {
  expect(reason).toMatchObject({ origin: 'reading', cause: 'handler-error' });
  const { error } = reason as { readonly error: PeerError };
  expect(PeerError.is(error, 'P2P_ERR_RATE_LIMITED')).toBe(true);
  expect(error.message).toContain(what);
}

describe('rateLimit without options', () => {
  it('lets bursts of 10 000 messages through, and slows the connection down from there', async () => {
    await using lab = await serve([rateLimit()]);
    const connection = await lab.dial();
    flood(connection, 10_002);
    await until(() => lab.handle.get(RateLimit).heldBack === 1);
    expect(lab.diary.seen).toHaveLength(10_000);
    lab.clock.advance(1);
    await until(() => lab.diary.seen.length === 10_001);
    expect(connection.state).toBe('open');
  });

  it('lets bursts of 40 MiB through, and slows the connection down from there', async () => {
    await using lab = await serve([rateLimit()]);
    const connection = await lab.dial();
    for (let sent = 0; sent < 640; sent++) await connection.send('x'.repeat(64 * 1024 - 1));
    await until(() => lab.diary.seen.length === 640);
    flood(connection, 1, 64 * 1024);
    await until(() => lab.handle.get(RateLimit).heldBack === 1);
    expect(lab.handle.get(RateLimit).exceeded.connectionBytes).toBe(1);
    lab.clock.advance(16);
    await until(() => lab.diary.seen.length === 641);
  });

  it('has the defaults that it says', () => {
    expect(RATE_LIMIT_DEFAULTS).toEqual({
      perConnection: { messagesPerSecond: 1_000, bytesPerSecond: 4_194_304, burstSeconds: 10 },
      perIpFactor: 4,
      whenExceeded: 'slow',
      maxAddresses: 10_000,
    });
  });
});

describe('rateLimit', () => {
  it('lets as many messages through as come back with time', async () => {
    await using lab = await serve([rateLimit(FIVE)]);
    const connection = await lab.dial();
    flood(connection, 5);
    await until(() => lab.diary.seen.length === 5);
    lab.clock.advance(2_000);
    flood(connection, 2);
    await until(() => lab.diary.seen.length === 7);
    expect(connection.state).toBe('open');
    flood(connection, 1);
    await connection.closed;
    expect(lab.diary.seen).toHaveLength(7);
  });

  it('has all hooks before the limit see a message, and none behind it', async () => {
    await using lab = await serve([rateLimit(FIVE)]);
    const connection = await lab.dial();
    for (const text of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) connection.trySend(text);
    await connection.closed;
    expect(lab.diary.seen).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('counts the bytes that arrived, newlines and all', async () => {
    const limits = { messagesPerSecond: Infinity, bytesPerSecond: 100, burstSeconds: 1 };
    await using lab = await serve([
      rateLimit({ perConnection: limits, perIp: false, whenExceeded: 'disconnect' }),
    ]);
    const connection = await lab.dial();
    await connection.send('x'.repeat(99));
    await until(() => lab.diary.seen.length === 1);
    lab.clock.advance(500);
    await connection.send('x'.repeat(49));
    await until(() => lab.diary.seen.length === 2);
    await connection.send('');
    await connection.closed;
    expect(lab.diary.seen).toHaveLength(2);
    expect(lab.handle.get(RateLimit).exceeded.connectionBytes).toBe(1);
  });

  it('charges a chunk of many messages with the first of them, once', async () => {
    const limits = { messagesPerSecond: Infinity, bytesPerSecond: 100, burstSeconds: 1 };
    await using lab = await serve([
      rateLimit({ perConnection: limits, perIp: false, whenExceeded: 'disconnect' }),
    ]);
    const connection = await lab.dial();
    flood(connection, 10, 10);
    await until(() => lab.diary.seen.length === 10);
    expect(connection.state).toBe('open');
    expect(lab.handle.get(RateLimit).exceeded.connectionBytes).toBe(0);
  });

  it('does not let the messages of a chunk that is too large pass behind the first', async () => {
    const limits = { messagesPerSecond: Infinity, bytesPerSecond: 50, burstSeconds: 1 };
    await using lab = await serve([rateLimit({ perConnection: limits, perIp: false, whenExceeded: 'drop' })]);
    const connection = await lab.dial();
    flood(connection, 10, 10);
    await until(() => lab.handle.get(RateLimit).exceeded.connectionBytes === 10);
    expect(lab.diary.seen).toEqual([]);
    lab.clock.advance(1_200);
    await connection.send('later');
    await until(() => lab.diary.seen.length === 1);
  });

  it('has no limit where it is false or Infinity', async () => {
    await using lab = await serve([rateLimit({ perConnection: false, perIp: false })]);
    const connection = await lab.dial();
    flood(connection, 20_000);
    await until(() => lab.diary.seen.length === 20_000);
    expect(lab.handle.get(RateLimit).addresses).toBe(0);
    expect(connection.state).toBe('open');
  });

  it('counts a message above several limits for the first of them', async () => {
    const limits = { messagesPerSecond: 1, bytesPerSecond: 10, burstSeconds: 1 };
    await using lab = await serve([
      rateLimit({ perConnection: limits, perIp: limits, whenExceeded: 'drop' }),
    ]);
    const connection = await lab.dial();
    flood(connection, 3);
    const plugin = lab.handle.get(RateLimit);
    await until(() => plugin.exceeded.connectionMessages === 2);
    expect(plugin.exceeded).toEqual({
      connectionMessages: 2,
      connectionBytes: 0,
      ipMessages: 0,
      ipBytes: 0,
    });
  });

  it('keeps the message from later hooks where @OnError keeps the connection, and recovers', async () => {
    @Plugin()
    class Patient {
      @OnError()
      keep() {
        return 'keep' as const;
      }
    }
    await using lab = await serve([Patient, rateLimit(FIVE)]);
    const connection = await lab.dial();
    flood(connection, 9);
    await until(() => lab.handle.get(RateLimit).exceeded.connectionMessages === 4);
    expect(lab.diary.seen).toHaveLength(5);
    lab.clock.advance(1_000);
    await connection.send('again');
    await until(() => lab.diary.seen.length === 6);
  });

  it('costs one timer per node while it has connections, and remembers nobody who sends nothing', async () => {
    const waiting: number[] = [];
    for (const plugins of [[], [rateLimit()]]) {
      await using lab = await serve(plugins);
      const without = lab.clock.pending;
      const connections = [await lab.dial(), await lab.dial()];
      await until(() => lab.node.connections.size === 2);
      waiting.push(lab.clock.pending);
      if (plugins.length === 0) continue;
      expect(lab.handle.get(RateLimit).addresses).toBe(0);
      flood(connections[0]!, 3);
      await until(() => lab.diary.seen.length === 3);
      expect(lab.clock.pending).toBe(waiting[0]! + 1);
      await Promise.all(connections.map((connection) => connection.disconnect()));
      await until(() => lab.node.connections.size === 0);
      lab.clock.advance(1_000);
      expect(lab.clock.pending).toBe(without);
    }
    expect(waiting[1]).toBe(waiting[0]! + 1);
  });
});

/** 5 messages at once and 1 per second from one IP address. */
const IP_FIVE = {
  perConnection: false,
  perIp: { messagesPerSecond: 1, bytesPerSecond: Infinity, burstSeconds: 5 },
  whenExceeded: 'disconnect',
} as const;

describe('the limit per IP address', () => {
  it('is shared by the connections of the address, and by them alone', async () => {
    await using lab = await serve([rateLimit(IP_FIVE)]);
    const [one, two, other] = [await lab.dial(), await lab.dial(), await lab.dial('10.0.0.2')];
    flood(one, 3);
    await until(() => lab.diary.seen.length === 3);
    flood(two, 3);
    await two.closed;
    flood(other, 5);
    await until(() => lab.diary.seen.length === 10);
    expect(one.state).toBe('open');
    await until(() => lab.diary.reasons.length === 1);
    expectRateLimited(lab.diary.reasons[0], 'more than 1 messages per second from one IP address');
    expect(lab.handle.get(RateLimit).exceeded.ipMessages).toBe(1);
  });

  it('does not begin anew for who reconnects', async () => {
    await using lab = await serve([rateLimit(IP_FIVE)]);
    const first = await lab.dial();
    flood(first, 5);
    await until(() => lab.diary.seen.length === 5);
    await first.disconnect();
    await until(() => lab.node.connections.size === 0);
    const second = await lab.dial();
    flood(second, 1);
    await second.closed;
    expect(lab.diary.seen).toHaveLength(5);
  });

  it('counts bytes of all connections together', async () => {
    const perIp = { messagesPerSecond: Infinity, bytesPerSecond: 100, burstSeconds: 1 };
    await using lab = await serve([rateLimit({ perConnection: false, perIp, whenExceeded: 'disconnect' })]);
    const [one, two] = [await lab.dial(), await lab.dial()];
    flood(one, 1, 60);
    await until(() => lab.diary.seen.length === 1);
    flood(two, 1, 60);
    await two.closed;
    expect(lab.handle.get(RateLimit).exceeded.ipBytes).toBe(1);
  });

  it.each<[string, RateLimitOptions, number, string[]]>([
    ['the /64 of IPv6', {}, 64, ['2001:db8::1', '2001:db8::2']],
    ['the prefix of the node', {}, 48, ['2001:db8:0:1::1', '2001:db8:0:2::1']],
    ['its own prefix', { ipv6PrefixLength: 48 }, 64, ['2001:db8:0:1::1', '2001:db8:0:2::1']],
  ])('counts by %s', async (_what, options, ipv6PrefixLength, [one, two]) => {
    await using lab = await serve([rateLimit({ ...IP_FIVE, ...options })], { ipv6PrefixLength });
    flood(await lab.dial(one), 5);
    await until(() => lab.diary.seen.length === 5);
    const second = await lab.dial(two);
    flood(second, 1);
    await second.closed;
    expect(lab.diary.seen).toHaveLength(5);
  });

  it('tells IPv6 prefixes apart', async () => {
    await using lab = await serve([rateLimit(IP_FIVE)]);
    flood(await lab.dial('2001:db8:0:1::1'), 5);
    flood(await lab.dial('2001:db8:0:2::1'), 5);
    await until(() => lab.diary.seen.length === 10);
  });

  it('is four times that of a connection unless it is told', async () => {
    const perConnection = { messagesPerSecond: 1, burstSeconds: 5 };
    await using lab = await serve([rateLimit({ perConnection, whenExceeded: 'disconnect' })]);
    for (let count = 0; count < 4; count++) flood(await lab.dial(), 5);
    await until(() => lab.diary.seen.length === 20);
    const last = await lab.dial();
    flood(last, 1);
    await last.closed;
    expect(lab.handle.get(RateLimit).exceeded.ipMessages).toBe(1);
  });

  it('is that of the defaults where connections have none', async () => {
    await using lab = await serve([rateLimit({ perConnection: false, whenExceeded: 'disconnect' })]);
    const connection = await lab.dial();
    flood(connection, 40_001);
    await connection.closed;
    expect(lab.diary.seen).toHaveLength(40_000);
    expect(lab.handle.get(RateLimit).exceeded.ipMessages).toBe(1);
  });

  it('forgets an address once it is as if it had never sent, whether or not it is still connected', async () => {
    await using lab = await serve([rateLimit(IP_FIVE)]);
    const plugin = lab.handle.get(RateLimit);
    const staying = await lab.dial();
    flood(staying, 5);
    await until(() => lab.diary.seen.length === 5);
    lab.clock.advance(5_000);
    flood(await lab.dial('10.0.0.2'), 1);
    await until(() => lab.diary.seen.length === 6);
    expect(plugin.addresses).toBe(1);
    // Both of its connections find the same allowance again.
    flood(staying, 3);
    await until(() => lab.diary.seen.length === 9);
    flood(await lab.dial(), 3);
    await until(() => plugin.exceeded.ipMessages === 1);
    expect(lab.diary.seen).toHaveLength(11);
  });

  it('does not forget one that has just sent something, though it would not matter', async () => {
    const perIp = { messagesPerSecond: 1_000, bytesPerSecond: Infinity };
    await using lab = await serve([rateLimit({ perConnection: false, perIp })]);
    const plugin = lab.handle.get(RateLimit);
    const send = async (connection: Connection<string>): Promise<void> => {
      const { length } = lab.diary.seen;
      flood(connection, 1);
      await until(() => lab.diary.seen.length > length);
    };
    const [busy, quiet] = [await lab.dial('10.0.0.1'), await lab.dial('10.0.0.2')];
    await send(busy);
    await send(quiet);
    lab.clock.advance(999);
    await send(busy);
    expect(plugin.addresses).toBe(2);
    lab.clock.advance(1);
    await send(await lab.dial('10.0.0.3'));
    expect(plugin.addresses).toBe(2); // without the quiet one
    lab.clock.advance(998);
    await send(await lab.dial('10.0.0.4'));
    expect(plugin.addresses).toBe(3);
  });

  it('remembers maxAddresses at most, forgets the oldest first and counts it', async () => {
    await using lab = await serve([rateLimit({ ...IP_FIVE, maxAddresses: 3 })]);
    const plugin = lab.handle.get(RateLimit);
    const connections = [];
    for (let index = 1; index <= 5; index++) {
      connections.push(await lab.dial(`10.0.0.${index}`));
      flood(connections.at(-1)!, 5);
      await until(() => lab.diary.seen.length === 5 * index);
    }
    expect(plugin.addresses).toBe(3);
    expect(plugin.evictedAddresses).toBe(2);
    // The oldest begins anew, the youngest does not.
    flood(connections[0]!, 5);
    await until(() => lab.diary.seen.length === 30);
    flood(connections[4]!, 1);
    await connections[4]!.closed;
  });
});

describe('maxAddresses', () => {
  it.each([
    [10_000, 100],
    [20_000, 20_000],
  ])('is %i for a node of %i connections', (maxAddresses, maxConnections) => {
    const node = { maxConnections, ipv6PrefixLength: 64, whenInboundFull: 'pause' } as const;
    expect(resolveRateLimit({}, node)).toMatchObject({ maxAddresses });
  });
});

describe("with 'slow'", () => {
  const slow = rateLimit({ ...FIVE, whenExceeded: 'slow' });

  it('every message is handled, in order, none before its time', async () => {
    await using lab = await serve([slow]);
    const plugin = lab.handle.get(RateLimit);
    const connection = await lab.dial();
    for (let index = 0; index < 8; index++) connection.trySend(String(index));
    await until(() => plugin.heldBack === 1);
    expect(lab.diary.seen).toEqual(['0', '1', '2', '3', '4']);
    for (let count = 6; count <= 8; count++) {
      lab.clock.advance(999);
      await new Promise(setImmediate);
      expect(lab.diary.seen).toHaveLength(count - 1);
      lab.clock.advance(1);
      await until(() => lab.diary.seen.length === count);
      if (count < 8) await until(() => plugin.heldBack === 1);
    }
    expect(lab.diary.seen).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
    expect(plugin.heldBack).toBe(0);
    expect(plugin.exceeded.connectionMessages).toBe(3);
    expect(lab.told('a peer sends too much and is slowed down')).toBe(1);
  });

  it('the other connections go on', async () => {
    await using lab = await serve([slow]);
    flood(await lab.dial(), 6);
    await until(() => lab.handle.get(RateLimit).heldBack === 1);
    flood(await lab.dial(), 5);
    await until(() => lab.diary.seen.length === 10);
  });

  it('connections of one address wait one behind the other', async () => {
    await using lab = await serve([rateLimit({ ...IP_FIVE, whenExceeded: 'slow' })]);
    const plugin = lab.handle.get(RateLimit);
    flood(await lab.dial(), 5);
    await until(() => lab.diary.seen.length === 5);
    for (let count = 1; count <= 3; count++) {
      flood(await lab.dial(), 1);
      await until(() => plugin.heldBack === count);
    }
    for (let count = 6; count <= 8; count++) {
      lab.clock.advance(1_000);
      await until(() => lab.diary.seen.length === count);
      expect(plugin.heldBack).toBe(8 - count);
    }
  });

  it('nobody waits longer than burstSeconds, however much was sent', async () => {
    const limits = { messagesPerSecond: Infinity, bytesPerSecond: 100, burstSeconds: 5 };
    await using lab = await serve([rateLimit({ perConnection: limits, perIp: false, whenExceeded: 'slow' })]);
    const connection = await lab.dial();
    flood(connection, 1, 50_000);
    await until(() => lab.handle.get(RateLimit).heldBack === 1);
    lab.clock.advance(5_000);
    await until(() => lab.diary.seen.length === 1);
  });

  it('the peer is held back by the transport: what it sends stays with it', async () => {
    await using lab = await serve([slow], { inboundQueueBytes: 1 });
    const connection = await lab.dial();
    flood(connection, 6);
    await until(() => lab.handle.get(RateLimit).heldBack === 1);
    while (connection.trySend('x'.repeat(10_000)));
    expect(connection.bufferedBytes).toBeGreaterThan(500_000);
    const [inbound] = lab.node.connections;
    expect(inbound!.stats.bytesReceived).toBeLessThan(300_000);
  });

  it('a held back connection that ends leaves nothing behind', async () => {
    await using lab = await serve([slow]);
    const connection = await lab.dial();
    await until(() => lab.node.connections.size === 1);
    const pending = lab.clock.pending;
    flood(connection, 7);
    const plugin = lab.handle.get(RateLimit);
    await until(() => plugin.heldBack === 1);
    expect(lab.clock.pending).toBe(pending + 1);
    const [inbound] = lab.node.connections;
    await inbound!.disconnect('enough');
    expect(plugin.heldBack).toBe(0);
    expect(lab.clock.pending).toBeLessThanOrEqual(pending);
    expect(lab.diary.seen).toHaveLength(5);
    expect(lab.diary.reasons).toEqual([{ origin: 'user', why: 'enough' }]);
  });

  it('a node that closes does not wait for those held back', async () => {
    const lab = await serve([slow]);
    flood(await lab.dial(), 7);
    await until(() => lab.handle.get(RateLimit).heldBack === 1);
    const { cut } = await lab.node.close();
    expect(cut).toEqual([]);
    expect(lab.clock.pending).toBe(0);
    expect(lab.handle.get(RateLimit).heldBack).toBe(0);
    await lab[Symbol.asyncDispose]();
  });
});

describe("with 'drop'", () => {
  it('as many messages get through as may, the others nobody sees, and one line is logged', async () => {
    await using lab = await serve([rateLimit({ ...FIVE, whenExceeded: 'drop' })]);
    const plugin = lab.handle.get(RateLimit);
    const connection = await lab.dial();
    for (let second = 0; second < 4; second++) {
      for (let index = 0; index < 10; index++) connection.trySend(`${second}.${index}`);
      const handled = lab.node.stats.messagesReceived;
      await until(() => lab.node.stats.messagesReceived === handled + 10);
      lab.clock.advance(1_000);
    }
    expect(lab.diary.seen).toEqual(['0.0', '0.1', '0.2', '0.3', '0.4', '1.0', '2.0', '3.0']);
    expect(plugin.exceeded.connectionMessages).toBe(32);
    expect(connection.state).toBe('open');
    expect(lab.told('a peer sends too much, its messages are dropped')).toBe(1);
  });
});

describe('bad options of rateLimit', () => {
  const zero = { messagesPerSecond: 0 };
  it.each<[string, unknown]>([
    ['`perConnection.messagesPerSecond`', { perConnection: zero }],
    ['`perConnection.messagesPerSecond`', { perConnection: { messagesPerSecond: Number.NaN } }],
    ['`perConnection.messagesPerSecond`', { perConnection: { messagesPerSecond: '5' } }],
    ['`perConnection.bytesPerSecond`', { perConnection: { bytesPerSecond: -1 } }],
    ['`perConnection.burstSeconds`', { perConnection: { burstSeconds: Infinity } }],
    ['`perConnection.burstSeconds`', { perConnection: { burstSeconds: 3_601 } }],
    ['`perConnection.messagesPerSecond`', { perConnection: { messagesPerSecond: 0.01, burstSeconds: 10 } }],
    ['`perIp.messagesPerSecond`', { perIp: zero }],
    ['`perIp`', { perIp: { messagesPerMinute: 1 } }],
    ['`messagesPerMinute`', { perIp: { messagesPerMinute: 1 } }],
    ['`perIp`', { perIp: true }],
    ['`ipv6PrefixLength`', { ipv6PrefixLength: 0 }],
    ['`ipv6PrefixLength`', { ipv6PrefixLength: 129 }],
    ['`whenExceeded`', { whenExceeded: 'ignore' }],
    ['`maxAddresses`', { maxAddresses: 0 }],
    ['`messagesPerSecond`', { messagesPerSecond: 5 }],
    ['an object', null],
  ])('%s: %j', async (named, options) => {
    const plugin = rateLimit(options as never);
    const error = await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => createPeer(Diary, { plugins: [plugin] }));
    expect(error.message).toContain(named);
  });

  it("`whenExceeded: 'slow'` on a node that drops what waits", () => {
    const dropping = (options: RateLimitOptions) => (): unknown =>
      resolveRateLimit(options, { maxConnections: 1, ipv6PrefixLength: 64, whenInboundFull: 'drop' });
    expect(dropping({})).toThrow(/`whenInboundFull: 'drop'`/);
    expect(dropping({ whenExceeded: 'drop' })).not.toThrow();
  });
});

it('a logger whose methods all throw ends neither the process nor a connection that is slowed down', async () => {
  const fail = (): never => {
    throw new Error('the disk is full');
  };
  const logger: Logger = { debug: fail, info: fail, warn: fail, error: fail, child: fail };
  await using lab = await serve([rateLimit({ ...FIVE, whenExceeded: 'slow' })], { logger });
  const connection = await lab.dial();
  flood(connection, 7);
  for (let count = 5; count <= 7; count++) {
    await until(() => lab.diary.seen.length === count);
    lab.clock.advance(1_000);
  }
  expect(lab.handle.get(RateLimit).exceeded.connectionMessages).toBe(2);
  expect(connection.state).toBe('open');
});

describe('rateLimit over TCP', () => {
  const listen = { host: '127.0.0.1', port: 0 };

  it('ends a client that floods, and serves one that does not', async () => {
    await using handle = own(await createPeer(Diary, { plugins: [rateLimit(FIVE)], listen }));
    await using calm = own(new PeerNode({ codec }));
    await using wild = own(new PeerNode({ codec: lines() }));
    const friend = await calm.connect(handle.address!);
    const foe = await wild.connect(handle.address!);
    flood(foe, 100_000);
    await foe.closed;
    await friend.send('hello');
    await until(() => handle.peer.seen.includes('hello'));
    expect(handle.peer.seen.length).toBeLessThanOrEqual(7);
    expect(friend.state).toBe('open');
  });

  it('slows a client down to the rate', async () => {
    const perConnection = { messagesPerSecond: 200, burstSeconds: 0.05 };
    const clock = new ControlledClock();
    await using handle = own(
      await createPeer(Diary, {
        plugins: [rateLimit({ perConnection, whenExceeded: 'slow' })],
        config: { listen, clock },
      }),
    );
    await using node = own(new PeerNode({ codec }));
    const connection = await node.connect(handle.address!);
    flood(connection, 50);
    // 10 at once, then 40 at 5 ms each.
    for (let count = 10; count <= 50; count++) {
      await until(() => handle.peer.seen.length === count);
      if (count < 50) await until(() => handle.get(RateLimit).heldBack === 1);
      clock.advance(4.9);
      await new Promise(setImmediate);
      expect(handle.peer.seen).toHaveLength(count);
      clock.advance(0.1);
    }
    expect(connection.state).toBe('open');
  });
});
