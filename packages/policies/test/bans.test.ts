import { describe, expect, it } from '@jest/globals';
import { bytes } from '@pea2pea/codecs';
import {
  IpPrefix,
  PeerError,
  PeerNode,
  type Connection,
  type DisconnectReason,
  type Handshake,
  type AnyConnection,
} from '@pea2pea/core';
import { createPeer, OnAccept, OnConnect, OnHandshake, OnMessage, Peer, Plugin } from '@pea2pea/decorators';
import {
  bans,
  BANS_DEFAULTS,
  Bans,
  rateLimit,
  RateLimit,
  strikesByDefault,
  type BansOptions,
  type BanTarget,
} from '@pea2pea/policies';
import { lab, peerErrorOf, until } from '@pea2pea/testing';
import { badLine, codec, Diary, flood, serve } from './rate-limit-lab.js';

const { own } = lab();

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Serves with bans, and with what else is given. */
async function serveWithBans(options?: BansOptions, ...more: Parameters<typeof serve>[0]) {
  const lab = await serve([bans(options), ...more]);
  const plugin = lab.handle.get(Bans);
  const nodes: PeerNode<Uint8Array>[] = [];
  return {
    ...lab,
    plugin,
    /** Connects from `localAddress`, sends what is no text, and waits for the end. */
    async misbehave(localAddress = '10.0.0.1'): Promise<void> {
      const node = own(new PeerNode<Uint8Array>({ codec: bytes(), transport: lab.transport }));
      nodes.push(node);
      const ended = lab.diary.reasons.length;
      const connection = await node.connect(lab.handle.address!, { localAddress });
      connection.trySend(badLine);
      await connection.closed;
      await until(() => lab.diary.reasons.length > ended && lab.node.connections.size === 0);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(nodes.map((node) => node.close()));
      await lab[Symbol.asyncDispose]();
    },
  };
}

type Lab = Awaited<ReturnType<typeof serve>>;

/** Whether a peer from `address` is let in: without a handshake of its own a dial always succeeds. */
async function isLetIn(lab: Lab, address = '10.0.0.1'): Promise<boolean> {
  const connection = await lab.dial(address);
  const { seen } = lab.diary;
  const before = seen.length;
  connection.trySend('hello');
  await until(() => connection.state !== 'open' || seen.length > before);
  return seen.length > before;
}

