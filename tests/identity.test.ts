import { describe, expect, it } from '@jest/globals';
import {
  ConnectionContext,
  contextKey,
  expectedIdentity,
  peerIdentity,
  PeerNode,
  type Hooks,
} from '@pea2pea/core';
import { snapshot } from '@pea2pea/observe';
import { describe as inOneLine } from '@pea2pea/core/authoring';
import { inMemory, join, lab, listen, textCodec, type TestNode } from '@pea2pea/testing';

const { makeNode } = lab();

/** As a handshake would that proves that the peer is `identity`. */
function proves(identity: unknown): Hooks<string> {
  return { onHandshake: ({ context }) => void context.set(peerIdentity, identity as string) };
}

const lineOf = ({ log }: TestNode, text: string) => log.find((line) => line.text === text)?.fields;

describe('the identity of a peer', () => {
  it('stands in the connection, its log lines, its description and the snapshot', async () => {
    const net = inMemory();
    const [a, b] = [makeNode(net, proves('bob')), makeNode(net)];
    const [connection] = await join(a, b);
    expect(connection.identity).toBe('bob');
    expect(snapshot(a.node).connections.items).toMatchObject([{ identity: 'bob' }]);
    const line = `connection ${connection.id} with ${b.node.address!} (outbound, open, identity bob)`;
    expect([String(connection), inOneLine(connection)]).toEqual([line, line]);
    await connection.disconnect();
    for (const text of ['connected', 'disconnected']) {
      expect(lineOf(a, text)).toMatchObject({ identity: 'bob', connection: connection.id });
    }
  });

  it('is undefined where no handshake asked for a proof', async () => {
    const net = inMemory();
    const [a, b] = [makeNode(net), makeNode(net)];
    const [connection] = await join(a, b);
    expect(connection.identity).toBeUndefined();
    expect(snapshot(a.node).connections.items).toMatchObject([{ identity: null }]);
    expect(String(connection)).toMatch(/\(outbound, open\)$/);
    expect(lineOf(a, 'connected')).not.toHaveProperty('identity');
  });

  it('is shown in one line, and cut, however long it is and whatever is in it', async () => {
    const net = inMemory();
    const identity = `\u001b[31m\n${'x'.repeat(1_000_000)}`;
    const [a, b] = [makeNode(net, proves(identity)), makeNode(net)];
    const [connection] = await join(a, b);
    const shown = `\\u{1b}[31m\\n${'x'.repeat(116)}…`;
    expect(connection.identity).toBe(identity);
    expect(lineOf(a, 'connected')).toMatchObject({ identity: shown });
    expect(snapshot(a.node).connections.items).toMatchObject([{ identity: shown }]);
    expect(String(connection)).toContain(`, identity ${shown})`);
  });

  it.each([[undefined], [7], [{ toString: () => 'bob' }]])(
    'is not what is not a string: %p',
    async (value) => {
      const net = inMemory();
      const [a, b] = [makeNode(net, proves(value)), makeNode(net)];
      const [connection] = await join(a, b);
      expect(connection.identity).toBeUndefined();
      expect(lineOf(a, 'connected')).not.toHaveProperty('identity');
    },
  );

  it('is described only for connections: who borrows their prototype is not believed', async () => {
    const net = inMemory();
    const [connection] = await join(makeNode(net, proves('bob')), makeNode(net));
    const impostor = Object.create(Object.getPrototypeOf(connection) as object) as object;
    expect(inOneLine(impostor)).toBe('an instance of PeerConnection');
    expect(inOneLine(new Proxy(connection, {}))).toBe('a proxy');
  });
});

