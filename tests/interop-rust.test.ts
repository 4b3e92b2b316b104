import { afterEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { lengthDelimited } from '@pea2pea/codecs';
import { describeReason, type Connection, type DisconnectReason, type Logger } from '@pea2pea/core';
import {
  createPeer,
  OnConnect,
  OnDisconnect,
  OnMessage,
  Peer,
  type PeerHandle,
  type ListedPlugin,
} from '@pea2pea/decorators';
import { generateKeyPair, noise } from '@pea2pea/noise';
import { lab, until } from '@pea2pea/testing';
import { buildRust } from './interop/rust-build.js';
import { RustPeer } from './interop/rust-peer.js';

const { own } = lab();

/** Around what fits in a byte, in two, in one Noise message, in a slab, and the most that `lengthDelimited` takes. */
const SIZES = [0, 1, 255, 256, 65_515, 65_516, 65_535, 65_536, 200_000, 1_048_576];
const LAST_WORDS = 'last words of ours';
/** The machine may be busy. */
const PATIENCE_MS = 15_000;

const { program, skipped } = buildRust();
if (skipped !== undefined) process.stderr.write(`the original in Rust: skipped, ${skipped}\n`);

const frames = lengthDelimited();

/** Writes down what happens, and says a last word to those that it leaves. */
@Peer({ codec: frames, listen: { host: '127.0.0.1', port: 0 } })
class Talker {
  readonly connections: Connection<Buffer>[] = [];
  readonly messages: Buffer[] = [];
  readonly reasons: string[] = [];
  echoes = false;

  @OnConnect()
  onConnect(connection: Connection<Buffer>): void {
    this.connections.push(connection);
  }

  @OnMessage(frames)
  async onMessage(message: Buffer, connection: Connection<Buffer>): Promise<void> {
    this.messages.push(Buffer.from(message)); // it is a view into what arrived
    if (this.echoes) await connection.send(message);
  }

  @OnDisconnect()
  async onDisconnect(connection: Connection<Buffer>, reason: DisconnectReason): Promise<void> {
    if (reason.origin === 'user') await connection.send(Buffer.from(LAST_WORDS));
    this.reasons.push(describeReason(reason));
  }
}

/** Bytes that count on from `index`, as `rust/src/peer.rs` does. */
function counted(index: number, size: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: size }, (_, at) => (index + at) % 251));
}

/** What the program prints of messages. */
function printed(messages: readonly Uint8Array[]) {
  return messages.map((message) => ({
    event: 'message',
    length: message.length,
    checksum: crc32(message),
  }));
}

const ours: PeerHandle<Talker>[] = [];
const theirs: RustPeer[] = [];

afterEach(async () => {
  for (const peer of theirs.splice(0)) peer.kill();
  for (const peer of ours.splice(0)) await peer.close({ timeoutMs: 500 });
});

/** What is between the two: our side of it, and the words for theirs. */
interface Channel {
  readonly plugins: readonly ListedPlugin[];
  readonly args: readonly string[];
  /** Who we are to them, where the channel tells. */
  readonly identity: string;
}

const PLAIN: Channel = { plugins: [], args: [], identity: '' };

function noiseChannel(psk: Buffer, theirPsk = psk): Channel {
  const staticKey = generateKeyPair();
  return {
    plugins: [noise({ pattern: 'Noise_XXpsk3_25519_ChaChaPoly_SHA256', staticKey, psk })],
    args: ['noise', theirPsk.toString('hex')],
    identity: staticKey.publicKey.toString('hex'),
  };
}

const NOISE = noiseChannel(randomBytes(32));
const CHANNELS: [string, Channel][] = [
  ['over plain TCP', PLAIN],
  ['over Noise XXpsk3', NOISE],
];

async function startOurs({ plugins }: Channel): Promise<PeerHandle<Talker> & { warnings: string[] }> {
  const warnings: string[] = [];
  const logger: Logger = {
    debug: () => {},
    info: () => {},
    warn: ({ code }) => void warnings.push(String(code)),
    error: () => {},
    child: () => logger,
  };
  const peer = own(await createPeer(Talker, { plugins, config: { logger } }));
  ours.push(peer);
  return Object.assign(peer, { warnings });
}

function startTheirs({ args }: Channel, task: readonly string[], sizes: readonly number[] = []): RustPeer {
  const send = sizes.length === 0 ? [] : ['send', ...sizes.map(String)];
  const peer = new RustPeer(program!, [...task, ...args, ...send]);
  theirs.push(peer);
  return peer;
}

const messages = SIZES.map((size, index) => counted(index, size));
const allIntact = messages.map(() => true);
const compared = (received: readonly Buffer[]): boolean[] =>
  messages.map((message, index) => received[index]?.equals(message) === true);

const describeIfBuilt = program === undefined ? describe.skip : describe;