describe('bans', () => {
  it('refuse banned peers before their handshake, and count them', async () => {
    let handshakes = 0;
    @Plugin()
    class Counting {
      @OnHandshake()
      count() {
        handshakes++;
      }
    }
    await using lab = await serveWithBans({}, Counting);
    lab.plugin.ban('10.0.0.1');
    expect(await isLetIn(lab, '10.0.0.1')).toBe(false);
    expect(lab.plugin.refused).toBe(1);
    expect(handshakes).toBe(0);
    expect(await isLetIn(lab, '10.0.0.2')).toBe(true);
    expect(lab.plugin.refused).toBe(1);
  });

  it('last an hour, or as long as they are told, and need no timer to end', async () => {
    await using lab = await serveWithBans();
    const { plugin, clock } = lab;
    const pending = clock.pending;
    plugin.ban('10.0.0.1');
    plugin.ban('10.0.0.2', { durationMs: 5 });
    plugin.ban('10.0.0.3', { durationMs: Infinity });
    expect(clock.pending).toBe(pending);
    clock.advance(4);
    expect(plugin.isBanned('10.0.0.2')).toBe(true);
    clock.advance(1);
    expect(plugin.isBanned('10.0.0.2')).toBe(false);
    clock.advance(HOUR - 6);
    expect(plugin.isBanned('10.0.0.1')).toBe(true);
    clock.advance(1);
    expect(plugin.isBanned('10.0.0.1')).toBe(false);
    expect(await isLetIn(lab, '10.0.0.1')).toBe(true);
    clock.advance(1_000 * HOUR);
    expect(plugin.isBanned('10.0.0.3')).toBe(true);
  });

  it('end the connections that there are from the prefix, and no others', async () => {
    await using lab = await serveWithBans();
    const [one, two, other] = [
      await lab.dial('10.0.0.1'),
      await lab.dial('10.0.1.1'),
      await lab.dial('10.1.0.1'),
    ];
    await until(() => lab.node.connections.size === 3);
    expect(lab.plugin.ban('10.0.0.0/16', { why: 'spam' })).toBe(2);
    await Promise.all([one.closed, two.closed]);
    await until(() => lab.diary.reasons.length === 2);
    expect(lab.diary.reasons[0]).toMatchObject({
      origin: 'user',
      why: expect.stringContaining('is banned until'),
      error: { code: 'P2P_ERR_BANNED' },
    });
    const { error } = lab.diary.reasons[0] as { readonly error: PeerError };
    expect(error.cause).toEqual({ prefix: '10.0.0.0/16', until: HOUR, why: 'spam' });
    expect(other.state).toBe('open');
  });

  it('end by unban, which forgets the strikes, too', async () => {
    await using lab = await serveWithBans();
    const { plugin } = lab;
    plugin.ban('10.0.0.1');
    expect(plugin.unban('10.0.0.1')).toBe(true);
    expect(plugin.unban('10.0.0.1')).toBe(false);
    expect(await isLetIn(lab, '10.0.0.1')).toBe(true);
    plugin.strike('10.0.0.2', 'spam', 2);
    expect(plugin.unban('10.0.0.2')).toBe(false);
    expect(plugin.strikesOf('10.0.0.2')).toBe(0);
    plugin.ban('10.0.0.3', { durationMs: 5 });
    lab.clock.advance(5);
    expect(plugin.unban('10.0.0.3')).toBe(false);
  });

  it('of a wider prefix stay when an address in it is unbanned', async () => {
    await using lab = await serveWithBans();
    lab.plugin.ban('10.0.0.0/8');
    lab.plugin.ban('10.0.0.1');
    expect(lab.plugin.unban('10.0.0.1')).toBe(true);
    expect(lab.plugin.isBanned('10.0.0.1')).toBe(true);
    expect(lab.plugin.unban('10.9.9.9/8')).toBe(true);
    expect(lab.plugin.isBanned('10.0.0.1')).toBe(false);
  });

  it('are found by the narrowest and the widest of many prefixes', async () => {
    await using lab = await serveWithBans();
    const { plugin } = lab;
    for (const prefix of [
      '10.0.0.0/8',
      '11.1.0.0/16',
      '12.1.1.0/24',
      '13.1.1.1',
      '2001:db8::/32',
      '::1/128',
    ]) {
      plugin.ban(prefix);
    }
    for (const address of ['10.9.9.9', '11.1.9.9', '12.1.1.9', '13.1.1.1', '2001:db8:9::9', '::1']) {
      expect([address, plugin.isBanned(address)]).toEqual([address, true]);
    }
    for (const address of ['9.255.255.255', '11.2.0.0', '12.1.2.0', '13.1.1.2', '2001:db9::', '::2']) {
      expect([address, plugin.isBanned(address)]).toEqual([address, false]);
    }
    expect(plugin.isBanned('10.4.0.0/16')).toBe(true);
    expect(plugin.isBanned('10.0.0.0/7')).toBe(false);
    plugin.ban('0.0.0.0/0');
    expect(plugin.isBanned('203.0.113.1')).toBe(true);
    expect(plugin.isBanned('2001:db9::')).toBe(false);
  });

  it('take an address in every form that it has', async () => {
    await using lab = await serveWithBans();
    const { plugin } = lab;
    const dialled: Connection<string> = await lab.dial('10.0.0.1');
    await until(() => lab.node.connections.size === 1);
    const [connection] = lab.node.connections;
    expect(plugin.isBanned(dialled)).toBe(false);
    const forms: BanTarget[] = [
      connection!,
      connection!.address,
      { host: '10.0.0.1', port: 1 },
      '10.0.0.1',
      '10.0.0.1:80',
      '::ffff:10.0.0.1',
      '10.0.0.1/32',
      IpPrefix.parse('10.0.0.1'),
    ];
    for (const form of forms) {
      plugin.ban(form);
      expect(plugin.list().map(({ prefix }) => prefix)).toEqual(['10.0.0.1']);
      expect(forms.every((other) => plugin.isBanned(other))).toBe(true);
      expect(plugin.unban(form)).toBe(true);
    }
    for (const nonsense of [
      'example.org',
      'example.org:80',
      '',
      '10.0.0.0/33',
      { host: 'localhost', port: 1 },
    ]) {
      for (const name of ['ban', 'unban', 'isBanned', 'strike', 'strikesOf'] as const) {
        await peerErrorOf('P2P_ERR_INVALID_ADDRESS', () => plugin[name](nonsense));
      }
    }
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a number', 5],
    ['an empty object', {}],
    ['something with an address that is none', { address: 'x' }],
    ['something with no host', { address: { host: undefined } }],
  ])('refuse %s, as strikes and look-ups do', async (_what, target) => {
    await using lab = await serveWithBans();
    const { plugin } = lab;
    for (const call of [
      () => plugin.ban(target as never),
      () => plugin.unban(target as never),
      () => plugin.isBanned(target as never),
      () => plugin.strike(target as never),
    ]) {
      const thrown = await peerErrorOf('P2P_ERR_INVALID_ADDRESS', call);
      expect(thrown.message).toContain('is neither an address, nor a prefix, nor a peer');
    }
  });

  it('take an IPv6 address for its /64, unless a length says otherwise', async () => {
    await using lab = await serveWithBans();
    const { plugin } = lab;
    plugin.ban('2001:db8::1');
    plugin.ban('2001:db9::1/128');
    expect(plugin.list().map(({ prefix }) => prefix)).toEqual(['2001:db8::/64', '2001:db9::1/128']);
    expect(plugin.isBanned('2001:db8::2')).toBe(true);
    expect(plugin.isBanned('2001:db9::2')).toBe(false);
    expect(await isLetIn(lab, '2001:db8::ffff')).toBe(false);
    expect(plugin.unban('2001:db8::3')).toBe(true);
    expect(await isLetIn(lab, '2001:db8::ffff')).toBe(true);
  });

  it('of the same prefix replace one another', async () => {
    await using lab = await serveWithBans();
    const { plugin } = lab;
    plugin.ban('10.0.0.1', { durationMs: Infinity, why: 'first' });
    plugin.ban('10.0.0.1', { durationMs: 1_000, why: 'second' });
    expect(plugin.list()).toEqual([{ prefix: '10.0.0.1', until: 1_000, why: 'second' }]);
    plugin.ban('10.0.0.1', { durationMs: Infinity });
    expect(plugin.list()).toEqual([{ prefix: '10.0.0.1' }]);
    lab.clock.advance(2_000);
    expect(plugin.isBanned('10.0.0.1')).toBe(true);
    plugin.unban('10.0.0.1');
    expect(plugin.list()).toEqual([]);
  });

  it('let us not dial a banned address', async () => {
    await using lab = await serveWithBans();
    await using other = own(
      await createPeer(Diary, {
        config: { transport: lab.transport, listen: { host: '10.0.0.1', port: 4000 } },
      }),
    );
    lab.clock.advance(1_000);
    lab.plugin.ban('10.0.0.1', { why: 'spam' });
    const error = await peerErrorOf('P2P_ERR_BANNED', () => lab.node.connect(other.address!));
    expect(error.message).toContain('10.0.0.1:4000 is banned until 1970-01-01T01:00:01.000Z (spam)');
    expect(lab.plugin.dialsRefused).toBe(1);
    expect(lab.plugin.refused).toBe(0);
    lab.plugin.unban('10.0.0.1');
    await lab.node.connect(other.address!);
  });

  it('reach a peer that is just shaking hands', async () => {
    let proceed!: () => void;
    const held = new Promise<void>((resolve) => (proceed = resolve));
    let reached = false;
    @Plugin()
    class Slow {
      @OnHandshake()
      async hold() {
        reached = true;
        await held;
      }
    }
    let connects = 0;
    @Plugin()
    class Counting {
      @OnConnect()
      count() {
        connects++;
      }
    }
    await using lab = await serveWithBans({}, Slow, Counting);
    const connection = await lab.dial();
    await until(() => reached);
    expect(lab.plugin.ban('10.0.0.1')).toBe(0);
    proceed();
    await connection.closed;
    expect(lab.plugin.refused).toBe(1);
    expect(connects).toBe(0);
  });

  it('can be made from a message handler, about the connection that it came from', async () => {
    @Peer({ codec, plugins: [bans()], inject: [Bans] })
    class Moderated {
      readonly #bans: Bans;
      constructor(injected: Bans) {
        this.#bans = injected;
      }
      @OnMessage()
      onLine(line: string, connection: AnyConnection) {
        if (line.includes('spam')) this.#bans.ban(connection, { why: 'spam' });
      }
    }
    const listen = { host: '127.0.0.1', port: 0 };
    await using handle = own(await createPeer(Moderated, { listen }));
    await using node = own(new PeerNode({ codec }));
    const connection = await node.connect(handle.address!);
    await connection.send('buy spam');
    await connection.closed;
    const again = await node.connect(handle.address!);
    await again.closed;
    expect(handle.get(Bans).refused).toBe(1);
    expect(handle.get(Bans).list()).toMatchObject([{ prefix: '127.0.0.1', why: 'spam' }]);
  });
});

