import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { duplexPair, type Duplex } from 'node:stream';
import { ContainerModule } from 'inversify';
import { PeerNode, type Connection, type DisconnectReason } from '@pea2pea/core';
import { createPeer } from '@pea2pea/decorators';
import {
  handle,
  list,
  select,
  Yamux,
  yamuxFrames,
  type FrameHeader,
  type YamuxOptions,
} from '@pea2pea/streams';
import { assertConsistent, lab, soon, until } from '@pea2pea/testing';
import { identify } from '../examples/libp2p/identify.js';
import { Identity } from '../examples/libp2p/identity.js';
import { INSTALL, isInstalled, JsPeer } from '../examples/libp2p/js-peer.js';
import { dial as dialAs, Libp2pNotes, Libp2pPeer } from '../examples/libp2p/libp2p-peer.js';
import { formatMultiaddr, parseMultiaddr } from '../examples/libp2p/multiaddr.js';
import { ping } from '../examples/libp2p/ping.js';
import { REMOTE, SESSION, upgrade } from '../examples/libp2p/upgrade.js';

const { own } = lab();

/** A process has to start, and the machine may be busy. */
const PATIENCE_MS = 15_000;

if (!isInstalled()) {
  process.stderr.write(`tests/libp2p.test.ts is skipped, js-libp2p is not installed here: ${INSTALL}\n`);
}
const describeWithJs = isInstalled() ? describe : describe.skip;

type Node = PeerNode<FrameHeader, never>;
type SessionConnection = Connection<FrameHeader, never>;

/** All that comes until the end. */
function all(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve, reject) => {
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => resolve(Buffer.concat(chunks)));
    stream.on('error', reject);
  });
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describeWithJs('multistream-select and yamux of js-libp2p, over plain TCP', () => {
  const ECHO = '/echo/1.0.0';
  let js: JsPeer;
  let node: Node;
  let reasons: DisconnectReason[];
  let sessions: Yamux[];

  beforeAll(async () => {
    js = await soon('js-libp2p', JsPeer.start('--plain'), PATIENCE_MS);
  });
  afterAll(() => js.stop());
  afterEach(() => node.close({ timeoutMs: 500 }));

  /** A node that echoes, over sessions with these options. */
  function make(options: Partial<YamuxOptions> = {}): void {
    reasons = [];
    sessions = [];
    node = own(new PeerNode<FrameHeader, never>({ codec: yamuxFrames }));
    node.use({
      async onHandshake(handshake) {
        const dials = handshake.direction === 'outbound';
        for (const protocol of ['/plain/1.0.0', '/yamux/1.0.0']) {
          // A proposal that nobody knows comes first, so that there is something to turn down.
          await (dials ? select(handshake, ['/tls/1.0.0', protocol]) : handle(handshake, [protocol]));
        }
        const session = new Yamux(handshake.takeStream(), {
          role: dials ? 'client' : 'server',
          async onStream(stream) {
            await handle(stream, [ECHO]);
            stream.pipe(stream);
          },
          ...options,
        });
        sessions.push(session);
        handshake.upgrade(session.frames);
      },
      onDisconnect: (_connection, reason) => void reasons.push(reason),
    });
  }

  async function dial(): Promise<Yamux> {
    const { host, port } = parseMultiaddr(js.address);
    await soon('the connection', node.connect({ host, port }));
    return sessions.at(-1)!;
  }

  async function ourAddress(): Promise<string> {
    const { host, port } = await node.listen({ host: '127.0.0.1', port: 0 });
    return `/ip4/${host}/tcp/${port}`;
  }

  it('ten streams at once carry a megabyte each there and back: we dial', async () => {
    make();
    const session = await dial();
    const echoes = Array.from({ length: 10 }, async (_, index) => {
      const stream = session.openStream();
      await select(stream, ['/unknown/1.0.0', ECHO]);
      const sent = Buffer.alloc(1024 * 1024, index + 1);
      stream.end(sent);
      return digest(await all(stream)) === digest(sent);
    });
    expect(await soon('the echoes', Promise.all(echoes), PATIENCE_MS)).toEqual(Array(10).fill(true));
    await until('every stream is over', () => session.size === 0);
  });

  it('and it dials', async () => {
    make();
    const address = await ourAddress();
    await soon('the echoes', js.run('echo', { address, count: 10, size: 1024 * 1024 }), PATIENCE_MS);
    await until('every stream is over', () => sessions[0]!.size === 0);
    expect([sessions[0]!.state, sessions[0]!.refused]).toEqual(['open', 0]);
    // The client's streams are odd: over the same connection both sides open some.
    const stream = sessions[0]!.openStream();
    expect(stream.id % 2).toBe(0);
    await select(stream, [ECHO]);
    stream.end('hello');
    expect(String(await soon('the echo', all(stream)))).toBe('hello');
  });

  it('a larger window is announced, and js-libp2p uses it', async () => {
    make({ receiveWindowBytes: 1024 * 1024 });
    const session = await dial();
    const stream = session.openStream();
    await select(stream, [ECHO]);
    const sent = Buffer.alloc(3 * 1024 * 1024, 'x');
    stream.end(sent);
    expect(digest(await soon('the echo', all(stream), PATIENCE_MS))).toBe(digest(sent));
  });

  it('lists its protocols, and ours', async () => {
    make();
    const session = await dial();
    expect(await soon('the list', list(session.openStream()))).toContain(ECHO);
  });

  it('answers our pings, and we its', async () => {
    make();
    const session = await dial();
    // js-libp2p pings at once on its own: an answer that is wrong, or none, ends its side.
    expect(await soon('the ping', session.ping())).toBeGreaterThanOrEqual(0);
    expect(session.state).toBe('open');
  });

  it('a protocol that it does not speak is P2P_ERR_HANDSHAKE_REJECTED, and hurts no other stream', async () => {
    make();
    const session = await dial();
    const refused = session.openStream();
    await expect(soon('the answer', select(refused, ['/unknown/1.0.0']))).rejects.toMatchObject({
      code: 'P2P_ERR_HANDSHAKE_REJECTED',
    });
    refused.destroy();
    const stream = session.openStream();
    await select(stream, [ECHO]);
    stream.end('still here');
    expect(String(await soon('the echo', all(stream)))).toBe('still here');
  });

  it('when it hangs up in order, the reason is `ended`, and streams are destroyed', async () => {
    make();
    const session = await dial();
    const stream = session.openStream();
    await select(stream, [ECHO]);
    stream.resume();
    await soon('it to hang up', js.run('hangUp'));
    await until('we are told', () => reasons.length === 1);
    expect(reasons[0]).toEqual({ origin: 'reading', cause: 'ended' });
    await until('the stream is over', () => stream.destroyed && session.size === 0);
    expect(session.error).toBeUndefined();
  });

  it('when we do, it sees the end, too', async () => {
    make();
    await dial();
    const from = js.events.length;
    await [...node.connections][0]!.disconnect();
    await soon('it to notice', js.event('close', from));
  });
});

