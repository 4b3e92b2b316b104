import { describe, expect, it } from '@jest/globals';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { networkInterfaces } from 'node:os';
import {
  memoryTransport,
  PeerError,
  SocketAddress,
  tcpTransport,
  type Link,
  type Transport,
  type TransportConnectOptions,
} from '@pea2pea/core';
import { CancellationSource } from '@pea2pea/core/authoring';
import { ControlledClock } from '@pea2pea/core/testing';
import { inMemory, join, lab, listen, silentListener, soon, type TestNode, until } from '@pea2pea/testing';

const { makeNode } = lab();

/** Names, and what their addresses do when they are dialled. */
interface Internet extends Transport {
  /** Below it all. */
  readonly network: Transport;
  /** Every dial, in order, as `'192.0.2.1:80 @250'` where it began 250 ms after the start. */
  readonly dialled: string[];
  /** Dials that are not over, by address. */
  readonly open: Map<
    string,
    { answer(): void; fail(code?: string): void; readonly reason: PeerError | undefined }
  >;
}

/** Everything swallows what comes, unless `refusing` says that it refuses at once. */
function internet(clock: ControlledClock, addresses: string[], refusing: string[] = []): Internet {
  const network = memoryTransport();
  const dialled: string[] = [];
  const open: Internet['open'] = new Map();
  const failure = (address: SocketAddress, code: string): PeerError =>
    new PeerError('P2P_ERR_CONNECT_FAILED', `cannot connect to ${address}: connect ${code}`, {
      cause: Object.assign(new Error(`connect ${code} ${address}`), { code }),
    });
  return {
    name: 'internet',
    network,
    dialled,
    open,
    listen: (options, events) => network.listen(options, events),
    resolve: ({ host, port }) =>
      host === 'peer.example'
        ? addresses.map((ip) => new SocketAddress(ip, port))
        : [new SocketAddress(host, port)],
    connect(address: SocketAddress, options: TransportConnectOptions): Promise<Link> {
      dialled.push(`${address} @${clock.now()}`);
      if (refusing.includes(address.host)) return Promise.reject(failure(address, 'ECONNREFUSED'));
      return new Promise((resolve, reject) => {
        const key = address.toString();
        const { cancellation } = options;
        const onCancel = (): void => {
          open.delete(key);
          reject(cancellation.reason!);
        };
        cancellation.add(onCancel);
        const settle = (): void => (open.delete(key), cancellation.remove(onCancel));
        open.set(key, {
          answer: () => (settle(), resolve(network.connect(address, options))),
          fail: (code = 'EHOSTUNREACH') => (settle(), reject(failure(address, code))),
          get reason() {
            return cancellation.reason;
          },
        });
      });
    },
  };
}

const [V6, V6_TOO, V4, V4_TOO] = ['2001:db8::1', '2001:db8:1::2', '192.0.2.1', '198.51.100.2'];

/** A node whose dials to `peer.example` go to `addresses`; whoever listens there is the peer. */
function dialling(addresses: string[], refusing: string[] = [], config: Parameters<typeof makeNode>[0] = {}) {
  const clock = new ControlledClock();
  const transport = internet(clock, addresses, refusing);
  const a = makeNode({ clock, transport, connectTimeoutMs: 5_000, ...config });
  const peerAt = async (host: string): Promise<TestNode> => {
    const peer = makeNode({ transport });
    await peer.node.listen({ host, port: 80 });
    return peer;
  };
  const dialled = (count: number): Promise<void> =>
    until(`${count} are dialled`, () => transport.dialled.length === count);
  return { a, clock, transport, peerAt, dialled };
}

/** Everything that a node tells, its counters and its log. */
const told = ({ node, log }: TestNode): unknown => [
  Object.entries(node.heuristics).filter(([, count]) => count > 0),
  log.filter(({ text }) => text !== 'listening').map(({ text }) => text),
];