describe('strikes', () => {
  it('three of them within ten minutes ban for an hour', async () => {
    await using lab = await serveWithBans();
    const { plugin, clock } = lab;
    await lab.misbehave();
    clock.advance(5 * MINUTE);
    await lab.misbehave();
    expect(plugin.strikesOf('10.0.0.1')).toBe(2);
    expect(plugin.isBanned('10.0.0.1')).toBe(false);
    clock.advance(5 * MINUTE - 1);
    await lab.misbehave();
    expect(plugin.list()).toEqual([
      {
        prefix: '10.0.0.1',
        until: 10 * MINUTE - 1 + HOUR,
        why: '3 strikes, the last: reading: invalid-frame, P2P_ERR_INVALID_FRAME',
      },
    ]);
    expect(await isLetIn(lab)).toBe(false);
    expect(lab.told('banned')).toBe(1);
    clock.advance(HOUR);
    expect(await isLetIn(lab)).toBe(true);
    expect(plugin.strikesOf('10.0.0.1')).toBe(0);
  });

  it('older than the window do not count, each by itself', async () => {
    await using lab = await serveWithBans();
    const { plugin, clock } = lab;
    plugin.strike('10.0.0.1');
    clock.advance(9 * MINUTE);
    plugin.strike('10.0.0.1');
    clock.advance(MINUTE);
    expect(plugin.strikesOf('10.0.0.1')).toBe(1);
    expect(plugin.strike('10.0.0.1')).toBe(false);
    expect(plugin.strike('10.0.0.1')).toBe(true);
  });

  it('give the ban their own reason where one is enough', async () => {
    await using lab = await serveWithBans({ strikes: 1 });
    lab.plugin.strike('10.0.0.1', 'rude');
    expect(lab.plugin.list()[0]!.why).toBe('rude');
  });

  it('that are enough by themselves give the ban their own reason, too', async () => {
    await using lab = await serveWithBans();
    lab.plugin.strike('10.0.0.1', 'very rude', 3);
    expect(lab.plugin.list()[0]!.why).toBe('very rude');
    lab.plugin.strike('10.0.0.2', 'rude', 2);
    lab.plugin.strike('10.0.0.2', 'very rude', 3);
    expect(lab.plugin.list()[1]!.why).toBe('5 strikes, the last: very rude');
  });

  it('weigh as much as they are told', async () => {
    await using lab = await serveWithBans({ strikes: 10 });
    const { plugin } = lab;
    expect(plugin.strike('10.0.0.1', 'rude', 4)).toBe(false);
    expect(plugin.strike('10.0.0.1', 'rude', 5)).toBe(false);
    expect(plugin.strikesOf('10.0.0.1')).toBe(9);
    expect(plugin.strike('10.0.0.1', 'very rude')).toBe(true);
    expect(plugin.list()[0]!.why).toBe('10 strikes, the last: very rude');
    for (const weight of [0, -1, 0.5, Number.NaN, Infinity]) {
      const error = await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => plugin.strike('10.0.0.1', 'x', weight));
      expect(error.message).toContain('`weight`');
    }
  });

  it('are counted by IPv4 address and by IPv6 prefix', async () => {
    await using lab = await serveWithBans({ ipv6PrefixLength: 48 });
    const { plugin } = lab;
    for (const address of ['2001:db8:1:1::1', '2001:db8:1:2::2', '[2001:db8:1:3::3]:80'])
      plugin.strike(address);
    expect(plugin.list().map(({ prefix }) => prefix)).toEqual(['2001:db8:1::/48']);
    for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) plugin.strike(address);
    expect(plugin.list()).toHaveLength(1);
    await peerErrorOf('P2P_ERR_INVALID_ADDRESS', () => plugin.strike('10.0.0.0/24'));
    await peerErrorOf('P2P_ERR_INVALID_ADDRESS', () => plugin.strike('2001:db8::/32'));
    expect(plugin.strike('2001:db9:1:1::/64', 'x', 3)).toBe(true);
    expect(plugin.isBanned('2001:db9:1:2::1')).toBe(true);
  });

  it('are counted, and bans are, for one machine of a LAN alone: link-local addresses whole, with their zone', async () => {
    await using lab = await serveWithBans();
    const { plugin } = lab;
    for (let strike = 0; strike < 3; strike++) plugin.strike('fe80::1%eth0');
    expect(plugin.list().map(({ prefix }) => prefix)).toEqual(['fe80::1%eth0/128']);
    const banned = ['fe80::1%eth0', 'fe80::2%eth0', 'fe80::1%eth1'].map((target) => plugin.isBanned(target));
    expect(banned).toEqual([true, false, false]);
    plugin.ban('fe80::%eth1/64');
    expect(plugin.isBanned('fe80::9%eth1')).toBe(true);
    expect(plugin.isBanned('fe80::9%eth0')).toBe(false);
    plugin.ban('fe80::9');
    expect(plugin.isBanned('fe80::9%eth0')).toBe(true);
    expect(plugin.unban('fe80::1%eth0')).toBe(true);
    await peerErrorOf('P2P_ERR_INVALID_ADDRESS', () => plugin.strike('fe80::/64'));
  });

  it('that ban end the other connections of the peer', async () => {
    await using lab = await serveWithBans({ strikes: 1 });
    const staying = await lab.dial();
    await until(() => lab.node.connections.size === 1);
    await lab.misbehave();
    await staying.closed;
    expect(lab.diary.reasons).toHaveLength(2);
  });

  it('do not shorten a ban that is in force', async () => {
    await using lab = await serveWithBans({ strikes: 1 });
    lab.plugin.ban('10.0.0.0/8', { durationMs: Infinity });
    expect(lab.plugin.strike('10.0.0.1')).toBe(false);
    expect(lab.plugin.list()).toEqual([{ prefix: '10.0.0.0/8' }]);
  });

  const error = (code: PeerError['code']) => new PeerError(code, 'x');
  it.each<[number, DisconnectReason]>([
    [1, { origin: 'reading', cause: 'invalid-frame', error: error('P2P_ERR_FRAME_TOO_LARGE') }],
    [1, { origin: 'reading', cause: 'invalid-frame', error: new SyntaxError('no JSON') }],
    [0, { origin: 'reading', cause: 'invalid-frame', error: error('P2P_ERR_TRUNCATED_FRAME') }],
    [0, { origin: 'reading', cause: 'invalid-frame', error: error('P2P_ERR_STALLED_DECODER') }],
    [0, { origin: 'reading', cause: 'invalid-frame', error: error('P2P_ERR_BAD_DECODER') }],
    [0, { origin: 'reading', cause: 'handler-error', error: error('P2P_ERR_RATE_LIMITED') }],
    [1, { origin: 'reading', cause: 'handler-error', error: error('P2P_ERR_UNMATCHED_MESSAGE') }],
    [0, { origin: 'reading', cause: 'handler-error', error: error('P2P_ERR_QUEUE_FULL') }],
    [0, { origin: 'reading', cause: 'handler-error', error: new TypeError('our own mistake') }],
    [0, { origin: 'reading', cause: 'ended' }],
    [0, { origin: 'reading', cause: 'idle-timeout' }],
    [0, { origin: 'reading', cause: 'stream-error', error: new Error('reset') }],
    [0, { origin: 'writing', cause: 'timeout' }],
    [0, { origin: 'on-connect', error: new Error('x') }],
    [1, { origin: 'renegotiation', error: error('P2P_ERR_HANDSHAKE_REJECTED') }],
    [1, { origin: 'renegotiation', error: error('P2P_ERR_INVALID_FRAME') }],
    [0, { origin: 'renegotiation', error: error('P2P_ERR_HANDSHAKE_TIMEOUT') }],
    [0, { origin: 'detached' }],
    [0, { origin: 'user', why: 'x' }],
    [0, { origin: 'shutdown' }],
  ])('%i for %j', async (expected, reason) => {
    await using lab = await serveWithBans();
    await lab.dial();
    await until(() => lab.node.connections.size === 1);
    const [connection] = lab.node.connections;
    lab.plugin.onDisconnect(connection!, reason);
    expect(lab.plugin.strikesOf(connection!)).toBe(expected);
  });

  it('are as many as strikesFor says', async () => {
    const seen: DisconnectReason[] = [];
    await using lab = await serveWithBans({
      strikesFor: (reason) => (seen.push(reason), reason.origin === 'user' ? 2 : 0),
    });
    const connection = await lab.dial();
    await until(() => lab.node.connections.size === 1);
    const [inbound] = lab.node.connections;
    await inbound!.disconnect('I say so');
    await connection.closed;
    expect(seen).toEqual([{ origin: 'user', why: 'I say so' }]);
    expect(lab.plugin.strikesOf('10.0.0.1')).toBe(2);
  });

  it('that are no whole number are logged, and hurt nobody', async () => {
    await using lab = await serveWithBans({ strikesFor: () => 0.5 });
    await lab.misbehave();
    expect(lab.told('onDisconnect threw')).toBe(1);
    expect(lab.plugin.strikesOf('10.0.0.1')).toBe(0);
  });
});

