import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { contextKey, PeerNode, type Direction, type Handshake, type Timer } from '@pea2pea/core';
import { TokenBucket } from '@pea2pea/core/authoring';
import {
  configured,
  OnHandshake,
  OnStart,
  OnStop,
  Plugin,
  PluginOptions,
  type ConfiguredPlugin,
} from '@pea2pea/decorators';
import { UniquePeer } from '@pea2pea/policies';
import { decodeBeacon, encodeBeacon, ID_BYTES, type Beacon } from './beacon.js';
import type { Channel, Medium } from './medium.js';

export interface LanDiscoveryOptions {
  readonly medium: Medium;
  /** Who this node is: 16 random bytes in hexadecimal digits. */
  readonly id: string;
  /** What all members have, and nobody else: 32 random bytes. Who has it is believed. */
  readonly key: Buffer;
  /** Between two beacons, half as much more or less. */
  readonly intervalMs: number;
  /** So long without a beacon, and a node is forgotten. */
  readonly expiryMs: number;
  /** Datagrams that are looked at, of all senders together, as a sender can claim any address; as many may come at once. */
  readonly maxPerSecond: number;
  readonly onFound?: (id: string) => void;
  readonly onForgotten?: (id: string) => void;
}

/** On a connection: the id of the node at the other end, which has proved that it has the key. */
export const memberId = contextKey<string>('memberId');

/** Nodes that are remembered; members alone can fill this up. */
const MAX_FOUND = 256;
const NONCE_BYTES = 16;
const PROOF_BYTES = 32;

interface Found {
  readonly number: number;
  readonly seenMs: number;
}

/**
 * Tells the network where this node listens, listens for others who do, and connects with them. `uniquePeer` sees to it
 * that two who find each other at the same time keep one connection.
 */
@Plugin({ inject: [PluginOptions, PeerNode, UniquePeer] })
export class LanDiscovery {
  readonly #options: LanDiscoveryOptions;
  readonly #node: PeerNode<unknown>;
  readonly #connected: UniquePeer;
  readonly #found = new Map<string, Found>();
  readonly #ignored = { malformed: 0, forged: 0, replayed: 0, limited: 0 };
  #channel: Channel | undefined;
  #timer: Timer | undefined;
  #number: number;
  /** Datagrams that may still be looked at. */
  readonly #allowance: TokenBucket;

  constructor(options: LanDiscoveryOptions, node: PeerNode<unknown>, connected: UniquePeer) {
    this.#options = options;
    this.#node = node;
    this.#connected = connected;
    this.#number = node.config.clock.date(); // above all of an earlier run
    const rate = { perSecond: options.maxPerSecond, capacity: options.maxPerSecond };
    this.#allowance = new TokenBucket(rate, node.config.clock.now());
  }

  /** The ids of the nodes that were heard of lately. */
  get found(): readonly string[] {
    return [...this.#found.keys()];
  }

  /** Datagrams that were no good, by what was wrong with them. They only rise. */
  get ignored(): Readonly<Record<'malformed' | 'forged' | 'replayed' | 'limited', number>> {
    return this.#ignored;
  }

  @OnStart()
  async start(): Promise<void> {
    this.#channel = await this.#options.medium.open((bytes, host) => this.#onDatagram(bytes, host));
    this.#tick();
  }

  @OnStop()
  stop(): void {
    this.#timer?.cancel();
    this.#channel?.close();
    this.#channel = undefined;
  }

  /** A beacon can be heard, and repeated, by everybody: who is connected proves that it has the key, and says its id. */
  @OnHandshake()
  async prove(handshake: Handshake): Promise<void> {
    const own = Buffer.concat([Buffer.from(this.#options.id, 'hex'), randomBytes(NONCE_BYTES)]);
    await handshake.write(own);
    const others = await handshake.read(own.length);
    const { direction } = handshake;
    await handshake.write(this.#proof(direction, own, others));
    const proof = await handshake.read(PROOF_BYTES);
    const expected = this.#proof(direction === 'inbound' ? 'outbound' : 'inbound', others, own);
    if (!timingSafeEqual(proof, expected)) handshake.reject('it does not have the key');
    handshake.context.set(memberId, others.toString('hex', 0, ID_BYTES));
  }

  #proof(direction: Direction, own: Buffer, others: Buffer): Buffer {
    return createHmac('sha256', this.#options.key).update(direction).update(own).update(others).digest();
  }

  #tick(): void {
    const { id, key, intervalMs } = this.#options;
    const { clock, random } = this.#node.config;
    const { address } = this.#node;
    this.#number = Math.max(this.#number + 1, clock.date());
    if (address !== undefined) {
      this.#channel!.send(encodeBeacon({ id, port: address.port, number: this.#number }, key));
    }
    this.#forgetSilent();
    this.#timer = clock.setTimeout(() => this.#tick(), intervalMs * (0.5 + random.next()));
  }

  #onDatagram(bytes: Buffer, host: string): void {
    if (!this.#isAllowed()) {
      this.#ignored.limited++;
      return;
    }
    const beacon = decodeBeacon(bytes, this.#options.key);
    if (typeof beacon === 'string') this.#ignored[beacon]++;
    else if (beacon.id !== this.#options.id) this.#onBeacon(beacon, host);
  }

  #onBeacon({ id, port, number }: Beacon, host: string): void {
    const known = this.#found.get(id);
    if (known !== undefined && number <= known.number) {
      this.#ignored.replayed++;
      return;
    }
    if (known === undefined && this.#found.size === MAX_FOUND) return;
    this.#found.set(id, { number, seenMs: this.#node.config.clock.now() });
    if (known === undefined) this.#options.onFound?.(id);
    if (this.#connected.get(id) !== undefined) return;
    // What fails, also because a dial is under way, is tried again with the next beacon.
    this.#node.connect({ host, port }).catch(() => {});
  }

  #forgetSilent(): void {
    const now = this.#node.config.clock.now();
    for (const [id, { seenMs }] of this.#found) {
      if (now - seenMs < this.#options.expiryMs) continue;
      this.#found.delete(id);
      this.#options.onForgotten?.(id);
    }
  }

  #isAllowed(): boolean {
    if (this.#allowance.take(1, this.#node.config.clock.now()) === 0) return true;
    this.#allowance.putBack(1);
    return false;
  }
}

export function lanDiscovery(options: LanDiscoveryOptions): ConfiguredPlugin<LanDiscovery> {
  return configured(LanDiscovery, options);
}
