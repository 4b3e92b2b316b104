import { describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';
import {
  DEFAULTS,
  DERIVED_DEFAULTS,
  PeerNode,
  type Handshake,
  type Link,
  type NodeConfig,
  type SocketAddress,
  type Transport,
  type TransportListenEvents,
} from '@pea2pea/core';
import { CancellationSource } from '@pea2pea/core/authoring';
import { ControlledClock } from '@pea2pea/core/testing';
import {
  inMemory,
  join,
  lab,
  listen,
  rawConnect,
  silentListener,
  soon,
  textCodec,
  until,
} from '@pea2pea/testing';

const { makeNode } = lab();

describe('configuration', () => {
  it('a node without a name gets a number of its own; a given name stays', () => {
    const [a, b, c] = [makeNode(), makeNode(), makeNode({ name: 'carol' })];
    expect(a.node.name).toMatch(/^\d+$/);
    expect(b.node.name).not.toBe(a.node.name);
    expect(c.node.name).toBe('carol');
  });

  it.each([
    ['maxConnections', 0],
    ['maxConnections', -1],
    ['maxConnections', 1.5],
    ['maxConnections', NaN],
    ['maxConnections', '10'],
    ['maxConnectionsPerIp', 0],
    ['maxConnecting', 0],
    ['maxInbound', 0],
    ['maxConnectingPerIp', 0],
    ['maxWaitingPerIp', 0.5],
    ['ipv6PrefixLength', 129],
    ['listenBacklog', 0],
    ['connectTimeoutMs', 0],
    ['handshakeTimeoutMs', Infinity],
    ['idleTimeoutMs', -1],
    ['writeTimeoutMs', 0],
    ['closeTimeoutMs', 2 ** 31],
    ['inboundQueueBytes', 0],
    ['outboundQueueBytes', 0],
    ['maxBufferedBytes', 0],
    ['whenInboundFull', 'explode'],
    ['noDelay', 1],
    ['name', ''],
    ['listen', { host: '', port: 1 }],
    ['codec', {}],
    ['transport', {}],
    ['clock', null],
    ['maxConections', 5],
  ])('the option %s is refused by name when it is %p', (option, value) => {
    const config = { codec: textCodec(), [option]: value } as unknown as NodeConfig<string>;
    expect(() => new PeerNode(config)).toThrow(
      expect.objectContaining({
        code: 'P2P_ERR_INVALID_CONFIG',
        message: expect.stringContaining(`\`${option}\``),
      }),
    );
  });

  it('a configuration with a wrong value makes no node and says what to correct', () => {
    expect(() => new PeerNode({ codec: textCodec(), maxConnections: 0 })).toThrow(
      '`maxConnections` must be a whole number of at least 1, not 0; correct the option named in the message',
    );
  });

  it('every default is in force where nothing is given', () => {
    const { node } = makeNode();
    expect(node.config).toMatchObject(DEFAULTS);
  });

  it.each([
    {},
    { maxConnections: 7, listenBacklog: 1 },
    { maxConnections: 8, maxConnecting: 5, listenBacklog: 7 },
    { maxConnections: 1_000, maxConnecting: 3 },
    { maxConnections: 3, maxConnecting: 50, listenBacklog: 2_000 },
  ])('what follows from other options does so by its formula: %p', (config) => {
    const { node } = makeNode(config);
    for (const [option, formula] of Object.entries(DERIVED_DEFAULTS)) {
      const computed: unknown = runInNewContext(formula, {
        min: Math.min,
        max: Math.max,
        floor: Math.floor,
        ...node.config,
      });
      expect(node.config).toMatchObject({ [option]: computed });
    }
  });

  it('maxInbound above maxConnections is clamped', () => {
    expect(makeNode({ maxConnections: 7, maxInbound: 8 }).node.config.maxInbound).toBe(7);
    expect(makeNode({ maxConnections: 7, maxInbound: 6 }).node.config.maxInbound).toBe(6);
  });

  it('maxConnecting above maxConnections is clamped, with a debug line', () => {
    const test = makeNode({ maxConnections: 7, maxConnecting: 50 });
    expect(test.node.config.maxConnecting).toBe(7);
    expect(test.log).toContainEqual(
      expect.objectContaining({ level: 'debug', text: expect.stringContaining('clamped') }),
    );
  });

  it('hooks cannot be added once the node has started', async () => {
    const { node } = makeNode(inMemory());
    await node.listen({ host: '127.0.0.1', port: 0 });
    expect(() => node.use({})).toThrow(expect.objectContaining({ code: 'P2P_ERR_ALREADY_STARTED' }));
  });
});

describe('listening', () => {
  it('port 0 reports the port really bound', async () => {
    const a = makeNode();
    const address = await listen(a);
    expect(address.port).toBeGreaterThan(0);
    expect(a.node.address).toEqual(address);
  });

  it('a taken port is an error at listen, and the node can listen elsewhere', async () => {
    const [a, b] = [makeNode(), makeNode()];
    const { port } = await listen(a);
    await expect(b.node.listen({ host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'P2P_ERR_LISTEN_FAILED',
      cause: { code: 'EADDRINUSE' },
    });
    expect((await listen(b)).port).not.toBe(port);
  });

  it('the listener can be switched off and on again; off does not cut live connections', async () => {
    const [a, b, c] = [makeNode(), makeNode(), makeNode()];
    const [fromB] = await join(b, a);
    const address = a.node.address!;
    await a.node.stopListening();
    expect(a.node.address).toBeUndefined();
    await expect(c.node.connect(address)).rejects.toMatchObject({ code: 'P2P_ERR_CONNECT_FAILED' });
    await fromB.send('still here');
    await until('the message arrived', () => a.messages.length === 1);
    await a.node.listen(address);
    await join(c, a);
    expect(a.node.connections.size).toBe(2);
  });

  it('a listener that is switched off while it is being switched on is off', async () => {
    const a = makeNode(inMemory());
    const listening = listen(a);
    await a.node.stopListening();
    await listening;
    expect(a.node.address).toBeUndefined();
    await listen(a);
  });

  it('listening without an address is an error, listening twice at one is another', async () => {
    const a = makeNode(inMemory());
    await expect(a.node.listen()).rejects.toMatchObject({ code: 'P2P_ERR_NO_LISTEN_ADDRESS' });
    const address = await listen(a);
    await expect(a.node.listen(address)).rejects.toMatchObject({ code: 'P2P_ERR_ALREADY_LISTENING' });
  });

  it('listen() without arguments uses the address of the configuration', async () => {
    const a = makeNode({ listen: { host: '127.0.0.1', port: 0 } });
    expect((await a.node.listen()).host).toBe('127.0.0.1');
  });

  it('port sharing works where the runtime has it and is a clear error elsewhere', async () => {
    const [a, b] = [makeNode({ reusePort: true }), makeNode({ reusePort: true })];
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
    const supported =
      process.platform === 'linux' &&
      (major >= 24 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12));
    if (supported) {
      const address = await listen(a);
      await expect(b.node.listen(address)).resolves.toEqual(address);
    } else {
      await expect(listen(a)).rejects.toMatchObject({ code: 'P2P_ERR_UNSUPPORTED' });
    }
  });

  it('switching the listener off does not end a setup under way, and it can be switched any number of times', async () => {
    const release: (() => void)[] = [];
    const a = makeNode({}, { onHandshake: () => new Promise<void>((resolve) => release.push(resolve)) });
    const address = await listen(a);
    for (let round = 1; round <= 5; round++) {
      const socket = await rawConnect(address);
      await until('the setup is under way', () => release.length === round);
      await a.node.stopListening();
      release[round - 1]!();
      await until('it ended well', () => a.node.connections.size === round);
      expect(socket.destroyed).toBe(false);
      expect(await a.node.listen(address)).toEqual(address);
    }
    await a.node.stopListening();
    await a.node.stopListening();
    expect(a.node.address).toBeUndefined();
  });

  it('the backlog and port sharing of the configuration reach the transport', async () => {
    const asked: unknown[] = [];
    const { transport } = inMemory();
    const a = makeNode({
      listenBacklog: 7,
      reusePort: true,
      transport: {
        name: 'watched',
        resolve: (address) => transport.resolve(address),
        connect: (address, options) => transport.connect(address, options),
        listen(options, events) {
          asked.push([options.backlog, options.reusePort]);
          return transport.listen(options, events);
        },
      },
    });
    await listen(a);
    expect(asked).toEqual([[7, true]]);
  });

  it('errors of accepting are counted, logged once a second, and not fatal', async () => {
    let events: TransportListenEvents | undefined;
    const { transport } = inMemory();
    const clock = new ControlledClock();
    const a = makeNode({
      clock,
      transport: {
        name: 'under pressure',
        resolve: (address) => transport.resolve(address),
        connect: (address, options) => transport.connect(address, options),
        listen: (options, given) => ((events = given), transport.listen(options, given)),
      },
    });
    const address = await listen(a);
    const error = Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' });
    for (let index = 0; index < 100; index++) events!.onAcceptError(error);
    clock.advance(1_000);
    events!.onAcceptError(error);
    expect(a.node.heuristics).toMatchObject({ acceptErrors: 101, accepted: 0 });
    expect(a.log.filter(({ level }) => level === 'error').map(({ fields }) => fields)).toEqual([
      { node: a.node.name, err: error, suppressed: 0 },
      { node: a.node.name, err: error, suppressed: 99 },
    ]);
    const connection = await makeNode({ transport }).node.connect(address);
    await connection.send('still served');
    await until('it arrived', () => a.messages.length === 1);
  });

  it('a node that ran out of descriptors turns surplus peers away and serves again when some are free', async () => {
    const starved = await starvedNode(64);
    const crowd = Array.from({ length: 150 }, () => connect(starved.port, '127.0.0.1').on('error', () => {}));
    try {
      const gone = (): number => crowd.filter((socket) => socket.resume().destroyed).length;
      await until('descriptors ran out', () => gone() > 0);
      expect(gone()).toBeLessThan(crowd.length);
      for (const socket of crowd) socket.destroy();
      expect(await soon('an answer', starved.echo('after the pressure\n'))).toBe('after the pressure\n');
    } finally {
      for (const socket of crowd) socket.destroy();
      await starved.stop();
    }
  });
});

describe('limits', () => {
  it('racing many dials at a node never exceeds its limit, and the refused see their connection close', async () => {
    const limit = 5;
    let most = 0;
    const a = makeNode(
      { maxConnections: limit, maxConnectionsPerIp: 100 },
      { onConnect: () => void (most = Math.max(most, a.node.connections.size + a.node.connecting)) },
    );
    await listen(a);
    const dials = Array.from({ length: 40 }, () => makeNode());
    await Promise.allSettled(dials.map(({ node }) => node.connect(a.node.address!)));
    await until('all were accepted', () => a.node.heuristics.accepted === 40);
    await until(
      'the refused are gone',
      () => dials.filter(({ node }) => node.connections.size > 0).length === limit,
    );
    expect(most).toBeLessThanOrEqual(limit);
    expect(a.node.connections.size).toBe(limit);
    expect(a.node.heuristics.refusedByLimit).toBe(35);
  });

  it('an inbound connection refused by a limit never reaches a hook, and is counted', async () => {
    let asked = 0;
    const a = makeNode(
      { maxConnections: 1 },
      { onAccept: () => void asked++, onHandshake: () => void asked++ },
    );
    const [b, c] = [makeNode(), makeNode()];
    await join(b, a);
    expect(asked).toBe(2);
    await c.node.connect(a.node.address!).catch(() => {});
    await until('it was refused', () => a.node.heuristics.refusedByLimit === 1);
    await until('the dialler saw it', () => c.node.connections.size === 0);
    expect(asked).toBe(2);
  });

  it('one IP address gets maxConnectionsPerIp connections, dials included', async () => {
    const network = inMemory();
    const a = makeNode({ ...network, maxConnectionsPerIp: 2 });
    const others = [makeNode(network), makeNode(network), makeNode(network)];
    await Promise.all(others.map(listen));
    await a.node.connect(others[0]!.node.address!);
    await a.node.connect(others[1]!.node.address!);
    await expect(a.node.connect(others[2]!.node.address!)).rejects.toMatchObject({
      code: 'P2P_ERR_TOO_MANY_CONNECTIONS_PER_IP',
    });
    expect(a.node.heuristics.dialsRefused).toBe(1);
  });

  it('IPv4-mapped IPv6 counts as its IPv4 address, IPv6 addresses count per prefix', async () => {
    const network = inMemory();
    const a = makeNode({ ...network, maxConnectionsPerIp: 1 });
    const hosts = ['::ffff:10.0.0.1', '10.0.0.1', '2001:db8::1', '2001:db8::2:0:0:2', '2001:db8:0:1::1'];
    for (const [index, host] of hosts.entries()) {
      await makeNode(network).node.listen({ host, port: 4000 + index });
    }
    const results = [];
    for (const [index, host] of hosts.entries()) {
      results.push(
        await a.node.connect({ host, port: 4000 + index }).then(
          () => 'in',
          () => 'out',
        ),
      );
    }
    expect(results).toEqual(['in', 'out', 'in', 'out', 'in']);
  });

  it('a dial beyond the setup budget fails at once and is counted', async () => {
    const network = inMemory();
    const a = makeNode(
      { ...network, maxConnecting: 1 },
      { onHandshake: async (h) => void (await h.read(1)) },
    );
    const [b, c] = [makeNode(network), makeNode(network)];
    await Promise.all([listen(b), listen(c)]);
    const first = a.node.connect(b.node.address!);
    await until('the first dial is under way', () => a.node.connecting === 1);
    expect(a.node.isConnecting(b.node.address!)).toBe(true);
    await expect(a.node.connect(c.node.address!)).rejects.toMatchObject({
      code: 'P2P_ERR_TOO_MANY_CONNECTING',
    });
    expect(a.node.heuristics.dialsRefused).toBe(1);
    b.opened[0]?.trySend('x');
    await until('b has the connection', () => b.opened.length === 1);
    b.opened[0]!.trySend('x');
    await first;
    expect(a.node.connecting).toBe(0);
  });

  it('inbound connections beyond the setup budget wait and are served, not refused', async () => {
    const release: (() => void)[] = [];
    const network = inMemory();
    const a = makeNode(
      { ...network, maxConnecting: 1 },
      { onHandshake: () => new Promise<void>((resolve) => release.push(resolve)) },
    );
    await listen(a);
    const dials = [makeNode(network), makeNode(network), makeNode(network)];
    await Promise.all(dials.map(({ node }) => node.connect(a.node.address!)));
    await until('all were accepted', () => a.node.heuristics.accepted === 3);
    for (let served = 0; served < 3; served++) {
      await until('one handshake is under way', () => release.length === served + 1);
      expect(a.node.connecting).toBe(1);
      release[served]!();
    }
    await until('all are served', () => a.node.connections.size === 3);
  });

  it('the waiting line is bounded and timed: surplus is reset, and counted', async () => {
    const network = inMemory();
    const a = makeNode(
      { ...network, maxConnecting: 1, listenBacklog: 2, maxWaitingPerIp: 2, handshakeTimeoutMs: 100 },
      { onHandshake: () => new Promise<void>(() => {}) },
    );
    await listen(a);
    const dials = Array.from({ length: 5 }, () => makeNode(network));
    await Promise.all(dials.map(({ node }) => node.connect(a.node.address!)));
    await until('two found no place in the line', () => a.node.heuristics.waitingLineFull === 2);
    await until('everybody is gone', () => dials.every(({ node }) => node.connections.size === 0));
    const { handshakeTimeouts, waitingLineTimeouts, accepted } = a.node.heuristics;
    expect(handshakeTimeouts + waitingLineTimeouts).toBe(3);
    expect(accepted).toBe(5);
  });

  it('a few addresses that fill the waiting line keep no newcomer out', async () => {
    const { transport } = inMemory();
    const a = makeNode(
      { transport, maxConnecting: 1, listenBacklog: 6, maxWaitingPerIp: 3, handshakeTimeoutMs: 60_000 },
      { onHandshake: async (handshake) => void (await handshake.read(1)) },
    );
    const address = await listen(a);
    const dialFrom = (localAddress: string): Promise<Link> => {
      const cancellation = new CancellationSource();
      return transport.connect(address, { cancellation, noDelay: true, keepAlive: true, localAddress });
    };
    const silent: Link[] = [];
    for (let count = 0; count < 3; count++) {
      for (const host of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) silent.push(await dialFrom(host));
    }
    expect(a.node.connecting).toBe(1);
    const { waitingLineFull } = a.node.heuristics;
    const newcomer = await dialFrom('10.0.1.1');
    expect(a.node.heuristics.waitingLineFull).toBe(waitingLineFull + 1);
    newcomer.stream.write('x');
    // Turn after turn a link of an address; those that say nothing go.
    for (const { stream } of silent) {
      if (a.opened.length > 0) break;
      if (!stream.destroyed) stream.destroy();
      await until('the next one has its turn', () => a.node.connecting === 1 || a.opened.length > 0);
    }
    await until('the newcomer is served', () => a.opened.length === 1);
    expect(a.opened[0]!.address.host).toBe('10.0.1.1');
  });

  it('a long waiting line is admitted in order, without growing the stack', async () => {
    const { transport } = inMemory();
    const count = 3_000;
    let failDial!: () => void;
    const a = makeNode({
      maxConnecting: 1,
      maxConnections: 10_000,
      maxConnectionsPerIp: 10_000,
      listenBacklog: 10_000,
      maxWaitingPerIp: 10_000,
      transport: {
        name: 'held',
        resolve: (address) => transport.resolve(address),
        listen: (options, events) => transport.listen(options, events),
        connect: () => new Promise((_resolve, reject) => (failDial = () => reject(new Error('no')))),
      },
    });
    const address = await listen(a);
    void a.node.connect('10.0.0.1:1');
    await until('the dial holds the budget', () => failDial !== undefined);
    const cancellation = new CancellationSource();
    for (let localPort = 1; localPort <= count; localPort++) {
      await transport.connect(address, { cancellation, noDelay: true, keepAlive: true, localPort });
    }
    failDial();
    await until('all are open', () => a.opened.length === count);
    const ports = a.opened.map((connection) => connection.address.port);
    expect(ports).toEqual(Array.from({ length: count }, (_, index) => index + 1));
  });

  it('peers that reset before they could be handed over are counted apart, not lost', async () => {
    const a = makeNode({ maxConnections: 1000, maxConnectionsPerIp: 1000 });
    const { port } = await listen(a);
    for (let peer = 0; peer < 100; peer++) {
      await new Promise<void>((resolve) => {
        const socket = connect({ host: '127.0.0.1', port }, () => socket.resetAndDestroy());
        socket.on('close', () => resolve());
      });
    }
    const { heuristics } = a.node;
    await until('all are counted', () => heuristics.accepted + heuristics.goneBeforeAccept === 100);
    await until('none is held', () => a.node.connections.size === 0 && a.node.connecting === 0);
  });

  it('an idle listener holds none of the setup budget', async () => {
    const network = inMemory();
    const [a, b] = [makeNode({ ...network, maxConnecting: 1 }), makeNode(network)];
    await Promise.all([listen(a), listen(b)]);
    expect(a.node.connecting).toBe(0);
    await a.node.connect(b.node.address!);
    expect(a.node.connections.size).toBe(1);
  });

  it('setups and connections count together, dials and inbound peers alike', async () => {
    const network = inMemory();
    const a = makeNode(
      { ...network, maxConnections: 2 },
      {
        onHandshake: async ({ direction }) =>
          direction === 'inbound' ? new Promise<void>(() => {}) : undefined,
      },
    );
    const [b, c, d] = [makeNode(network), makeNode(network), makeNode(network)];
    await Promise.all([listen(b), listen(c)]);
    await a.node.connect(b.node.address!);
    await d.node.connect(await listen(a));
    await until('one is set up', () => a.node.connecting === 1);
    expect(a.node.connections.size).toBe(1);
    await expect(a.node.connect(c.node.address!)).rejects.toMatchObject({
      code: 'P2P_ERR_TOO_MANY_CONNECTIONS',
    });
    const late = await makeNode(network).node.connect(a.node.address!);
    await until('the late one was refused', () => late.state === 'closed');
    expect(a.node.heuristics).toMatchObject({ dialsRefused: 1, refusedByLimit: 1 });
  });

  it.each([
    [true, 7],
    [false, 8],
  ])('of 8 setups dials have all but one while the node listens (%s)', async (listens, dials) => {
    const network = inMemory();
    const onHandshake = ({ direction }: Handshake): Promise<void> | undefined =>
      direction === 'outbound' ? new Promise(() => {}) : undefined;
    const a = makeNode({ ...network, maxConnecting: 8 }, { onHandshake });
    const peers = await Promise.all(Array.from({ length: 8 }, () => listen(makeNode(network))));
    if (listens) await listen(a);
    const outcomes = Promise.allSettled(peers.map((peer) => a.node.connect(peer)));
    await until('they are under way', () => a.node.connecting === dials);
    expect(a.node.heuristics.dialsRefused).toBe(8 - dials);
    if (listens) {
      await makeNode(network).node.connect(a.node.address!);
      await until('the inbound one is served', () => a.opened.length === 1);
      await a.node.stopListening();
      const late = a.node.connect(await listen(makeNode(network)));
      await until('it is under way', () => a.node.connecting === 8);
      await a.node.close();
      await expect(late).rejects.toMatchObject({ code: 'P2P_ERR_SHUTTING_DOWN' });
    } else {
      await a.node.close();
    }
    await outcomes;
  });

  it('setups of inbound peers spend the budget of dials', async () => {
    const network = inMemory();
    const release: (() => void)[] = [];
    const a = makeNode(
      { ...network, maxConnecting: 1 },
      { onAccept: () => new Promise<void>((resolve) => release.push(resolve)) },
    );
    const b = makeNode(network);
    await listen(b);
    await makeNode(network).node.connect(await listen(a));
    await until('the inbound one is set up', () => release.length === 1);
    await expect(a.node.connect(b.node.address!)).rejects.toMatchObject({
      code: 'P2P_ERR_TOO_MANY_CONNECTING',
    });
    release[0]!();
    await until('it is open', () => a.node.connections.size === 1);
    await a.node.connect(b.node.address!);
  });
});

describe('strangers', () => {
  /** A hundred of them: ten addresses with ten connections each. */
  async function crowd(transport: Transport, address: SocketAddress): Promise<Link[]> {
    const links: Link[] = [];
    for (let index = 0; index < 100; index++) {
      const cancellation = new CancellationSource();
      const localAddress = `10.9.${index % 10}.1`;
      links.push(
        await transport.connect(address, { cancellation, noDelay: true, keepAlive: true, localAddress }),
      );
    }
    return links;
  }

  it.each([2, 7, 8])('that say nothing leave a setup of %i to dials', async (maxConnecting) => {
    const network = inMemory();
    const never = (): Promise<void> => new Promise(() => {});
    const onHandshake = ({ direction }: Handshake): Promise<void> | undefined =>
      direction === 'inbound' ? never() : undefined;
    const a = makeNode({ ...network, maxConnecting }, { onHandshake });
    await crowd(network.transport, await listen(a));
    await until('all have come', () => a.node.heuristics.accepted === 100);
    expect(a.node.connecting).toBe(maxConnecting - 1);
    const b = makeNode(network);
    await a.node.connect(await listen(b));
  });

  it('with ten addresses and ten connections each leave twelve slots to dials, by default', async () => {
    const network = inMemory();
    const a = makeNode(network);
    await crowd(network.transport, await listen(a));
    await until('all have come', () => a.node.heuristics.accepted === 100);
    await until('those that were let in are open', () => a.opened.length === 88);
    expect(a.node.heuristics.refusedByLimit).toBe(12);
    for (let dial = 0; dial < 12; dial++) {
      const peer = makeNode(network);
      await a.node.connect(await peer.node.listen({ host: `10.8.0.${dial + 1}`, port: 4000 }));
    }
    expect(a.node.connections.size).toBe(100);
    await expect(a.node.connect('10.8.1.1:4000')).rejects.toMatchObject({
      code: 'P2P_ERR_TOO_MANY_CONNECTIONS',
    });
  });

  it('who say nothing in their handshake leave setups to dials', async () => {
    const network = inMemory();
    const a = makeNode(network, {
      onHandshake: async (h) => (h.direction === 'inbound' ? void (await h.read(1)) : undefined),
    });
    await crowd(network.transport, await listen(a));
    await until('all have come', () => a.node.heuristics.accepted === 100);
    expect(a.node.connecting).toBe(88);
    const peer = makeNode(network);
    await a.node.connect(await peer.node.listen({ host: '10.8.0.1', port: 4000 }));
    expect(a.node.connections.size).toBe(1);
  });

  it.each([
    ['maxConnections (1)', { maxConnections: 1 }],
    ['maxInbound (1)', { maxInbound: 1 }],
    ['maxConnectionsPerIp (1)', { maxConnectionsPerIp: 1 }],
  ])('beyond %s are told once a second, with how many were not told', async (limit, config) => {
    const network = inMemory();
    const clock = new ControlledClock();
    const a = makeNode({ ...network, clock, ...config });
    const address = await listen(a);
    const arrive = async (count: number): Promise<void> => {
      for (let index = 0; index < count; index++) {
        const cancellation = new CancellationSource();
        await network.transport.connect(address, { cancellation, noDelay: true, keepAlive: true });
      }
    };
    await arrive(4);
    await until('three were refused', () => a.node.heuristics.refusedByLimit === 3);
    clock.advance(1_000);
    await arrive(1);
    await until('another one was', () => a.node.heuristics.refusedByLimit === 4);
    const refusals = a.log.filter(({ text }) => /refused/.test(text));
    expect(refusals.map(({ level }) => level)).toEqual(['warn', 'debug', 'debug', 'warn']);
    for (const { text } of refusals.filter(({ level }) => level === 'warn')) {
      expect(text).toMatch(`${limit} is reached: 127.0.0.1:`);
    }
    expect(refusals[3]!.fields).toMatchObject({ suppressed: 2, direction: 'inbound' });
  });
});

describe('dialling', () => {
  it('the own listening address is refused, for a wildcard bind its loopback form too', async () => {
    const [a, b] = [makeNode(), makeNode()];
    const address = await listen(a);
    await expect(a.node.connect(address)).rejects.toMatchObject({ code: 'P2P_ERR_SELF_CONNECT' });
    const { port } = await b.node.listen({ host: '0.0.0.0', port: 0 });
    await expect(b.node.connect({ host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'P2P_ERR_SELF_CONNECT',
    });
  });

  it('a second connection to an address is already connected, a concurrent one already connecting', async () => {
    const network = inMemory();
    const [a, b] = [makeNode(network), makeNode(network)];
    const address = await listen(b);
    const first = a.node.connect(address);
    const second = a.node.connect(address);
    await expect(second).rejects.toMatchObject({ code: 'P2P_ERR_ALREADY_CONNECTING' });
    await first;
    await expect(a.node.connect(address)).rejects.toMatchObject({ code: 'P2P_ERR_ALREADY_CONNECTED' });
  });

  it('A to B and B to A are two connections', async () => {
    const [a, b] = [makeNode(), makeNode()];
    await join(a, b);
    await join(b, a);
    expect([a.node.connections.size, b.node.connections.size]).toEqual([2, 2]);
  });

  it('an address where nobody listens fails with the system error as the cause', async () => {
    const [a, b] = [makeNode(), makeNode()];
    const address = await listen(b);
    await b.node.stopListening();
    await expect(a.node.connect(address)).rejects.toMatchObject({
      code: 'P2P_ERR_CONNECT_FAILED',
      cause: { code: 'ECONNREFUSED' },
    });
    expect(a.node.heuristics.connectFailures).toBe(1);
    expect(a.node.connecting).toBe(0);
  });

  it('a dial that gets no reply ends with the connect timeout', async () => {
    const { address, stop } = await silentListener();
    const a = makeNode({ connectTimeoutMs: 60 });
    await expect(soon('the timeout', a.node.connect(address))).rejects.toMatchObject({
      code: 'P2P_ERR_CONNECT_TIMEOUT',
    });
    expect(a.node.heuristics.connectTimeouts).toBe(1);
    expect(a.node.connecting).toBe(0);
    stop();
  });

  it('a host name is resolved, and the connection bears the IP address', async () => {
    const [a, b] = [makeNode(), makeNode()];
    const { port } = await b.node.listen({ host: '127.0.0.1', port: 0 });
    const connection = await a.node.connect(`localhost:${port}`);
    expect(connection.address.toString()).toBe(`127.0.0.1:${port}`);
  });

  it.each(['', 'nobody', '127.0.0.1', '127.0.0.1:99999', '::1:80', 'a b:80'])(
    '%p is no address',
    async (text) => {
      const { node } = makeNode();
      await expect(node.connect(text)).rejects.toMatchObject({ code: 'P2P_ERR_INVALID_ADDRESS' });
      expect(node.connecting).toBe(0);
    },
  );

  it('a dial from a chosen local port shows that port to the peer', async () => {
    const [a, b, probe] = [makeNode(), makeNode(), makeNode()];
    const { port } = await listen(probe);
    await probe.node.stopListening();
    await listen(b);
    await a.node.connect(b.node.address!, { localPort: port });
    await until('b has the connection', () => b.opened.length === 1);
    expect(b.opened[0]!.address.port).toBe(port);
  });

  it('a ready-made stream can be used instead of dialling', async () => {
    const [a, b] = [makeNode(), makeNode()];
    const address = await listen(b);
    const socket = await rawConnect(address);
    const connection = await a.node.connect(address, { stream: socket });
    await connection.send('over my own socket');
    await until('it arrived', () => b.messages.length === 1);
    await connection.disconnect();
    expect(socket.destroyed).toBe(true);
  });

  it.each(['P2P_ERR_SHUTTING_DOWN', 'P2P_ERR_ALREADY_CONNECTED', 'P2P_ERR_INVALID_ADDRESS'])(
    'a ready-made stream is destroyed when the dial fails with %s',
    async (code) => {
      const network = inMemory();
      const [a, b] = [makeNode(network), makeNode(network)];
      await join(a, b);
      if (code === 'P2P_ERR_SHUTTING_DOWN') await a.node.close();
      const stream = new PassThrough();
      const address = code === 'P2P_ERR_INVALID_ADDRESS' ? 'nowhere' : b.node.address!;
      await expect(a.node.connect(address, { stream })).rejects.toMatchObject({ code });
      expect(stream.destroyed).toBe(true);
    },
  );

  it('a ready-made stream that was closed before leaves nothing behind', async () => {
    const a = makeNode(inMemory());
    const dead = new PassThrough();
    dead.destroy();
    await once(dead, 'close');
    await a.node.connect('10.0.0.1:6', { stream: dead }).catch(() => {});
    await until('it is gone', () => a.node.connections.size === 0);
    expect((await a.node.close()).cut).toEqual([]);
  });

  it('cancelling a dial leaves no half state', async () => {
    const network = inMemory();
    const a = makeNode(network);
    const b = makeNode(network, { onHandshake: () => new Promise<void>(() => {}) });
    const c = makeNode(network, { onHandshake: async (h) => void (await h.read(1)) });
    await Promise.all([listen(a), listen(b)]);
    const abort = new AbortController();
    const dial = c.node.connect(b.node.address!, { signal: abort.signal });
    await until('the handshake is under way', () => b.node.connecting === 1);
    abort.abort(new Error('changed my mind'));
    await expect(dial).rejects.toMatchObject({
      code: 'P2P_ERR_ABORTED',
      cause: { message: 'changed my mind' },
    });
    expect(c.node.connecting).toBe(0);
    await expect(a.node.connect(b.node.address!, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'P2P_ERR_ABORTED',
    });
    expect(a.node.connecting).toBe(0);
  });
});

/** A node in a process of its own that may open so many descriptors. It echoes; it runs what was built. */
async function starvedNode(descriptors: number): Promise<{
  readonly port: number;
  echo(text: string): Promise<string>;
  stop(): Promise<void>;
}> {
  const program = `
    const { PeerNode } = await import('@pea2pea/core');
    const { bytes } = await import('@pea2pea/codecs');
    const node = new PeerNode({ codec: bytes(), maxConnections: 1000, maxConnectionsPerIp: 1000 });
    node.use({ onMessage: (chunk, peer) => void peer.trySend(chunk) });
    process.on('disconnect', () => void node.close());
    process.send((await node.listen({ host: '127.0.0.1', port: 0 })).port);`;
  const start = `ulimit -n ${descriptors} && exec "$0" --input-type=module -e "$1"`;
  const child = spawn('bash', ['-c', start, process.execPath, program], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [port] = (await once(child, 'message')) as [number];
  return {
    port,
    async echo(text) {
      // Descriptors of those who left come free one by one.
      for (;;) {
        const socket = connect(port, '127.0.0.1').on('error', () => {});
        socket.write(text);
        const answer = await new Promise<string | undefined>((resolve) => {
          socket.once('data', (chunk: Buffer) => resolve(String(chunk)));
          socket.once('close', () => resolve(undefined));
        });
        socket.destroy();
        if (answer !== undefined) return answer;
      }
    },
    async stop() {
      const exit = once(child, 'exit');
      child.disconnect();
      try {
        await soon('the process to end', exit);
      } finally {
        child.kill('SIGKILL');
      }
    },
  };
}
