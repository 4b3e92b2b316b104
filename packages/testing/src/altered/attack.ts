import {
  PeerError,
  SocketAddress,
  systemClock,
  tcpTransport,
  type AddressLike,
  type Clock,
  type Link,
  type Transport,
} from '@pea2pea/core';
import { CancellationSource, describe } from '@pea2pea/core/authoring';
import { chanceOf } from '../simulation/chance.js';
import { ALTERATIONS, alterTransport, WIRE_ALTERATIONS } from './alter.js';

/** The name of what can be wrong with a peer of any protocol. */
export type WireAlteration = (typeof WIRE_ALTERATIONS)[number];

/** A server, and how to talk to it. */
export interface AttackOptions {
  /** What an honest peer says first, and what it gets a reply to if the protocol has one. */
  readonly say: Uint8Array | string;
  /** Which peers are set against it. @default all of them */
  readonly only?: readonly WireAlteration[];
  /** What their chance follows from. @default 1 */
  readonly seed?: number;
  /** How long each stays, in milliseconds. @default 1_500 */
  readonly lastingMs?: number;
  /** How long an honest peer waits for its reply, in milliseconds. @default 2_000 */
  readonly patienceMs?: number;
  /** The network to dial over. @default tcpTransport() */
  readonly transport?: Transport;
  /** The clock for what is timed, on both sides. @default systemClock */
  readonly clock?: Clock;
}

/** What became of an honest peer. */
export interface HonestPeer {
  /** Whether it got what an honest peer gets: a reply, or a connection where there are no replies. */
  readonly isServed: boolean;
  /** How long it took to see that, in milliseconds. */
  readonly ms: number;
  /** What it saw. */
  readonly saw: string;
}

/** What one peer with something wrong saw of the server, and what honest ones saw beside and after it. */
export interface AttackOutcome {
  /** What was wrong with the peer. */
  readonly name: WireAlteration;
  /** The same as a sentence of which the peer is the subject. */
  readonly sentence: string;
  /** How its connection ended: by the server, by the peer itself, or not while it stayed. */
  readonly ending: 'refused' | 'ended by the server' | 'reset by the server' | 'left by the peer' | 'open';
  /** Bytes that the server sent to it. */
  readonly received: number;
  /** An honest peer that came while it was there. */
  readonly during: HonestPeer;
  /** An honest peer that came when it was gone. */
  readonly after: HonestPeer;
}

/** What all of them saw. */
export interface AttackReport {
  /** An honest peer before anybody else. */
  readonly before: HonestPeer;
  /** One for each peer with something wrong, in the order in which they came. */
  readonly outcomes: readonly AttackOutcome[];
}

const SAYINGS = 5;
const DIAL = { noDelay: true, keepAlive: true };

/**
 * Sets peers with something wrong against a server that is yours, one after the other, and looks at what becomes of honest ones.
 *
 * note: it sends no more than 16 MiB to a connection, and opens no more than twenty at once.
 * @throws {PeerError} where an honest peer cannot even connect before.
 */
export async function attack(at: AddressLike, options: AttackOptions): Promise<AttackReport> {
  const attacker = new Attacker(SocketAddress.from(at), options);
  const before = await attacker.honest();
  const outcomes: AttackOutcome[] = [];
  for (const name of options.only ?? WIRE_ALTERATIONS) outcomes.push(await attacker.attack(name, before));
  return { before, outcomes };
}

class Attacker {
  readonly #address: SocketAddress;
  readonly #say: Buffer;
  readonly #seed: number;
  readonly #lastingMs: number;
  readonly #patienceMs: number;
  readonly #transport: Transport;
  readonly #clock: Clock;

  constructor(address: SocketAddress, options: AttackOptions) {
    this.#address = address;
    this.#say = Buffer.from(options.say);
    this.#seed = options.seed ?? 1;
    this.#lastingMs = options.lastingMs ?? 1_500;
    this.#patienceMs = options.patienceMs ?? 2_000;
    this.#transport = options.transport ?? tcpTransport();
    this.#clock = options.clock ?? systemClock;
  }

  async attack(name: WireAlteration, before: HonestPeer): Promise<AttackOutcome> {
    const transport = alterTransport(name, this.#transport, this.#clock, chanceOf(this.#seed, name));
    const sentence = ALTERATIONS[name];
    let link: Link;
    try {
      link = await this.#dial(transport);
    } catch {
      const after = await this.honest(before);
      return { name, sentence, ending: 'refused', received: 0, during: after, after };
    }
    if (name === 'replays') {
      await this.#firstOf(link);
      link.stream.destroy();
      link = await this.#dial(transport);
    }
    const seen = watch(link);
    for (let count = 0; count < SAYINGS; count++) {
      this.#clock.setTimeout(() => void (link.stream.writable && link.stream.write(this.#say)), count * 100);
    }
    await this.#sleep(this.#lastingMs / 2);
    const during = await this.honest(before);
    await this.#sleep(this.#lastingMs / 2);
    const { ending, received } = seen();
    link.stream.destroy();
    return { name, sentence, ending, received, during, after: await this.honest(before) };
  }

  /** @param before what an honest peer gets. @throws {PeerError} where it is the first, and cannot connect */
  async honest(before?: HonestPeer): Promise<HonestPeer> {
    const startMs = this.#clock.now();
    const outcome = (isServed: boolean, saw: string): HonestPeer => ({
      isServed: before?.saw === 'silence' ? saw === 'silence' || isServed : isServed,
      ms: this.#clock.now() - startMs,
      saw,
    });
    try {
      const link = await this.#dial(this.#transport);
      const saw = await this.#firstOf(link);
      link.stream.destroy();
      return outcome(saw === 'a reply' || (before === undefined && saw === 'silence'), saw);
    } catch (error) {
      if (before === undefined) throw error;
      return outcome(false, PeerError.is(error) ? error.code : describe(error));
    }
  }

  async #dial(transport: Transport): Promise<Link> {
    const [address = this.#address] = await transport.resolve(this.#address);
    const cancellation = new CancellationSource();
    const timer = this.#clock.setTimeout(() => {
      const what = `${address} could not be reached within ${this.#patienceMs} ms`;
      cancellation.cancel(new PeerError('P2P_ERR_CONNECT_TIMEOUT', what));
    }, this.#patienceMs);
    try {
      return await transport.connect(address, { ...DIAL, cancellation });
    } finally {
      timer.cancel();
    }
  }

  #firstOf(link: Link): Promise<'a reply' | 'an end' | 'a reset' | 'silence'> {
    return new Promise((resolve) => {
      const { stream } = link;
      stream.once('data', () => resolve('a reply'));
      stream.once('end', () => resolve('an end'));
      stream.once('error', () => resolve('a reset'));
      stream.resume();
      stream.write(this.#say);
      this.#clock.setTimeout(() => resolve('silence'), this.#patienceMs);
    });
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.setTimeout(resolve, ms));
  }
}

/** What becomes of a link. */
function watch({ stream }: Link): () => Pick<AttackOutcome, 'ending' | 'received'> {
  let ending: AttackOutcome['ending'] = 'open';
  let received = 0;
  const ended = (how: AttackOutcome['ending']): void => {
    if (ending === 'open') ending = how;
  };
  stream.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  stream.on('end', () => ended('ended by the server'));
  stream.on('error', () => ended('reset by the server'));
  stream.on('close', () => ended('left by the peer'));
  stream.resume();
  return () => ({ ending, received });
}