/** Refuses whoever does not say the word. */
@Plugin()
class Password {
  @OnHandshake()
  async check(handshake: Handshake) {
    if (handshake.direction === 'outbound') return;
    if ((await handshake.read(4)).toString() !== 'word') handshake.reject('wrong word');
  }
}

describe('failed handshakes', () => {
  async function shakeHands(options: BansOptions = {}) {
    const lab = await serveWithBans(options, Password);
    return {
      ...lab,
      /** Connects, says `word`, and waits until the server has made up its mind. */
      async say(word: string) {
        const node = own(new PeerNode({ codec: bytes(), transport: lab.transport }));
        const decided = lab.node.heuristics.handshakeFailures + lab.node.heuristics.openedInbound;
        node.use({ onHandshake: (handshake) => handshake.write(word) });
        const connection = await node.connect(lab.handle.address!, { localAddress: '10.0.0.1' });
        if (word === '') await connection.disconnect();
        const { heuristics } = lab.node;
        await until(() => heuristics.handshakeFailures + heuristics.openedInbound > decided);
        await node.close();
      },
    };
  }

  it('that the peer is refused in are strikes, and ban in the end', async () => {
    await using lab = await shakeHands();
    await lab.say('word');
    expect(lab.plugin.strikesOf('10.0.0.1')).toBe(0);
    for (let count = 1; count <= 3; count++) await lab.say('woof');
    expect(lab.plugin.list()[0]!.why).toBe('3 strikes, the last: handshake: P2P_ERR_HANDSHAKE_REJECTED');
    expect(await isLetIn(lab)).toBe(false);
  });

  it('that the peer went away from, or timed out, are none', async () => {
    await using lab = await shakeHands();
    await lab.say('');
    await lab.dial();
    await until(() => lab.node.connecting === 1);
    lab.clock.advance(3_000);
    await until(() => lab.node.heuristics.handshakeTimeouts === 1);
    expect(lab.plugin.strikesOf('10.0.0.1')).toBe(0);
  });

  it('are as many strikes as strikesForHandshake says', async () => {
    const codes: string[] = [];
    await using lab = await shakeHands({ strikesForHandshake: ({ code }) => (codes.push(code), 2) });
    await lab.say('');
    await lab.say('word');
    expect(codes).toEqual(['P2P_ERR_HANDSHAKE_ENDED']);
    expect(lab.plugin.strikesOf('10.0.0.1')).toBe(2);
  });

  it('by our own shutdown are none, whatever strikesForHandshake says', async () => {
    let asked = 0;
    const lab = await shakeHands({ strikesForHandshake: () => (asked++, 1) });
    await lab.dial();
    await until(() => lab.node.connecting === 1);
    await lab[Symbol.asyncDispose]();
    expect(asked).toBe(0);
    expect(lab.plugin.strikesOf('10.0.0.1')).toBe(0);
  });

  it('that were no handshakes, as @OnAccept refused the peer, are none', async () => {
    @Plugin()
    class Full {
      @OnAccept()
      hasRoom() {
        return false;
      }
    }
    await using lab = await serveWithBans({ strikesForHandshake: () => 1 }, Full);
    const connection = await lab.dial();
    await connection.closed;
    expect(lab.node.heuristics.refusedByHook).toBe(1);
    expect(lab.plugin.strikesOf('10.0.0.1')).toBe(0);
    lab.plugin.ban('10.0.0.2');
    await isLetIn(lab, '10.0.0.2');
    expect(lab.plugin.strikesOf('10.0.0.2')).toBe(0);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('mine');
      },
    ],
    ['answers nonsense', () => -1],
  ])(
    'are logged where strikesForHandshake %s, and end neither node nor process',
    async (_what, strikesForHandshake) => {
      await using lab = await shakeHands({ strikesForHandshake });
      await lab.say('woof');
      expect(lab.told('`strikesForHandshake` threw')).toBe(1);
      await lab.say('word');
      await until(() => lab.node.heuristics.openedInbound === 1);
    },
  );
});

