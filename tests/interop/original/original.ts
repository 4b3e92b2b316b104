import { expect } from '@jest/globals';
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
  type ListedPlugin,
  type PeerHandle,
} from '@pea2pea/decorators';
import { generateKeyPair, noise } from '@pea2pea/noise';
import { until } from '@pea2pea/testing';
import type { EndEvent, EndProcess } from '../harness/end-process.js';
import { defineEnd } from '../harness/end.js';
import { suite, type Bench } from '../harness/suite.js';

const rust = defineEnd({
  name: 'pea2pea-rust',
  implementation: 'pea2pea',
  language: 'Rust',
  folder: 'rust',
  dependency: 'pea2pea',
  fast: true,
});

/** Around what fits in a byte, in two, in one Noise message, in a slab, and the most that `lengthDelimited` takes. */
const SIZES = [0, 1, 255, 256, 65_515, 65_516, 65_535, 65_536, 200_000, 1_048_576];
const LAST_WORDS = 'last words of ours';
/** The machine may be busy. */
const PATIENCE_MS = 15_000;

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
function printed(messages: readonly Uint8Array[]): EndEvent[] {
  return messages.map((message) => ({
    event: 'message',
    length: message.length,
    checksum: crc32(message),
  }));
}

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

async function startOurs(
  { own }: Bench,
  { plugins }: Channel,
): Promise<PeerHandle<Talker> & { warnings: string[] }> {
  const warnings: string[] = [];
  const logger: Logger = {
    debug: () => {},
    info: () => {},
    warn: ({ code }) => void warnings.push(String(code)),
    error: () => {},
    child: () => logger,
  };
  const peer = own(await createPeer(Talker, { plugins, config: { logger } }));
  return Object.assign(peer, { warnings });
}

/** The program as it prints what happens; `rust/src/peer.rs` says when. */
class Original {
  readonly process: EndProcess;

  constructor(process: EndProcess) {
    this.process = process;
  }

  static async start(
    { start }: Bench,
    { args }: Channel,
    task: readonly string[],
    sizes: readonly number[] = [],
  ): Promise<Original> {
    const send = sizes.length === 0 ? [] : ['send', ...sizes.map(String)];
    return new Original(await start(...task, ...args, ...send));
  }

  all(name: string): EndEvent[] {
    return this.process.events.filter(({ event }) => event === name);
  }

  /** Everything of that name, as soon as there are `count`. */
  async said(name: string, count = 1): Promise<EndEvent[]> {
    const isOver = () => this.all(name).length >= count || this.process.isOver;
    await until(`the original says "${name}" ${count} times`, isOver, PATIENCE_MS);
    return this.all(name);
  }

  async address(): Promise<{ host: string; port: number }> {
    const [listening] = await this.said('listening');
    return { host: '127.0.0.1', port: Number(listening!['port']) };
  }

  /** It ends in order, and nothing has panicked. */
  async stop(): Promise<void> {
    await this.process.stop();
    expect(this.process.errors).toBe('');
  }
}

const messages = SIZES.map((size, index) => counted(index, size));
const allIntact = messages.map(() => true);
const compared = (received: readonly Buffer[]): boolean[] =>
  messages.map((message, index) => received[index]?.equals(message) === true);

