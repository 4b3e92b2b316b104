import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { json, lines } from '@pea2pea/codecs';
import {
  describeReason,
  PeerError,
  PeerNode,
  type AddressLike,
  type Connection,
  type DisconnectReason,
  type Hooks,
  type ListenOptions,
} from '@pea2pea/core';
import { describe as describeValue } from '@pea2pea/core/authoring';
import {
  hostileValues,
  inMemory,
  join,
  lab,
  listen,
  rawConnect,
  silentLogger,
  soon,
  until,
} from '@pea2pea/testing';
import { ERROR_TABLES } from './support/error-tables.js';

const { makeNode, own } = lab();

// The rest of what INVARIANTS.md says under foreign-values-are-harmless: where values come from that are not ours.

const source = fileURLToPath(new URL('../packages', import.meta.url));

describe('what a peer sends', () => {
  it.each([
    '{"error":{"toString":0,"valueOf":0}}',
    '{"error":{"message":{"toString":0},"name":0,"stack":[]}}',
    '{"error":{"then":{},"constructor":{"name":7}}}',
    '{"error":null}',
  ])('and a handler throws, ends its connection alone: %s', async (message) => {
    const reasons: DisconnectReason[] = [];
    const a = own(new PeerNode({ codec: json(lines()), logger: silentLogger })).use({
      onMessage: (received) => {
        const { error } = received as { error: unknown };
        // eslint-disable-next-line @typescript-eslint/only-throw-error
        if (error !== undefined) throw error;
      },
      onDisconnect: (_connection, reason) => void reasons.push(reason),
    });
    const address = await a.listen({ host: '127.0.0.1', port: 0 });
    const peer = await rawConnect(address);
    peer.write(`${message}\n`);
    await until('the connection is over', () => a.heuristics.closed === 1);
    expect(reasons).toMatchObject([{ origin: 'reading', cause: 'handler-error' }]);
    expect(describeReason(reasons[0]!)).toMatch(/^reading: handler-error \((an object|null)\)$/);
    expect([a.connections.size, a.heuristics.hookErrors]).toEqual([0, 1]);
    await a.close();
  });
});

