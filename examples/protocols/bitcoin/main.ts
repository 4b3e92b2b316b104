/**
 * The peer-to-peer protocol of Bitcoin (https://developer.bitcoin.org/reference/p2p_networking.html): a peer that follows the
 * longest chain of headers in regtest, the network for tests, checks their proof of work, and hands them on. Shows magic bytes
 * and a checksum, a handshake made of messages, and a protocol in which both sides are the same. It has no blocks and says so:
 * full nodes take it as an inbound peer, but do not dial it.
 *
 *   npm run example protocols/bitcoin -- 18555 127.0.0.1:18444     listens, and dials a node of regtest, such as btcd
 */
import type { Connection, Handshake } from '@pea2pea/core';
import { createPeer, OnConnect, OnDisconnect, OnHandshake, OnMessage, Peer } from '@pea2pea/decorators';
import { Chain } from './chain.js';
import { bitcoin, greet, varint, varintAt, type Message, type Of } from './wire.js';

const MAX_HEADERS = 2_000;
const MAX_HASHES = 101;
const [HASH, HEADER] = [32, 80];
const NOTHING = Buffer.alloc(0);

// Peers ping every two minutes.
@Peer({ codec: bitcoin, idleTimeoutMs: 20 * 60_000 })
class Headers {
  readonly #chain = new Chain();
  /** Who wants to have new headers without asking, BIP 130. */
  readonly #followers = new Set<Connection<Message>>();

  @OnHandshake()
  greet(handshake: Handshake): Promise<void> {
    return greet(handshake, () => this.#chain.height);
  }

  @OnConnect()
  begin(peer: Connection<Message>): void {
    peer.trySend({ command: 'sendheaders', payload: NOTHING });
    this.#ask(peer);
  }

  @OnDisconnect()
  end(peer: Connection<Message>): void {
    this.#followers.delete(peer);
  }

  @OnMessage(bitcoin, 'sendheaders')
  follow(_message: Of<'sendheaders'>, peer: Connection<Message>): void {
    this.#followers.add(peer);
  }

  @OnMessage(bitcoin, 'ping')
  ping({ payload }: Of<'ping'>, peer: Connection<Message>): Promise<void> {
    return peer.send({ command: 'pong', payload });
  }

  /** Something new, perhaps a block: whoever has it has its header. */
  @OnMessage(bitcoin, 'inv')
  inv(_message: Of<'inv'>, peer: Connection<Message>): void {
    this.#ask(peer);
  }

  @OnMessage(bitcoin, 'headers')
  headers({ payload }: Of<'headers'>, peer: Connection<Message>): void {
    const headers = headersIn(payload);
    const added = headers === undefined ? undefined : this.#chain.add(headers);
    if (headers === undefined || added === undefined)
      return void peer.disconnect('headers that break the rules');
    if (added > 0) {
      console.log(`height ${this.#chain.height} ${this.#chain.tip}`);
      const news: Message = { command: 'headers', payload: headersOf(headers.slice(-added)) };
      for (const follower of this.#followers) if (follower !== peer) follower.trySend(news);
    }
    if (headers.length === MAX_HEADERS) this.#ask(peer);
  }

  @OnMessage(bitcoin, 'getheaders')
  async getHeaders({ payload }: Of<'getheaders'>, peer: Connection<Message>): Promise<void> {
    const count = varintAt(payload, 4);
    const isComplete =
      count !== undefined &&
      count.value <= MAX_HASHES &&
      payload.length === count.next + (count.value + 1) * HASH;
    if (!isComplete) return void peer.disconnect('a getheaders makes no sense');
    const locator = slices(payload.subarray(count.next), HASH, count.value);
    await peer.send({ command: 'headers', payload: headersOf(this.#chain.after(locator, MAX_HEADERS)) });
  }

  /** What a peer of headers alone may overlook, such as transactions, addresses and fees. */
  @OnMessage(bitcoin)
  other(): void {}

  #ask(peer: Connection<Message>): void {
    const locator = this.#chain.locator();
    const version = Buffer.alloc(4);
    const payload = Buffer.concat([version, varint(locator.length), ...locator, Buffer.alloc(HASH)]);
    if (!peer.trySend({ command: 'getheaders', payload })) void peer.disconnect('does not read');
  }
}

/** Each header with the number of its transactions after it, which is 0 here. */
function headersIn(payload: Buffer): Buffer[] | undefined {
  const count = varintAt(payload, 0);
  if (count === undefined || count.value > MAX_HEADERS) return undefined;
  if (payload.length !== count.next + count.value * (HEADER + 1)) return undefined;
  return slices(payload.subarray(count.next), HEADER + 1, count.value).map((entry) =>
    entry.subarray(0, HEADER),
  );
}

const headersOf = (headers: readonly Buffer[]): Buffer =>
  Buffer.concat([varint(headers.length), ...headers.flatMap((header) => [header, Buffer.alloc(1)])]);

function slices(bytes: Buffer, size: number, count: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
}

const [port = '18555', ...peers] = process.argv.slice(2);
const peer = await createPeer(Headers, { listen: { host: '127.0.0.1', port: Number(port) } });
peer.closeOn('SIGINT', 'SIGTERM');
console.log(`bitcoin at ${peer.address}`);
for (const address of peers) await peer.node.connect(address);