describe('the memory of bans', () => {
  it('survives a restart by list() and `banned`, with the time that was left', async () => {
    const long = Date.UTC(2031, 0, 1);
    await using before = await serve([bans()], {}, long);
    const plugin = before.handle.get(Bans);
    before.clock.advance(123_456);
    plugin.ban('10.0.0.1', { why: 'spam' });
    plugin.ban('2001:db8::/32', { durationMs: Infinity });
    plugin.ban('2001:db8:1::1/128', { durationMs: 10 * MINUTE });
    const saved = JSON.parse(JSON.stringify(plugin.list())) as ReturnType<Bans['list']>;
    expect(saved).toEqual([
      { prefix: '2001:db8::/32' },
      { prefix: '10.0.0.1', until: long + 123_456 + HOUR, why: 'spam' },
      { prefix: '2001:db8:1::1/128', until: long + 123_456 + 10 * MINUTE },
    ]);

    await using after = await serve([bans({ banned: saved })], {}, long + 123_456 + 30 * MINUTE);
    const restarted = after.handle.get(Bans);
    expect(restarted.list()).toEqual(saved.slice(0, 2));
    after.clock.advance(30 * MINUTE - 1);
    expect(restarted.isBanned('10.0.0.1')).toBe(true);
    after.clock.advance(1);
    expect(restarted.isBanned('10.0.0.1')).toBe(false);
    expect(restarted.isBanned('2001:db8::1')).toBe(true);
  });

  it('begins with what is listed as text, for good', async () => {
    await using lab = await serveWithBans({ banned: ['10.0.0.0/24', '2001:db8::1'] });
    expect(lab.plugin.list()).toEqual([{ prefix: '10.0.0.0/24' }, { prefix: '2001:db8::/64' }]);
    expect(await isLetIn(lab, '10.0.0.77')).toBe(false);
  });

  it('holds maxEntries bans, the oldest goes first; those for good stay', async () => {
    await using lab = await serveWithBans({
      maxEntries: 3,
      banned: ['11.0.0.1', '11.0.0.2', '11.0.0.3', '11.0.0.4'],
    });
    const { plugin } = lab;
    for (let index = 1; index <= 5; index++) plugin.ban(`10.0.0.${index}`);
    expect(plugin.list().map(({ prefix }) => prefix)).toEqual([
      ...['11.0.0.1', '11.0.0.2', '11.0.0.3', '11.0.0.4'],
      ...['10.0.0.3', '10.0.0.4', '10.0.0.5'],
    ]);
    expect(plugin.evicted).toEqual({ bans: 2, strikes: 0 });
    expect(plugin.isBanned('10.0.0.1')).toBe(false);
  });

  it('holds the strikes of maxEntries addresses, the oldest go first', async () => {
    await using lab = await serveWithBans({ maxEntries: 3 });
    const { plugin } = lab;
    for (let index = 1; index <= 5; index++) plugin.strike(`10.0.0.${index}`);
    expect(plugin.evicted).toEqual({ bans: 0, strikes: 2 });
    expect([1, 2, 3, 4, 5].map((index) => plugin.strikesOf(`10.0.0.${index}`))).toEqual([0, 0, 1, 1, 1]);
  });
});

