import { describe, expect, it } from '@jest/globals';
import { Duplex } from 'node:stream';
import { tcpTransport, type Hooks, type PeerError } from '@pea2pea/core';
import { inMemory, join, lab, listen, never, rawConnect, socketClosed, soon, until } from '@pea2pea/testing';

const { makeNode } = lab();

describe('the signal of a node', () => {
  it('aborts in the turn in which close() is called, and is aborted where it is asked for later', async () => {
    const { node } = makeNode();
    const reasons: unknown[] = [];
    const joined: Promise<unknown>[] = [];
    node.signal.addEventListener('abort', () => {
      reasons.push(node.signal.reason);
      joined.push(node.close());
    });
    expect(node.signal.aborted).toBe(false);
    const report = node.close();
    expect(reasons).toEqual([expect.objectContaining({ code: 'P2P_ERR_SHUTTING_DOWN' })]);
    expect(await joined[0]).toBe(await report);

    const late = makeNode().node;
    await late.close();
    expect(late.signal.aborted).toBe(true);
  });
});

describe('close', () => {
  it('ends all connections at once with the reason shutdown, and reports that nothing was cut', async () => {
    const [a, b, c] = [makeNode(), makeNode(), makeNode()];
    await join(b, a);
    await join(c, a);
    const report = await a.node.close();
    expect(report).toMatchObject({ connections: 2, cut: [] });
    expect(a.closed.map(({ reason }) => reason)).toEqual([{ origin: 'shutdown' }, { origin: 'shutdown' }]);
    await until('the others saw it', () => b.closed.length === 1 && c.closed.length === 1);
  });

  it('ends setups of both sides without a warning: they say nothing about their peers', async () => {
    const [a, b] = [makeNode({}, { onHandshake: never }), makeNode({}, { onHandshake: never })];
    await listen(a);
    const dial = b.node.connect(a.node.address!);
    const outcome = dial.then(undefined, ({ code }: PeerError) => code);
    await until('both shake hands', () => a.node.connecting === 1 && b.node.connecting === 1);
    await Promise.all([a.node.close(), b.node.close()]);
    expect(await outcome).toBe('P2P_ERR_SHUTTING_DOWN');
    const levels = [a, b].flatMap(({ log }) =>
      log.filter(({ text }) => text === 'no connection: the setup failed').map(({ level }) => level),
    );
    expect(levels).toContain('debug');
    expect([...a.log, ...b.log].filter(({ level }) => level === 'warn')).toEqual([]);
  });

  it('is idempotent, and a second call joins the first', async () => {
    const a = makeNode(inMemory());
    await listen(a);
    const first = a.node.close();
    expect(a.node.close()).toBe(first);
    expect(a.node.state).toBe('closing');
    await first;
    expect(await a.node.close()).toBe(await first);
    expect(a.node.state).toBe('closed');
  });

  it('a deadline that makes no sense rejects, and the node is not closed', async () => {
    const a = makeNode(inMemory());
    await listen(a);
    await expect(a.node.close({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'P2P_ERR_INVALID_CONFIG' });
    expect(a.node.state).toBe('open');
  });

  it('works on a node that never did anything', async () => {
    const a = makeNode();
    expect(await a.node.close()).toMatchObject({ connections: 0, cut: [] });
  });

  it('afterwards there is no listener and nobody connected, and listen and connect say shutting down', async () => {
    const [a, b] = [makeNode(), makeNode()];
    await join(a, b);
    const address = await listen(a);
    await a.node.close();
    expect([a.node.address, a.node.connections.size, a.node.connecting]).toEqual([undefined, 0, 0]);
    await expect(a.node.listen(address)).rejects.toMatchObject({ code: 'P2P_ERR_SHUTTING_DOWN' });
    await expect(a.node.connect(b.node.address!)).rejects.toMatchObject({ code: 'P2P_ERR_SHUTTING_DOWN' });
    await expect(b.node.connect(address)).rejects.toMatchObject({ code: 'P2P_ERR_CONNECT_FAILED' });
  });

  it('aborts setups under way, in both directions, and nothing becomes active afterwards', async () => {
    const network = inMemory();
    const a = makeNode(network, { onHandshake: never });
    const b = makeNode(network, { onHandshake: never });
    await Promise.all([listen(a), listen(b)]);
    const dial = a.node.connect(b.node.address!);
    const inbound = b.node.connect(a.node.address!);
    await until('all are being set up', () => a.node.connecting === 2 && b.node.connecting === 2);
    await a.node.close();
    await expect(dial).rejects.toMatchObject({ code: 'P2P_ERR_SHUTTING_DOWN' });
    await expect(soon('the other side', inbound)).rejects.toMatchObject({
      code: 'P2P_ERR_HANDSHAKE_TIMEOUT',
    });
    expect([a.opened.length, a.closed.length, a.node.connecting]).toEqual([0, 0, 0]);
  });

  it('a dial that was waiting for an answer rejects with shutting down', async () => {
    const a = makeNode({
      transport: {
        ...inMemory().transport,
        name: 'silent',
        resolve: (address) => Promise.resolve([address]),
        listen: never,
        connect: (_address, { cancellation: { signal } }) =>
          new Promise((_resolve, reject) =>
            signal.addEventListener('abort', () => reject(signal.reason as Error)),
          ),
      },
    });
    const dial = a.node.connect('127.0.0.1:1');
    await until('it is under way', () => a.node.connecting === 1);
    await a.node.close();
    await expect(dial).rejects.toMatchObject({ code: 'P2P_ERR_SHUTTING_DOWN' });
  });

  it('links that wait in the line are reset', async () => {
    const a = makeNode({ maxConnecting: 1 }, { onHandshake: never });
    const address = await listen(a);
    const sockets = [await rawConnect(address), await rawConnect(address), await rawConnect(address)];
    await until('all were accepted', () => a.node.heuristics.accepted === 3);
    await a.node.close();
    await soon('all sockets to end', Promise.all(sockets.map(socketClosed)));
    expect(a.node.heuristics.refusedByShutdown).toBe(2);
  });

  it('onConnect and onDisconnect stay paired when it comes in the middle of setups', async () => {
    const network = inMemory();
    for (let round = 0; round < 10; round++) {
      const a = makeNode(
        { ...network, maxConnectionsPerIp: 100 },
        {
          onHandshake: async () => {
            for (let turn = 0; turn < round; turn++) await Promise.resolve();
          },
        },
      );
      const address = await listen(a);
      const peers = Array.from({ length: 10 }, () => makeNode(network));
      const dials = Promise.allSettled(peers.map(({ node }) => node.connect(address)));
      await until('some are connected', () => a.node.heuristics.accepted > round / 2);
      await a.node.close();
      await dials;
      expect(a.closed.map(({ connection }) => connection.id).sort()).toEqual(
        a.opened.map(({ id }) => id).sort(),
      );
    }
  });

  it('an onDisconnect that never settles is cut within the deadline, and the report names it', async () => {
    const network = inMemory();
    const a = makeNode({ ...network, onDisconnectTimeoutMs: 60_000 }, { onDisconnect: never });
    const [connection] = await join(a, makeNode(network));
    const report = await soon('the end', a.node.close({ timeoutMs: 50 }));
    expect(report.cut).toEqual([
      { what: 'onDisconnect', address: connection.address, connection: connection.id },
    ]);
    expect(report.elapsedMs).toBeLessThan(2_000);
    expect(a.node.connections.size).toBe(0);
  });

  it('bytes that a peer does not take are cut, and the report names them', async () => {
    const a = makeNode({ onDisconnectTimeoutMs: 60_000, outboundQueueBytes: 64 * 1024 * 1024 });
    const socket = await rawConnect(await listen(a));
    socket.pause();
    await until('a has the connection', () => a.opened.length === 1);
    const sending = a.opened[0]!.send('x'.repeat(16 * 1024 * 1024));
    const report = await soon('the end', a.node.close({ timeoutMs: 50 }));
    expect(report.cut).toMatchObject([{ what: 'flush', connection: a.opened[0]!.id }]);
    await expect(sending).rejects.toMatchObject({
      code: 'P2P_ERR_DISCONNECTED',
      cause: { origin: 'shutdown' },
    });
    socket.destroy();
  });

  it.each(['onAccept', 'onHandshake', 'onConnect', 'onMessage', 'onDisconnect', 'onError'] as const)(
    'may be called and awaited inside %s',
    async (hook) => {
      const network = inMemory();
      let closed = false;
      const close = async (): Promise<void> => {
        await a.node.close();
        closed = true;
      };
      const hooks: Hooks<string> =
        hook === 'onError'
          ? { onMessage: () => Promise.reject(new Error('a bug')), onError: () => void close() }
          : { [hook]: close };
      const a = makeNode({ ...network, onDisconnectTimeoutMs: 60 }, hooks);
      const b = makeNode(network);
      await listen(a);
      const connection = await b.node.connect(a.node.address!);
      connection.trySend('x');
      if (hook === 'onDisconnect') await connection.disconnect();
      await until('the node is closed', () => closed && a.node.state === 'closed');
      expect(a.node.connections.size).toBe(0);
    },
  );

  it.each(['onAccept', 'onHandshake'] as const)(
    'in the first turn of %s aborts that very setup',
    async (hook) => {
      const network = inMemory();
      let closing: Promise<unknown> | undefined;
      const close = (): void => void (closing = a.node.close());
      const a = makeNode(
        { ...network, handshakeTimeoutMs: 60_000 },
        hook === 'onAccept'
          ? { onAccept: close, onHandshake: never }
          : { onHandshake: () => (close(), never()) },
      );
      await listen(a);
      const connection = await makeNode(network).node.connect(a.node.address!);
      await until('it was called', () => closing !== undefined);
      expect(await soon('the end', closing!)).toMatchObject({ cut: [] });
      expect(a.node.connecting).toBe(0);
      await soon('the peer to see it', connection.closed);
    },
  );

  it('`await using` closes the node at the end of the scope', async () => {
    const network = inMemory();
    const b = makeNode(network);
    const address = await listen(b);
    let used;
    {
      await using node = makeNode(network).node;
      used = node;
      await node.connect(address);
    }
    expect(used.state).toBe('closed');
  });

  it('a listener that is being opened meanwhile is closed when it resolves', async () => {
    const transport = tcpTransport();
    let open = 0;
    const a = makeNode({
      transport: {
        ...transport,
        resolve: (address) => transport.resolve(address),
        connect: (address, options) => transport.connect(address, options),
        async listen(options, events) {
          open++;
          const listener = await transport.listen(options, events);
          return { address: listener.address, close: () => (open--, listener.close()) };
        },
      },
    });
    const listening = listen(a).catch((error: PeerError) => error.code);
    await a.node.close();
    expect(open).toBe(0);
    expect(await listening).toBe('P2P_ERR_SHUTTING_DOWN');
  });

  it('the listener goes first, then all connections end side by side', async () => {
    const network = inMemory();
    const seen: unknown[] = [];
    const release: (() => void)[] = [];
    const a = makeNode(network, {
      async onDisconnect() {
        seen.push(a.node.address);
        await new Promise<void>((resolve) => release.push(resolve));
      },
    });
    const peers = [makeNode(network), makeNode(network), makeNode(network)];
    for (const peer of peers) await join(peer, a);
    const address = a.node.address!;
    const closing = a.node.close();
    await expect(makeNode(network).node.connect(address)).rejects.toMatchObject({
      code: 'P2P_ERR_CONNECT_FAILED',
    });
    // None of the hooks waits for another.
    await until('all hooks run', () => release.length === 3);
    expect(seen).toEqual([undefined, undefined, undefined]);
    for (const settle of release) settle();
    expect(await closing).toMatchObject({ connections: 3, cut: [] });
  });
});

describe('after close nothing is left', () => {
  it('no socket, no timer, after many rounds of opening and closing', async () => {
    const isBack = watchResources();
    for (let round = 0; round < 30; round++) {
      const [a, b] = [makeNode(), makeNode()];
      const [connection] = await join(a, b);
      await connection.send('hello');
      if (round % 2 === 0) await a.node.close();
      await b.node.close();
      await a.node.close();
    }
    await until('the system has closed all handles', isBack);
  });

  it('no socket, where what stands on top has ended the link and fails in the same turn', async () => {
    const isBack = watchResources();
    const a = makeNode(
      {},
      {
        onHandshake(handshake) {
          const stream = handshake.takeStream();
          const top = new Duplex({
            read() {},
            write(_chunk, _encoding, callback) {
              stream.end();
              callback(new Error('the record layer is broken'));
            },
          });
          handshake.upgrade(top);
        },
      },
    );
    const b = makeNode();
    const [connection] = await join(a, b);
    await connection.send('hello').catch(() => {});
    await until('the connection has ended', () => connection.state === 'closed');
    expect(a.closed[0]!.reason).toMatchObject({ origin: 'writing', cause: 'stream-error' });
    await Promise.all([a.node.close(), b.node.close()]);
    await until('the system has closed all handles', isBack);
  });

  it('no listener stays on a signal or a stream that the user brought', async () => {
    const [a, b] = [makeNode(), makeNode()];
    const address = await listen(b);
    const abort = new AbortController();
    const listeners = countAbortListeners(abort.signal);
    const connection = await a.node.connect(address, { signal: abort.signal });
    await connection.send('x', { signal: abort.signal });
    await a.node.close();
    expect(listeners()).toBe(0);
    abort.abort();
  });
});

/** Whether no more resources keep the process busy than now. */
function watchResources(): () => boolean {
  const before = countResources();
  return () => Object.entries(countResources()).every(([kind, count]) => count <= (before[kind] ?? 0));
}

/** How many of each kind of resource keep the process busy: sockets, servers, timers. */
function countResources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) {
    if (/TCP|Pipe|Timeout/.test(kind)) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

function countAbortListeners(signal: AbortSignal): () => number {
  let count = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => (
    count++,
    addEventListener.apply(signal, args)
  );
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => (
    count--,
    removeEventListener.apply(signal, args)
  );
  return () => count;
}
