import { afterEach, describe, expect, it } from '@jest/globals';
import { crc32 } from 'node:zlib';
import { lengthDelimited } from '@pea2pea/codecs';
import { describeReason, type Connection, type DisconnectReason } from '@pea2pea/core';
import { createPeer, OnConnect, OnDisconnect, OnMessage, Peer, type PeerHandle } from '@pea2pea/decorators';
import { buildRust } from './interop/rust-build.js';
import { RustPeer } from './interop/rust-peer.js';
import { until } from './support/until.js';

/** Around what fits in a byte, in two, in one Noise message, in a slab, and the most that `lengthDelimited` takes. */
const SIZES = [0, 1, 255, 256, 65_515, 65_516, 65_535, 65_536, 200_000, 1_048_576];
const LAST_WORDS = 'last words of ours';

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

async function startOurs(): Promise<PeerHandle<Talker>> {
  const peer = await createPeer(Talker);
  ours.push(peer);
  return peer;
}

function startTheirs(...args: string[]): RustPeer {
  const peer = new RustPeer(program!, args);
  theirs.push(peer);
  return peer;
}

(program === undefined ? describe.skip : describe)('the original in Rust', () => {
  const messages = SIZES.map((size, index) => counted(index, size));

  it('echoes what we send after we dialled it, and hears our last words', async () => {
    const original = startTheirs('listen');
    const { peer, node } = await startOurs();
    const connection = await node.connect(await original.address());
    for (const message of messages) await connection.send(message);
    await until('everything came back', () => peer.messages.length === messages.length, 15_000);
    expect(peer.messages.map((message, index) => message.equals(messages[index]!))).toEqual(
      messages.map(() => true),
    );

    await connection.disconnect('all is said');
    expect(await original.said('disconnected')).toEqual([{ event: 'disconnected', origin: 'Reading' }]);
    expect(original.all('message')).toEqual(printed([...messages, Buffer.from(LAST_WORDS)]));
    expect(original.all('connected')).toEqual([{ event: 'connected', dialled: false, remote: '' }]);
    expect(peer.reasons).toEqual(['user: all is said']);
    expect(await original.stop()).toBe(0);
    expect(original.errors).toBe('');
  });

  it('dials us, sends, hears our echoes, and says its last words', async () => {
    const { peer, address } = await startOurs();
    peer.echoes = true;
    const original = startTheirs('dial', String(address!.port), 'send', ...SIZES.map(String));
    await original.said('message', messages.length);
    expect(original.all('message')).toEqual(printed(messages));
    expect(peer.messages.map((message, index) => message.equals(messages[index]!))).toEqual(
      messages.map(() => true),
    );
    expect(original.all('connected')).toEqual([{ event: 'connected', dialled: true, remote: '' }]);

    original.leave();
    await until('it has left', () => peer.reasons.length === 1);
    expect(peer.reasons).toEqual(['reading: ended']);
    expect(String(peer.messages.at(-1))).toBe('last words of the original');
    await original.said('disconnected');
    expect(original.all('disconnected')).toEqual([{ event: 'disconnected', origin: 'User' }]);
    expect(await original.stop()).toBe(0);
    expect(original.errors).toBe('');
  });

  it('ends in an orderly way under our eyes, and we under its', async () => {
    const original = startTheirs('listen');
    const staying = await startOurs();
    const leaving = await startOurs();
    await staying.node.connect(await original.address());
    await leaving.node.connect(await original.address());
    await original.said('connected', 2);
    expect((await leaving.close()).cut).toEqual([]);
    expect(await original.said('disconnected')).toEqual([{ event: 'disconnected', origin: 'Reading' }]);
    expect(await original.stop()).toBe(0);
    await until('we notice', () => staying.peer.reasons.length === 1);
    expect(staying.peer.reasons).toEqual(['reading: ended']);
    expect(original.all('disconnected').at(-1)).toEqual({ event: 'disconnected', origin: 'Shutdown' });
  });
});