describe('a name with several addresses', () => {
  it('is dialled in the order of the resolver, families in turn, each address once', async () => {
    const order = [V6, V6_TOO, '2001:db8:2::3', V4, V6, V4_TOO];
    const { a, dialled, transport } = dialling(order, order);
    await expect(a.node.connect('peer.example:80')).rejects.toMatchObject({ code: 'P2P_ERR_CONNECT_FAILED' });
    await dialled(5);
    expect(transport.dialled.map((text) => text.replace(/:80 @0$/, ''))).toEqual([
      `[${V6}]`,
      V4,
      `[${V6_TOO}]`,
      V4_TOO,
      '[2001:db8:2::3]',
    ]);
  });

  it('whose first address swallows what comes is reached at the second after 250 ms', async () => {
    const { a, clock, transport, peerAt, dialled } = dialling([V6, V4]);
    await peerAt(V4);
    const dial = a.node.connect('peer.example:80');
    await dialled(1);
    clock.advance(249);
    await new Promise((resolve) => setImmediate(resolve));
    expect(transport.dialled).toHaveLength(1);
    clock.advance(1);
    await dialled(2);
    transport.open.get(`${V4}:80`)!.answer();
    const connection = await dial;
    expect(connection.address.toString()).toBe(`${V4}:80`);
    expect(transport.dialled).toEqual([`[${V6}]:80 @0`, `${V4}:80 @250`]);
  });

  it('cancels the losers without a trace: no counter, no line, no event, no slot, no timer', async () => {
    const events: unknown[] = [];
    const onRefused = (event: unknown): void => void events.push(event);
    subscribe('pea2pea:connection:refused', onRefused);
    const plain = dialling([V4]);
    await plain.peerAt(V4);
    const alone = plain.a.node.connect('peer.example:80');
    await plain.dialled(1);
    plain.transport.open.get(`${V4}:80`)!.answer();
    await alone;

    const { a, clock, transport, peerAt, dialled } = dialling([V6, V4, V6_TOO]);
    await peerAt(V4);
    const dial = a.node.connect('peer.example:80');
    await dialled(1);
    clock.advance(250);
    await dialled(2);
    clock.advance(250);
    await dialled(3);
    expect([a.node.connecting, a.node.isConnecting(`[${V6}]:80`), a.node.isConnecting(`${V4}:80`)]).toEqual([
      1,
      true,
      true,
    ]);
    const losers = [transport.open.get(`[${V6}]:80`)!, transport.open.get(`[${V6_TOO}]:80`)!];
    transport.open.get(`${V4}:80`)!.answer();
    await dial;
    unsubscribe('pea2pea:connection:refused', onRefused);
    expect(losers.map(({ reason }) => reason?.code)).toEqual(['P2P_ERR_ABORTED', 'P2P_ERR_ABORTED']);
    expect(transport.open.size).toBe(0);
    expect([a.node.connecting, a.node.connections.size, a.node.isConnecting(`[${V6}]:80`)]).toEqual([
      0,
      1,
      false,
    ]);
    expect(events).toEqual([]);
    expect(told(a)).toEqual(told(plain.a));
    await a.node.close();
    expect(clock.pending).toBe(0);
  });

  it('is one dial to the limits: one slot and one setup, however many of its addresses are under way', async () => {
    const limits = { maxConnections: 1, maxConnecting: 1 };
    const { a, clock, transport, peerAt, dialled } = dialling([V6, V4], [], limits);
    await peerAt(V4);
    const dial = a.node.connect('peer.example:80');
    await dialled(1);
    clock.advance(250);
    await dialled(2);
    expect(a.node.connecting).toBe(1);
    transport.open.get(`${V4}:80`)!.answer();
    await dial;
    expect(a.node.heuristics.dialsRefused).toBe(0);
  });

  it('begins with the next address as soon as one failed', async () => {
    const { a, transport, peerAt, dialled } = dialling([V6, V4, V6_TOO], [V6]);
    await peerAt(V4);
    const dial = a.node.connect('peer.example:80');
    await dialled(2);
    transport.open.get(`${V4}:80`)!.answer();
    expect((await dial).address.host).toBe(V4);
    expect(transport.dialled).toEqual([`[${V6}]:80 @0`, `${V4}:80 @0`]);
  });

  it('that all fail is told with all causes, each naming its address', async () => {
    const { a, clock, transport, dialled } = dialling([V6, V4, V6_TOO], [V4]);
    const dial = a.node.connect('peer.example:80');
    await dialled(1);
    clock.advance(250);
    await dialled(3);
    transport.open.get(`[${V6_TOO}]:80`)!.fail('ENETUNREACH');
    transport.open.get(`[${V6}]:80`)!.fail();
    const error = await dial.then(
      () => new PeerError('P2P_ERR_ABORTED', 'it was reached'),
      (thrown: PeerError) => thrown,
    );
    expect(error.code).toBe('P2P_ERR_CONNECT_FAILED');
    expect(error.what).toBe(
      `cannot connect to peer.example:80: ${V4}:80 (ECONNREFUSED), [${V6_TOO}]:80 (ENETUNREACH), [${V6}]:80 (EHOSTUNREACH)`,
    );
    expect(error.cause).toBeInstanceOf(AggregateError);
    expect((error.cause as AggregateError).errors).toEqual([
      expect.objectContaining({
        message: expect.stringContaining(V4),
        cause: expect.objectContaining({ code: 'ECONNREFUSED' }),
      }),
      expect.objectContaining({ message: expect.stringContaining(V6_TOO) }),
      expect.objectContaining({ message: expect.stringContaining(V6) }),
    ]);
    expect(a.node.heuristics).toMatchObject({ connectFailures: 1, dialsRefused: 0 });
    expect([a.node.connecting, clock.pending]).toEqual([0, 0]);
  });

  it('says how many more there are where many fail, and dials no more than 32', async () => {
    const many = Array.from({ length: 300 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
    const { a, transport } = dialling(many, many);
    await expect(a.node.connect('peer.example:80')).rejects.toMatchObject({
      message: expect.stringMatching(/10\.0\.0\.3:80 \(ECONNREFUSED\), and 28 more;/),
    });
    expect(transport.dialled).toHaveLength(32);
  });

  it('that times out tells which addresses had failed before', async () => {
    const { a, clock, dialled } = dialling([V6, V4], [V6]);
    const dial = a.node.connect('peer.example:80');
    await dialled(2);
    clock.advance(5_000);
    await expect(dial).rejects.toMatchObject({
      code: 'P2P_ERR_CONNECT_TIMEOUT',
      message: expect.stringContaining(`[${V6}]:80 (ECONNREFUSED)`),
      cause: { errors: [{ code: 'P2P_ERR_CONNECT_FAILED' }] },
    });
    expect(a.node.heuristics).toMatchObject({ connectTimeouts: 1, connectFailures: 0 });
  });

  it.each(['abort', 'timeout', 'close'])(
    'is given up whole: %s cancels every attempt and frees the slot',
    async (how) => {
      const { a, clock, transport, dialled } = dialling([V6, V4, V6_TOO]);
      const abort = new AbortController();
      const dial = a.node.connect('peer.example:80', { signal: abort.signal });
      await dialled(1);
      clock.advance(250);
      await dialled(2);
      const closing = how === 'close' ? a.node.close() : undefined;
      if (how === 'abort') abort.abort();
      if (how === 'timeout') clock.advance(5_000);
      await expect(soon('the end', dial)).rejects.toMatchObject({
        code: {
          abort: 'P2P_ERR_ABORTED',
          timeout: 'P2P_ERR_CONNECT_TIMEOUT',
          close: 'P2P_ERR_SHUTTING_DOWN',
        }[how],
      });
      await closing;
      expect([transport.open.size, a.node.connecting, a.node.isConnecting(`${V4}:80`)]).toEqual([
        0,
        0,
        false,
      ]);
      expect([clock.pending, transport.dialled.length]).toEqual([0, how === 'timeout' ? 3 : 2]);
    },
  );

  it('that gives a link after another one has won has it closed', async () => {
    const { a, clock, transport, peerAt, dialled } = dialling([V6, V4]);
    const [slow, fast] = [await peerAt(V6), await peerAt(V4)];
    const { connect } = transport;
    // To the first address, a transport that does not hear that it is cancelled.
    let late!: () => Promise<Link>;
    transport.connect = (address, options) => {
      if (address.host !== V6) return connect.call(transport, address, options);
      transport.dialled.push('deaf');
      return new Promise((resolve) => {
        late = () => {
          const link = transport.network.connect(address, {
            ...options,
            cancellation: new CancellationSource(),
          });
          resolve(link);
          return link;
        };
      });
    };
    const dial = a.node.connect('peer.example:80');
    await dialled(1);
    clock.advance(250);
    await dialled(2);
    transport.open.get(`${V4}:80`)!.answer();
    await dial;
    const link = await late();
    await until('it is closed', () => link.stream.destroyed);
    await until(
      'the peer has seen both',
      () => slow.node.heuristics.accepted === 1 && fast.opened.length === 1,
    );
    expect([a.node.connections.size, a.opened.length, a.node.connecting]).toEqual([1, 1, 0]);
  });

  it('is passed over at addresses that are our own, and reached at another', async () => {
    const { a, transport, peerAt, dialled } = dialling(['127.0.0.1', '::1', V4]);
    await a.node.listen({ host: '::', port: 80 });
    await peerAt(V4);
    const dial = a.node.connect('peer.example:80');
    await dialled(1);
    transport.open.get(`${V4}:80`)!.answer();
    expect((await dial).address.host).toBe(V4);
    expect(transport.dialled).toEqual([`${V4}:80 @0`]);
  });

  it('is ourselves only when all of its addresses are', async () => {
    const own = dialling(['127.0.0.1', '::1']);
    await own.a.node.listen({ host: '::', port: 80 });
    await expect(own.a.node.connect('peer.example:80')).rejects.toMatchObject({
      code: 'P2P_ERR_SELF_CONNECT',
    });
    expect(own.a.node.heuristics).toMatchObject({ dialsRefused: 1, connectFailures: 0 });

    const { a } = dialling(['127.0.0.1', V4], [V4]);
    await a.node.listen({ host: '127.0.0.1', port: 80 });
    await expect(a.node.connect('peer.example:80')).rejects.toMatchObject({
      code: 'P2P_ERR_CONNECT_FAILED',
      message: expect.stringContaining('127.0.0.1:80 (P2P_ERR_SELF_CONNECT), 192.0.2.1:80 (ECONNREFUSED)'),
    });
    expect(a.node.heuristics).toMatchObject({ dialsRefused: 0, connectFailures: 1 });
  });

  it('is passed over at an address whose IP has all its connections, and refused when all have', async () => {
    const { a, transport, peerAt, dialled } = dialling([V6, V4], [], { maxConnectionsPerIp: 1 });
    await peerAt(V4);
    const first = a.node.connect(`[${V6}]:81`);
    await dialled(1);
    const second = a.node.connect('peer.example:80');
    await dialled(2);
    transport.open.get(`${V4}:80`)!.answer();
    await second;
    expect(a.node.heuristics.dialsRefused).toBe(0);
    transport.resolve = () => [new SocketAddress(V6, 82), new SocketAddress(V4, 82)];
    await expect(a.node.connect('peer.example:82')).rejects.toMatchObject({
      code: 'P2P_ERR_TOO_MANY_CONNECTIONS_PER_IP',
      message: expect.stringContaining(`[${V6}]:82 (P2P_ERR_TOO_MANY_CONNECTIONS_PER_IP), ${V4}:82 (`),
    });
    expect(a.node.heuristics.dialsRefused).toBe(1);
    transport.open.get(`[${V6}]:81`)!.fail();
    await expect(first).rejects.toThrow();
  });

  it('counts once for an IP, however many of its addresses are of one', async () => {
    const addresses = ['2001:db8::1', '2001:db8::2', '2001:db8::3'];
    const { a, transport, peerAt, dialled } = dialling(addresses, addresses.slice(0, 2), {
      maxConnectionsPerIp: 1,
    });
    await peerAt('2001:db8::3');
    const dial = a.node.connect('peer.example:80');
    await dialled(3);
    await expect(a.node.connect('[2001:db8::4]:80')).rejects.toMatchObject({
      code: 'P2P_ERR_TOO_MANY_CONNECTIONS_PER_IP',
    });
    transport.open.get('[2001:db8::3]:80')!.answer();
    const connection = await dial;
    await expect(a.node.connect('[2001:db8::1]:80')).rejects.toMatchObject({
      code: 'P2P_ERR_TOO_MANY_CONNECTIONS_PER_IP',
    });
    await connection.disconnect();
    const next = a.node.connect('[2001:db8::3]:80');
    await dialled(4);
    transport.open.get('[2001:db8::3]:80')!.answer();
    expect((await next).address.host).toBe('2001:db8::3');
  });

  it('is connected already when one of its addresses is whose turn comes', async () => {
    const { a, clock, transport, peerAt, dialled } = dialling([V6, V4]);
    await peerAt(V4);
    const first = a.node.connect(`${V4}:80`);
    await dialled(1);
    transport.open.get(`${V4}:80`)!.answer();
    await first;
    const second = a.node.connect('peer.example:80');
    await dialled(2);
    clock.advance(250);
    await expect(second).rejects.toMatchObject({ code: 'P2P_ERR_ALREADY_CONNECTED' });
    expect([transport.open.size, a.node.connecting]).toEqual([0, 0]);
    expect(a.node.heuristics).toMatchObject({ dialsRefused: 1, connectFailures: 0 });
  });

  it('over TCP is reached at its second address where the first swallows what comes', async () => {
    const silent = await silentListener();
    const port = Number(silent.address.split(':')[1]);
    const tcp = tcpTransport();
    const [a, b] = [
      makeNode({
        transport: {
          ...tcp,
          resolve: () => ['127.0.0.1', '127.0.0.2'].map((host) => new SocketAddress(host, port)),
        },
      }),
      makeNode(),
    ];
    try {
      await b.node.listen({ host: '127.0.0.2', port });
      const startedMs = performance.now();
      const connection = await soon('the connection', a.node.connect(`peer.example:${port}`));
      expect(connection.address.host).toBe('127.0.0.2');
      expect(performance.now() - startedMs).toBeGreaterThanOrEqual(249);
      expect(a.node.connecting).toBe(0);
      await until('b has it', () => b.opened.length === 1);
    } finally {
      silent.stop();
    }
  });
});

describe('one address', () => {
  it('that fails keeps its own error and cause', async () => {
    const { a } = dialling([V4], [V4]);
    await expect(a.node.connect('peer.example:80')).rejects.toMatchObject({
      code: 'P2P_ERR_CONNECT_FAILED',
      cause: { code: 'ECONNREFUSED' },
    });
  });

  it('that is a wildcard is the loopback address of its family: one peer has one share, and one connection', async () => {
    const [a, b] = [makeNode(), makeNode()];
    const { port } = await b.node.listen({ host: '::', port: 0 });
    expect((await a.node.connect({ host: '0.0.0.0', port })).address.host).toBe('127.0.0.1');
    expect((await a.node.connect({ host: '::', port })).address.host).toBe('::1');
    for (const host of ['127.0.0.1', '0.0.0.0', '::1', '::']) {
      await expect(a.node.connect({ host, port })).rejects.toMatchObject({
        code: 'P2P_ERR_ALREADY_CONNECTED',
      });
    }
  });

  it('of ours is known by family: a listener on 0.0.0.0 is not [::1] at its port', async () => {
    const [a, b] = [makeNode(), makeNode()];
    const { port } = await a.node.listen({ host: '0.0.0.0', port: 0 });
    await b.node.listen({ host: '::1', port });
    const connection = await a.node.connect({ host: '::1', port });
    expect(connection.address.toString()).toBe(`[::1]:${port}`);
    for (const own of ['127.0.0.1', '127.1.2.3', '0.0.0.0']) {
      await expect(a.node.connect({ host: own, port })).rejects.toMatchObject({
        code: 'P2P_ERR_SELF_CONNECT',
      });
    }
    await expect(b.node.connect(`[::1%lo]:${port}`)).rejects.toMatchObject({ code: 'P2P_ERR_SELF_CONNECT' });
    await expect(b.node.connect(`[::]:${port}`)).rejects.toMatchObject({ code: 'P2P_ERR_SELF_CONNECT' });
  });

  it('of ours is known behind :: in both families', async () => {
    const a = makeNode();
    const { port } = await a.node.listen({ host: '::', port: 0 });
    for (const own of ['127.0.0.1', '::1', '::1%lo', '::', '::ffff:127.0.0.1']) {
      await expect(a.node.connect({ host: own, port })).rejects.toMatchObject({
        code: 'P2P_ERR_SELF_CONNECT',
      });
    }
  });

  const linkLocal = Object.entries(networkInterfaces())
    .flatMap(([zone, infos]) => (infos ?? []).map((info) => ({ zone, ...info })))
    .find((info) => info.family === 'IPv6' && info.address.startsWith('fe80:'));
  const scoped = linkLocal === undefined ? it.skip : it;

  scoped('of a link is one address, whether its zone is a name or a number', async () => {
    const { address, zone, scopeid } = linkLocal as { address: string; zone: string; scopeid: number };
    const [a, b] = [makeNode(), makeNode()];
    const { host, port } = await a.node.listen({ host: `${address}%${zone}`, port: 0 });
    expect(host).toBe(`${address}%${zone}`);
    for (const own of [zone, scopeid]) {
      await expect(a.node.connect({ host: `${address}%${own}`, port })).rejects.toMatchObject({
        code: 'P2P_ERR_SELF_CONNECT',
      });
    }
    const [connection] = await join(b, a);
    await expect(b.node.connect({ host: `${address}%${scopeid}`, port })).rejects.toMatchObject({
      code: 'P2P_ERR_ALREADY_CONNECTED',
    });
    expect(connection.address.limitGroup(64)).toBe(`${address}%${zone}/128`);
  });
});

describe('machines of one LAN', () => {
  it('are counted one by one at their link-local addresses, not as one IP', async () => {
    const network = inMemory();
    const a = makeNode({ ...network, maxConnectionsPerIp: 1 });
    await listen(a);
    const dial = async (localAddress: string): Promise<void> =>
      void (await makeNode(network).node.connect(a.node.address!, { localAddress }));
    for (let machine = 1; machine <= 14; machine++) await dial(`fe80::${machine.toString(16)}%eth0`);
    await dial('fe80::1%eth1');
    await until('all have come', () => a.node.heuristics.accepted === 15);
    expect(a.node.connections.size).toBe(15);
    await dial('fe80::1%eth0');
    await until('a second one of a machine is refused', () => a.node.heuristics.refusedByLimit === 1);
  });
});