/** The library that this one follows: its node, its hooks, and frames of tokio-util's codec, plain or over Noise (snow). */
export const original = suite('pea2pea', [rust], (test) => {
  for (const [name, channel] of [
    ['plain TCP', PLAIN],
    ['Noise XXpsk3', NOISE],
  ] as const) {
    test(`over ${name}, it echoes what we send after we dialled it, and hears our last words`, async (bench) => {
      const theirs = await Original.start(bench, channel, ['listen']);
      const { peer, node } = await startOurs(bench, channel);
      const connection = await node.connect(await theirs.address());
      for (const message of messages) await connection.send(message);
      await until('everything came back', () => peer.messages.length === messages.length, PATIENCE_MS);
      expect(compared(peer.messages)).toEqual(allIntact);

      await connection.disconnect('all is said');
      expect(await theirs.said('disconnected')).toEqual([{ event: 'disconnected', origin: 'Reading' }]);
      expect(theirs.all('message')).toEqual(printed([...messages, Buffer.from(LAST_WORDS)]));
      expect(theirs.all('connected')).toEqual([
        { event: 'connected', dialled: false, remote: channel.identity },
      ]);
      expect(peer.reasons).toEqual(['user: all is said']);
      await theirs.stop();
    });

    test(`over ${name}, it dials us, sends, hears our echoes, and says its last words`, async (bench) => {
      const { peer, address, warnings } = await startOurs(bench, channel);
      peer.echoes = true;
      const theirs = await Original.start(bench, channel, ['dial', String(address!.port)], SIZES);
      await theirs.said('message', messages.length);
      expect(theirs.all('message')).toEqual(printed(messages));
      expect(compared(peer.messages)).toEqual(allIntact);
      expect(theirs.all('connected')).toEqual([
        { event: 'connected', dialled: true, remote: channel.identity },
      ]);

      await theirs.process.run('leave');
      await until('it has left', () => peer.reasons.length === 1, PATIENCE_MS);
      expect(peer.reasons).toEqual(['reading: ended']);
      expect(String(peer.messages.at(-1))).toBe('last words of the original');
      expect(await theirs.said('disconnected')).toEqual([{ event: 'disconnected', origin: 'User' }]);
      await theirs.stop();
      expect(warnings).toEqual([]);
    });

    test(`over ${name}, it sees that we end in order, and we see that it does`, async (bench) => {
      const theirs = await Original.start(bench, channel, ['listen']);
      const [staying, leaving] = [await startOurs(bench, channel), await startOurs(bench, channel)];
      await staying.node.connect(await theirs.address());
      await leaving.node.connect(await theirs.address());
      await theirs.said('connected', 2);
      expect((await leaving.close()).cut).toEqual([]);
      expect(await theirs.said('disconnected')).toEqual([{ event: 'disconnected', origin: 'Reading' }]);
      await theirs.stop();
      await until('we notice', () => staying.peer.reasons.length === 1, PATIENCE_MS);
      expect(staying.peer.reasons).toEqual(['reading: ended']);
      expect(theirs.all('disconnected').at(-1)).toEqual({ event: 'disconnected', origin: 'Shutdown' });
    });
  }

  test('after Noise, it is known by its static key', async (bench) => {
    const theirs = await Original.start(bench, NOISE, ['listen']);
    const { node } = await startOurs(bench, NOISE);
    const connection = await node.connect(await theirs.address());
    const [identity] = await theirs.said('identity');
    expect(identity!['key']).toMatch(/^[\da-f]{64}$/);
    expect(connection.identity).toBe(identity!['key']);
  });

  for (const [what, stranger] of [
    ['another psk', noiseChannel(randomBytes(32), randomBytes(32))],
    ['no encryption', { ...NOISE, args: [] }],
  ] as const) {
    test(`with ${what} it is refused, with one warning, and the slot is free`, async (bench) => {
      const { peer, node, address, warnings } = await startOurs(bench, stranger);
      const theirs = await Original.start(bench, stranger, ['dial', String(address!.port)], [100]);
      await theirs.said('disconnected');
      await until('we have refused it', () => node.connecting === 0 && warnings.length > 0, PATIENCE_MS);
      expect(warnings).toEqual(['P2P_ERR_INVALID_FRAME']);
      expect(peer.connections).toEqual([]);
      expect(node.heuristics).toMatchObject({ accepted: 1, handshakeFailures: 1, openedInbound: 0 });
      await theirs.stop();
    });
  }

  test('it refuses another psk of ours, which ends the connection', async (bench) => {
    const channel = noiseChannel(randomBytes(32), randomBytes(32));
    const theirs = await Original.start(bench, channel, ['listen']);
    const { peer, node } = await startOurs(bench, channel);
    // The psk comes with the last message of the initiator, who is done then.
    const connection = await node.connect(await theirs.address());
    expect(await theirs.said('refused')).toEqual([{ event: 'refused', kind: 'invalid data' }]);
    await connection.closed;
    expect(peer.messages).toEqual([]);
    expect(peer.reasons).toEqual(['reading: ended']);
    expect(theirs.all('connected')).toEqual([]);
  });

  test('it does not understand us where we do not encrypt, and the connection ends', async (bench) => {
    const theirs = await Original.start(bench, NOISE, ['listen']);
    const { node } = await startOurs(bench, PLAIN);
    const connection = await node.connect(await theirs.address());
    await connection.send(counted(0, 100)).catch(() => {});
    expect(await theirs.said('refused')).toHaveLength(1);
    await connection.closed;
    expect(node.connections.size).toBe(0);
  });
});