describeIfBuilt.each(CHANNELS)('the original in Rust, %s', (_name, channel) => {
  it('echoes what we send after we dialled it, and hears our last words', async () => {
    const original = startTheirs(channel, ['listen']);
    const { peer, node } = await startOurs(channel);
    const connection = await node.connect(await original.address());
    for (const message of messages) await connection.send(message);
    await until('everything came back', () => peer.messages.length === messages.length, PATIENCE_MS);
    expect(compared(peer.messages)).toEqual(allIntact);

    await connection.disconnect('all is said');
    expect(await original.said('disconnected')).toEqual([{ event: 'disconnected', origin: 'Reading' }]);
    expect(original.all('message')).toEqual(printed([...messages, Buffer.from(LAST_WORDS)]));
    expect(original.all('connected')).toEqual([
      { event: 'connected', dialled: false, remote: channel.identity },
    ]);
    expect(peer.reasons).toEqual(['user: all is said']);
    expect(await original.stop()).toBe(0);
    expect(original.errors).toBe('');
  });

  it('dials us, sends, hears our echoes, and says its last words', async () => {
    const { peer, address, warnings } = await startOurs(channel);
    peer.echoes = true;
    const original = startTheirs(channel, ['dial', String(address!.port)], SIZES);
    await original.said('message', messages.length);
    expect(original.all('message')).toEqual(printed(messages));
    expect(compared(peer.messages)).toEqual(allIntact);
    expect(original.all('connected')).toEqual([
      { event: 'connected', dialled: true, remote: channel.identity },
    ]);

    original.leave();
    await until('it has left', () => peer.reasons.length === 1, PATIENCE_MS);
    expect(peer.reasons).toEqual(['reading: ended']);
    expect(String(peer.messages.at(-1))).toBe('last words of the original');
    expect(await original.said('disconnected')).toEqual([{ event: 'disconnected', origin: 'User' }]);
    expect(await original.stop()).toBe(0);
    expect(original.errors).toBe('');
    expect(warnings).toEqual([]);
  });

  it('ends in an orderly way under our eyes, and we under its', async () => {
    const original = startTheirs(channel, ['listen']);
    const [staying, leaving] = [await startOurs(channel), await startOurs(channel)];
    await staying.node.connect(await original.address());
    await leaving.node.connect(await original.address());
    await original.said('connected', 2);
    expect((await leaving.close()).cut).toEqual([]);
    expect(await original.said('disconnected')).toEqual([{ event: 'disconnected', origin: 'Reading' }]);
    expect(await original.stop()).toBe(0);
    await until('we notice', () => staying.peer.reasons.length === 1, PATIENCE_MS);
    expect(staying.peer.reasons).toEqual(['reading: ended']);
    expect(original.all('disconnected').at(-1)).toEqual({ event: 'disconnected', origin: 'Shutdown' });
  });
});

describeIfBuilt('the original in Rust, behind Noise', () => {
  it('is known by its static key', async () => {
    const original = startTheirs(NOISE, ['listen']);
    const { node } = await startOurs(NOISE);
    const connection = await node.connect(await original.address());
    const [{ key } = { key: '' }] = await original.said('identity');
    expect(key).toMatch(/^[\da-f]{64}$/);
    expect(connection.identity).toBe(key);
  });

  const strangers: [string, Channel][] = [
    ['another psk', noiseChannel(randomBytes(32), randomBytes(32))],
    ['no encryption', { ...NOISE, args: [] }],
  ];

  it.each(strangers)(
    'with %s it is refused, with one line, and the slot is free',
    async (_what, stranger) => {
      const { peer, node, address, warnings } = await startOurs(stranger);
      const original = startTheirs(stranger, ['dial', String(address!.port)], [100]);
      await original.said('disconnected');
      await until('we have refused it', () => node.connecting === 0 && warnings.length > 0, PATIENCE_MS);
      expect(warnings).toEqual(['P2P_ERR_INVALID_FRAME']);
      expect(peer.connections).toEqual([]);
      expect(node.heuristics).toMatchObject({ accepted: 1, handshakeFailures: 1, openedInbound: 0 });
      expect(await original.stop()).toBe(0);
    },
  );

  it('refuses another psk of ours, which ends the connection', async () => {
    const channel = noiseChannel(randomBytes(32), randomBytes(32));
    const original = startTheirs(channel, ['listen']);
    const { peer, node } = await startOurs(channel);
    // The psk comes with the last message of the initiator, who is done then.
    const connection = await node.connect(await original.address());
    expect(await original.said('refused')).toEqual([{ event: 'refused', kind: 'invalid data' }]);
    await connection.closed;
    expect(peer.messages).toEqual([]);
    expect(peer.reasons).toEqual(['reading: ended']);
    expect(original.all('connected')).toEqual([]);
  });

  it('does not understand us where we do not encrypt, and the connection ends', async () => {
    const original = startTheirs(NOISE, ['listen']);
    const { node } = await startOurs(PLAIN);
    const connection = await node.connect(await original.address());
    await connection.send(counted(0, 100)).catch(() => {});
    expect(await original.said('refused')).toHaveLength(1);
    await connection.closed;
    expect(node.connections.size).toBe(0);
  });
});