describe('bans and rateLimit', () => {
  const limits = rateLimit({
    perConnection: { messagesPerSecond: 1, burstSeconds: 5 },
    perIp: false,
    whenExceeded: 'disconnect',
  });
  const floodsCount = (reason: DisconnectReason): number =>
    'error' in reason && PeerError.is(reason.error, 'P2P_ERR_RATE_LIMITED') ? 1 : strikesByDefault(reason);

  it('ban nobody for how much they send, by default', async () => {
    await using lab = await serveWithBans({}, limits);
    for (let count = 1; count <= 4; count++) {
      const connection = await lab.dial();
      flood(connection, 100);
      await connection.closed;
    }
    expect(lab.plugin.strikesOf('10.0.0.1')).toBe(0);
  });

  it('together keep out who floods again and again, where `strikesFor` says so', async () => {
    await using lab = await serveWithBans({ strikesFor: floodsCount }, limits);
    for (let count = 1; count <= 3; count++) {
      expect(lab.plugin.isBanned('10.0.0.1')).toBe(false);
      const connection = await lab.dial();
      flood(connection, 100);
      await connection.closed;
      await until(() => lab.diary.reasons.length === count && lab.node.connections.size === 0);
    }
    expect(lab.handle.get(RateLimit).exceeded.connectionMessages).toBe(3);
    expect(lab.plugin.list()[0]!.why).toBe(
      '3 strikes, the last: reading: handler-error, P2P_ERR_RATE_LIMITED',
    );
    expect(await isLetIn(lab)).toBe(false);
    expect(await isLetIn(lab, '10.0.0.2')).toBe(true);
    expect(lab.diary.seen).toHaveLength(16);
  });

  it('over TCP, too', async () => {
    const plugins = [bans({ strikesFor: floodsCount }), limits];
    await using handle = own(await createPeer(Diary, { plugins, listen: { host: '127.0.0.1', port: 0 } }));
    await using node = own(new PeerNode({ codec }));
    for (let count = 1; count <= 4; count++) {
      const connection = await node.connect(handle.address!);
      flood(connection, 1_000);
      await connection.closed;
      await until(() => handle.node.connections.size === 0 && handle.node.connecting === 0);
    }
    expect(handle.get(Bans).refused).toBe(1);
    expect(handle.peer.reasons).toHaveLength(3);
    expect(handle.peer.seen).toHaveLength(15);
  });
});