describeWithJs('a node of the example and js-libp2p, over Noise', () => {
  let js: JsPeer;
  let notes: Libp2pNotes;
  let ourAddress: string;
  let node: Node;
  let close: () => Promise<unknown>;

  beforeAll(async () => {
    js = await soon('js-libp2p', JsPeer.start(), PATIENCE_MS);
    notes = new Libp2pNotes();
    // One for all tests, so that it is not the lab's, which closes what it owns after each.
    const handle = await createPeer(Libp2pPeer, {
      bindings: new ContainerModule(({ bind }) => void bind(Libp2pNotes).toConstantValue(notes)),
    });
    node = handle.node;
    close = () => handle.close();
    ourAddress = `/ip4/127.0.0.1/tcp/${handle.address!.port}`;
  });
  afterEach(async () => {
    await hangUp();
    notes.expected.clear();
  });
  afterAll(async () => {
    await Promise.all([close(), js.stop()]);
    assertConsistent(node);
  });

  /** Ends the connection, if there is one, and waits until js-libp2p knows: it would use it again. */
  async function hangUp(): Promise<void> {
    for (const connection of [...node.connections]) {
      const from = js.events.length;
      await connection.disconnect();
      await soon('it to notice', js.event('close', from));
    }
  }

  const remoteOf = ({ context }: SessionConnection) => context.get(REMOTE)!;
  const sessionOf = ({ context }: SessionConnection) => context.get(SESSION)!;

  function dial(expected?: string): Promise<SessionConnection> {
    const { host, port } = parseMultiaddr(js.address);
    if (expected !== undefined) notes.expected.set(`${host}:${port}`, expected);
    return soon('the connection', node.connect({ host, port }));
  }

  it('each knows who the other is, whoever dials', async () => {
    expect(remoteOf(await dial(js.peerId)).peerId).toBe(js.peerId);
    await hangUp();
    const dialled = await soon('js-libp2p to dial', js.run('dial', { address: ourAddress }));
    expect(dialled['peerId']).toBe(notes.identity.peerId);
    await until('we have it, too', () => node.connections.size === 1);
    expect(remoteOf([...node.connections][0]!).peerId).toBe(js.peerId);
  });

  it('each pings the other over a connection that either opened', async () => {
    const { peerId } = notes.identity;
    const outbound = await dial(js.peerId);
    expect(await soon('the ping', ping(sessionOf(outbound)))).toBeGreaterThan(0);
    await hangUp();
    const { rttMs } = await soon('its ping', js.run('ping', { address: `${ourAddress}/p2p/${peerId}` }));
    expect(Number(rttMs)).toBeGreaterThanOrEqual(0);
    const [inbound] = [...node.connections];
    expect(inbound!.direction).toBe('inbound');
    expect(await soon('the ping', ping(sessionOf(inbound!)))).toBeGreaterThan(0);
  });

  it('each tells the other what it is', async () => {
    const from = js.events.length;
    const connection = await dial();
    const info = await soon('its answer', identify(sessionOf(connection), remoteOf(connection)));
    expect(info.agentVersion).toMatch(/^js-libp2p\//);
    expect(info.protocols).toEqual(expect.arrayContaining(['/ipfs/ping/1.0.0', '/ipfs/id/1.0.0']));
    expect(await soon('its question', js.event('identified', from))).toMatchObject({
      peerId: notes.identity.peerId,
      agentVersion: 'pea2pea-example/0.1.0',
      protocols: ['/ipfs/ping/1.0.0', '/ipfs/id/1.0.0'],
    });
  });

  it('somebody else at the address that we dial is refused; without an expectation anybody is let in', async () => {
    const stranger = new Identity().peerId;
    await expect(dial(stranger)).rejects.toMatchObject({
      code: 'P2P_ERR_HANDSHAKE_REJECTED',
      message: expect.stringContaining(`expected ${stranger}, found ${js.peerId}`),
    });
    expect([node.connections.size, node.connecting]).toEqual([0, 0]);
    notes.expected.clear();
    await expect(dial()).resolves.toBeDefined();
  });

  it('and js-libp2p refuses us, where it expects somebody else', async () => {
    const address = `${ourAddress}/p2p/${new Identity().peerId}`;
    await expect(soon('its answer', js.run('dial', { address }))).rejects.toThrow(/js-libp2p: /);
    await until('our slot is free', () => node.connections.size === 0 && node.connecting === 0);
  });

  /** Dials with an identity key that belongs to somebody else. */
  async function lie(address: string): Promise<unknown> {
    const [owner, liar] = [new Identity(), new Identity()];
    const identity = { publicIdentity: owner.publicIdentity, sign: (data: Uint8Array) => liar.sign(data) };
    await using node = own(new PeerNode<FrameHeader, never>({ codec: yamuxFrames }));
    node.use({
      onHandshake: (handshake) =>
        upgrade(handshake, { identity: identity as Identity, expected: undefined, onStream: async () => {} }),
    });
    const { host, port } = parseMultiaddr(address);
    return await soon('a refusal', node.connect({ host, port }));
  }

  it('js-libp2p refuses an identity that has not signed the Noise key', async () => {
    await expect(lie(js.address)).rejects.toMatchObject({ code: 'P2P_ERR_HANDSHAKE_ENDED' });
  });

  it('and so do we', async () => {
    const { handshakeFailures } = node.heuristics;
    await expect(lie(ourAddress)).rejects.toMatchObject({ code: 'P2P_ERR_HANDSHAKE_ENDED' });
    expect(node.heuristics.handshakeFailures).toBe(handshakeFailures + 1);
    expect([node.connections.size, node.connecting]).toEqual([0, 0]);
  });
});

describe('the example, without js-libp2p', () => {
  it.each(['/ip4/127.0.0.1', '/ip6/::1'])('an address of %s is read and written', (host) => {
    const text = `${host}/tcp/4001/p2p/12D3KooW`;
    expect(formatMultiaddr(parseMultiaddr(text))).toBe(text);
  });

  it.each(['/ip4/::1/tcp/1', '/ip6/127.0.0.1/tcp/1', '/ip4/localhost/tcp/1', '/ip4/127.0.0.1/tcp/65536'])(
    '%s is refused',
    (text) => expect(() => parseMultiaddr(text)).toThrow('no address that this example knows'),
  );

  it('somebody else at an IPv6 address is refused, however that is written', async () => {
    const [ours, theirs] = [new Libp2pNotes(), new Libp2pNotes()];
    const [we, they] = await Promise.all(
      [ours, theirs].map((notes) =>
        createPeer(Libp2pPeer, {
          bindings: new ContainerModule(({ bind }) => void bind(Libp2pNotes).toConstantValue(notes)),
          config: { listen: { host: '::1', port: 0 } },
        }),
      ),
    );
    const address = `/ip6/0:0:0:0:0:0:0:1/tcp/${they!.address!.port}`;
    const node = we!.node;
    const stranger = new Identity().peerId;
    await expect(dialAs(node, ours, `${address}/p2p/${stranger}`)).rejects.toMatchObject({
      code: 'P2P_ERR_HANDSHAKE_REJECTED',
    });
    const connection = await dialAs(node, ours, `${address}/p2p/${theirs.identity.peerId}`);
    expect(connection.context.get(REMOTE)!.peerId).toBe(theirs.identity.peerId);
    expect(ours.expected.size).toBe(0);
    await Promise.all([we!.close(), they!.close()]);
  });

  it('an identify message whose length is no varint is P2P_ERR_INVALID_FRAME', async () => {
    const [near, far] = duplexPair();
    const client = new Yamux(near, { role: 'client' });
    new Yamux(far, {
      role: 'server',
      async onStream(stream) {
        await handle(stream, ['/ipfs/id/1.0.0']);
        stream.write(Buffer.alloc(5, 0xff));
      },
    });
    const { publicIdentity } = new Identity();
    await expect(soon('an answer', identify(client, publicIdentity))).rejects.toMatchObject({
      code: 'P2P_ERR_INVALID_FRAME',
    });
    await client.close();
  });
});