describe('the identity that a dial expects', () => {
  const expecting = (identity: unknown): ConnectionContext =>
    new ConnectionContext().with(expectedIdentity, identity as string);

  it('lets the peer in who proves it', async () => {
    const net = inMemory();
    const [a, b] = [makeNode(net, proves('bob')), makeNode(net)];
    const connection = await a.node.connect(await listen(b), { context: expecting('bob') });
    expect(connection.identity).toBe('bob');
  });

  it.each([
    ['proves another one', proves('mallory'), 'the peer is mallory, and the dial expects bob'],
    ['proves none', {}, 'the peer has proved no identity, and the dial expects bob'],
    [
      'proves what is not a string',
      proves(['bob']),
      'the peer has proved no identity, and the dial expects bob',
    ],
  ])('refuses a peer that %s, and releases its slot', async (_how, hooks, what) => {
    const net = inMemory();
    const [a, b] = [makeNode(net, hooks), makeNode(net)];
    const dialling = a.node.connect(await listen(b), { context: expecting('bob') });
    await expect(dialling).rejects.toMatchObject({ code: 'P2P_ERR_WRONG_IDENTITY', what });
    expect([a.node.connections.size, a.node.connecting, a.opened.length]).toEqual([0, 0, 0]);
    expect(a.node.heuristics.handshakeFailures).toBe(1);
  });

  it.each([[undefined], [7], [['bob']]])('must be a string: %p is proved by nobody', async (value) => {
    const net = inMemory();
    const [a, b] = [makeNode(net, proves(value)), makeNode(net)];
    const dialling = a.node.connect(await listen(b), { context: expecting(value) });
    await expect(dialling).rejects.toMatchObject({ code: 'P2P_ERR_WRONG_IDENTITY' });
  });
});

describe('the context of a dial', () => {
  const SECRET = contextKey<string>('secret');
  const SEEN = contextKey<string[]>('seen');

  it('is in the context of the handshake and the connection before the first hook runs, on this side alone', async () => {
    const net = inMemory();
    const seen: (string | undefined)[] = [];
    const look: Hooks<string> = { onHandshake: ({ context }) => void seen.push(context.get(SECRET)) };
    const [a, b] = [makeNode(net, look), makeNode(net)];
    const context = new ConnectionContext().with(SECRET, 'sesame');
    const connection = await a.node.connect(await listen(b), { context });
    expect(seen).toEqual(['sesame']);
    expect(connection.context.get(SECRET)).toBe('sesame');
    expect(b.opened.map((inbound) => inbound.context.has(SECRET))).toEqual([false]);
  });

  it('is there without a handshake hook, and for codecs', async () => {
    const net = inMemory();
    const seen: unknown[] = [];
    const codec = textCodec();
    const a = makeNode({
      ...net,
      codec: {
        encoder: (about) => codec.encoder(about),
        decoder(about) {
          seen.push(about.context.get(SECRET));
          return codec.decoder(about);
        },
      },
    });
    const context = new ConnectionContext().with(SECRET, 'sesame');
    await a.node.connect(await listen(makeNode(net)), { context });
    expect(seen).toEqual(['sesame']);
  });

  it('is copied for each connection, at the moment of the call', async () => {
    const net = inMemory();
    const [a, b, c] = [makeNode(net), makeNode(net), makeNode(net)];
    const context = new ConnectionContext().with(SECRET, 'one');
    const dialling = a.node.connect(await listen(b), { context });
    context.with(SECRET, 'two').set(SEEN, []);
    const [first, second] = [await dialling, await a.node.connect(await listen(c), { context })];
    first.context.set(SECRET, 'changed');
    expect([first, second].map((one) => [one.context.get(SECRET), one.context.has(SEEN)])).toEqual([
      ['changed', false],
      ['two', true],
    ]);
    expect(context.get(SECRET)).toBe('two');
  });

  it.each([
    ['null', null],
    ['a map', new Map()],
    ['pairs', [[SECRET, 'sesame']]],
    ['who borrows its prototype', Object.create(ConnectionContext.prototype)],
    ['a proxy of one', new Proxy(new ConnectionContext(), {})],
  ])('must be a ConnectionContext: %s is refused before anything is dialled', async (_what, context) => {
    const node = new PeerNode({ codec: textCodec(), ...inMemory() });
    const dialling = node.connect('127.0.0.1:1', { context: context as ConnectionContext });
    await expect(dialling).rejects.toMatchObject({
      code: 'P2P_ERR_INVALID_CONFIG',
      message: expect.stringContaining('`context` must be a ConnectionContext'),
    });
    expect(node.heuristics.dialled).toBe(0);
  });

  it('must not say who the peer is, as the context of another connection does', async () => {
    const net = inMemory();
    const [a, b] = [makeNode(net, proves('bob')), makeNode(net)];
    const [connection] = await join(a, b);
    const dialling = a.node.connect('127.0.0.1:1', { context: connection.context });
    await expect(dialling).rejects.toThrow(/`context` has an identity.*`expectedIdentity`/);
  });
});