describe('bad options of bans', () => {
  it.each<[string, unknown]>([
    ['`strikes`', { strikes: 0 }],
    ['`strikes`', { strikes: 1.5 }],
    ['`strikeWindowMs`', { strikeWindowMs: -1 }],
    ['`durationMs`', { durationMs: Infinity }],
    ['`durationMs`', { durationMs: 1e15 }],
    ['`maxEntries`', { maxEntries: 0 }],
    ['`ipv6PrefixLength`', { ipv6PrefixLength: 129 }],
    ['`strikesFor`', { strikesFor: 3 }],
    ['`strikesForHandshake`', { strikesForHandshake: 1 }],
    ['`banned`', { banned: '10.0.0.1' }],
    ['`banned[1]`', { banned: ['10.0.0.1', 'example.org'] }],
    ['`banned[0]`', { banned: [null] }],
    ['`banned[0]`', { banned: [{ address: '10.0.0.1' }] }],
    ['`banned[0].until`', { banned: [{ prefix: '10.0.0.1', until: null }] }],
    ['`banned[0].why`', { banned: [{ prefix: '10.0.0.1', why: 5 }] }],
    ['`duration`', { duration: 5 }],
    ['an object', null],
  ])('%s: %j', async (named, options) => {
    const plugin = bans(options as never);
    const error = await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => createPeer(Diary, { plugins: [plugin] }));
    expect(error.message).toContain(named);
  });

  it('are refused by ban(), too', async () => {
    await using lab = await serveWithBans();
    for (const durationMs of [0, -1, 0.5, Number.NaN, 1e15]) {
      const thrown = await peerErrorOf('P2P_ERR_INVALID_CONFIG', () =>
        lab.plugin.ban('10.0.0.1', { durationMs }),
      );
      expect(thrown.message).toContain('`durationMs`');
    }
    expect(lab.plugin.list()).toEqual([]);
  });

  it('the defaults are those that the docs quote', () => {
    expect(BANS_DEFAULTS).toEqual({
      strikes: 3,
      strikeWindowMs: 600_000,
      durationMs: 3_600_000,
      maxEntries: 10_000,
    });
  });
});