describe('why', () => {
  it.each(hostileValues())('may be %s where a connection is ended', async (_what, make) => {
    const { value, calls } = make();
    const { transport } = inMemory();
    const a = makeNode({ transport });
    const [connection] = await join(a, makeNode({ transport }));
    await soon('the end', connection.disconnect(value as string));
    const { reason } = a.closed[0]!;
    expect(reason.origin).toBe('user');
    if ('why' in reason) expect(typeof reason.why).toBe('string');
    expect(describeReason(reason).length).toBeLessThan(800);
    expect(calls()).toBe(0);
  });

  it.each(hostileValues())('may be %s where a handshake refuses', async (_what, make) => {
    const { value, calls } = make();
    const { transport } = inMemory();
    const b = makeNode({ transport }, { onHandshake: (handshake) => handshake.reject(value as string) });
    const address = await listen(makeNode({ transport }));
    await expect(b.node.connect(address)).rejects.toMatchObject({ code: 'P2P_ERR_HANDSHAKE_REJECTED' });
    expect([b.node.connecting, calls()]).toEqual([0, 0]);
  });

  it('may be a PeerError, which the reason keeps for code and says for people', async () => {
    const { transport } = inMemory();
    const a = makeNode({ transport });
    const [connection] = await join(a, makeNode({ transport }));
    const error = new PeerError('P2P_ERR_DUPLICATE_PEER', 'connection 7 is kept');
    await connection.disconnect(error);
    expect(a.closed[0]!.reason).toEqual({ origin: 'user', why: 'connection 7 is kept', error });
    expect(describeReason(a.closed[0]!.reason)).toBe('user: P2P_ERR_DUPLICATE_PEER: connection 7 is kept');
    await expect(connection.send('too late')).rejects.toMatchObject({
      code: 'P2P_ERR_DISCONNECTED',
      cause: { error: { code: 'P2P_ERR_DUPLICATE_PEER' } },
    });
    expect(a.log.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
  });
});

describe('a stream that throws when it is destroyed', () => {
  it('keeps neither the slot of a setup that failed nor its error from the caller', async () => {
    const a = makeNode(
      { ...inMemory(), maxConnections: 1 },
      { onHandshake: (handshake) => handshake.reject('no') },
    );
    const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    stream.destroy = () => {
      throw new Error('not so fast');
    };
    await expect(a.node.connect('10.0.0.1:1', { stream })).rejects.toMatchObject({
      code: 'P2P_ERR_HANDSHAKE_REJECTED',
    });
    expect(a.node.connecting).toBe(0);
    await expect(a.node.connect('10.0.0.1:1')).rejects.toMatchObject({ code: 'P2P_ERR_CONNECT_FAILED' });
  });
});

describe('arguments are checked first, the state after', () => {
  const wrong: [what: string, code: string, call: (node: PeerNode<string>) => unknown][] = [
    ['connect to nonsense', 'P2P_ERR_INVALID_ADDRESS', (node) => node.connect('nonsense')],
    ['connect to an object', 'P2P_ERR_INVALID_ADDRESS', (node) => node.connect({} as AddressLike)],
    ['connect to a symbol', 'P2P_ERR_INVALID_ADDRESS', (node) => node.connect(Symbol('x') as never)],
    [
      'connect without options',
      'P2P_ERR_INVALID_CONFIG',
      (node) => node.connect('10.0.0.1:1', null as never),
    ],
    ['connect at once', 'P2P_ERR_INVALID_CONFIG', (node) => node.connect('10.0.0.1:1', { timeoutMs: 0 })],
    [
      'connect with an option that does not exist',
      'P2P_ERR_INVALID_CONFIG',
      (node) => node.connect('10.0.0.1:1', { timeout: 1 } as never),
    ],
    ['connect from port', 'P2P_ERR_INVALID_CONFIG', (node) => node.connect('10.0.0.1:1', { localPort: -1 })],
    [
      'connect from host',
      'P2P_ERR_INVALID_ADDRESS',
      (node) => node.connect('10.0.0.1:1', { localAddress: '' }),
    ],
    [
      'a signal',
      'P2P_ERR_INVALID_CONFIG',
      (node) => node.connect('10.0.0.1:1', { signal: {} as AbortSignal }),
    ],
    ['a stream', 'P2P_ERR_INVALID_CONFIG', (node) => node.connect('10.0.0.1:1', { stream: {} as Duplex })],
    ['listen nowhere', 'P2P_ERR_INVALID_CONFIG', (node) => node.listen('nonsense' as ListenOptions)],
    ['listen at a port', 'P2P_ERR_INVALID_ADDRESS', (node) => node.listen({ host: '127.0.0.1', port: -1 })],
    [
      'use nothing',
      'P2P_ERR_INVALID_CONFIG',
      (node) => Promise.resolve().then(() => node.use(null as never)),
    ],
    [
      'use what is not a function',
      'P2P_ERR_INVALID_CONFIG',
      (node) => Promise.resolve().then(() => node.use({ onMessage: 'x' } as unknown as Hooks<string>)),
    ],
    [
      'use a hook that does not exist',
      'P2P_ERR_INVALID_CONFIG',
      (node) => Promise.resolve().then(() => node.use({ onMesage: () => {} } as Hooks<string>)),
    ],
    ['close never', 'P2P_ERR_INVALID_CONFIG', (node) => node.close({ timeoutMs: 0 })],
    ['close without options', 'P2P_ERR_INVALID_CONFIG', (node) => node.close(null as never)],
  ];

  it.each(wrong)('%s: %s, and the node is as it was', async (_what, code, call) => {
    const { node } = makeNode(inMemory());
    await expect(call(node)).rejects.toMatchObject({ code });
    expect(node.state).toBe('idle');
    node.use({});
    await node.listen({ host: '127.0.0.1', port: 0 });
    await expect(call(node)).rejects.toMatchObject({ code });
    expect(node.state).toBe('open');
    await node.close();
    await expect(call(node)).rejects.toMatchObject({ code });
  });

  it('a stream that was given with a wrong address is destroyed', async () => {
    const stream = new Duplex({ read() {} });
    await expect(makeNode().node.connect('nonsense', { stream })).rejects.toMatchObject({
      code: 'P2P_ERR_INVALID_ADDRESS',
    });
    expect(stream.destroyed).toBe(true);
  });
});

describe('an option', () => {
  it.each(['toString', 'constructor', '__proto__', 'hasOwnProperty', 'valueOf'])(
    'is not what every object has: %s',
    (name) => {
      const config = JSON.parse(`{"${name}":1}`) as object;
      const given = Object.defineProperty(
        { codec: json() },
        name,
        Object.getOwnPropertyDescriptor(config, name)!,
      );
      expect(() => new PeerNode(given as never)).toThrow(`the options of a node have no \`${name}\``);
    },
  );

  it.each(hostileValues())('may be %s: the error says so, without its content', (_what, make) => {
    const { value, calls } = make();
    if (value === undefined || value === null) return; // they stand for the default
    for (const name of ['maxConnections', 'whenInboundFull', 'noDelay', 'listen']) {
      let thrown: unknown;
      try {
        new PeerNode({ codec: json(), [name]: value });
      } catch (error) {
        thrown = error;
      }
      expect(describeValue(thrown)).not.toContain('secret');
      expect(describeValue(thrown).length).toBeLessThan(1_000);
      if (calls() === 0) expect([name, PeerError.is(thrown, 'P2P_ERR_INVALID_CONFIG')]).toEqual([name, true]);
    }
  });
});

describe('whose fault it is', () => {
  it('is the peer that a PeerError tells of: counted and logged apart from bugs', async () => {
    const { transport } = inMemory();
    const a = makeNode(
      { transport },
      {
        onMessage(message) {
          if (message === 'bug') throw new TypeError('ours');
          if (message === 'misuse') throw new PeerError('P2P_ERR_INVALID_CONFIG', 'ours, too');
          throw new PeerError('P2P_ERR_RATE_LIMITED', 'too fast');
        },
      },
    );
    for (const [message, level] of [
      ['flood', 'warn'],
      ['bug', 'error'],
      ['misuse', 'error'],
    ] as const) {
      const before = a.closed.length;
      const [peer] = await join(makeNode({ transport }), a);
      void peer.send(message);
      await until('it is over', () => a.closed.length > before);
      expect(
        a.log.filter((line) => line.level === 'warn' || line.level === 'error').map((line) => line.level),
      ).toEqual([level]);
      a.log.length = 0;
    }
    expect(a.node.heuristics).toMatchObject({ peerFaults: 1, hookErrors: 2 });
  });

  it('is not ours that a handler finds its peer gone', async () => {
    const { transport } = inMemory();
    const a = makeNode(
      { transport },
      {
        onMessage: async (_message, connection) => {
          await connection.disconnect();
          await connection.send('to nobody');
        },
      },
    );
    const [peer] = await join(makeNode({ transport }), a);
    void peer.send('hello');
    await until('the handler failed', () => a.node.heuristics.peerFaults === 1);
    expect(a.node.heuristics.hookErrors).toBe(0);
  });
});

describe('the state of a connection and its signal', () => {
  it('change together, whoever ends it', async () => {
    const ends: ((connection: Connection<string>, node: PeerNode<string>) => unknown)[] = [
      (connection) => connection.disconnect('why'),
      (_connection, node) => node.close(),
    ];
    for (const end of ends) {
      const { transport } = inMemory();
      const a = makeNode({ transport });
      const [connection] = await join(a, makeNode({ transport }));
      const seen: unknown[] = [];
      connection.signal.addEventListener('abort', () =>
        seen.push(connection.state, a.node.close() === a.node.close()),
      );
      const ended = end(connection, a.node);
      expect([connection.state, connection.signal.aborted, seen]).toEqual([
        'closing',
        true,
        ['closing', true],
      ]);
      await ended;
      await soon('the node to close', a.node.close());
    }
  });
});

describe('the tables of errors', () => {
  it('have no code that is never raised', () => {
    const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
      (path) => /^[\w-]+\/src\/.+\.ts$/.test(path) && !/(errors|error-table)\.ts$/.test(path),
    );
    const text = files
      .map((path) => readFileSync(`${source}/${path}`, 'utf8').replace(/^\s*(\*|\/\/).*$/gm, ''))
      .join('\n');
    expect(files.length).toBeGreaterThan(100);
    const codes = Object.values(ERROR_TABLES).flatMap((table) => Object.keys(table));
    expect(codes.filter((code) => !text.includes(code))).toEqual([]);
  });
});

describe('options and hooks that throw when they are read', () => {
  const unreadable = (): never => {
    throw new TypeError('not now');
  };
  const hostile = new Proxy({}, { get: unreadable, ownKeys: unreadable, has: unreadable });

  it.each<[string, () => unknown]>([
    ['the options of a node', () => new PeerNode(hostile as never)],
    ['hooks', () => new PeerNode({ codec: lines() }).use(hostile)],
    ['the codec', () => new PeerNode({ codec: hostile as never })],
    ['the options of connect()', () => new PeerNode({ codec: lines() }).connect('127.0.0.1:9', hostile)],
  ])('are a P2P_ERR_INVALID_CONFIG: %s', async (_what, use) => {
    const thrown = await new Promise<unknown>((resolve) => {
      void (async () => use())().then(resolve, resolve);
    });
    expect(PeerError.is(thrown, 'P2P_ERR_INVALID_CONFIG')).toBe(true);
  });
});
