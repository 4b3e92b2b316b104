import { PeerError, SocketAddress, type Link } from '@pea2pea/core';
import { CancellationSource } from '@pea2pea/core/authoring';
import type { Dice } from './dice.js';
import type { Place } from './ground.js';
import { formatGreeting } from './greeting.js';
import { frame } from './message.js';
import { remember } from './resources.js';
import type { StreamLog } from './stream-log.js';
import { cameTrue } from './time.js';
import type { World } from './world.js';

const ANSWER_MS = 300;
const MAX_BEGINNING = 256;

/** A link that no node owns, at the transport of the run. Undefined where nobody answered. */
export async function dialRaw(
  world: World,
  dice: Dice,
  place: Place,
  target: SocketAddress | string,
  localAddress = dice.chance(0.3) ? place.localAddress(dice) : undefined,
): Promise<Link | undefined> {
  const cancellation = new CancellationSource();
  const { clock } = world.time;
  return new Promise((resolve) => {
    const timer = clock.setTimeout(() => {
      cancellation.cancel(new PeerError('P2P_ERR_CONNECT_TIMEOUT', 'too slow'));
      resolve(undefined); // a process that has died meanwhile says nothing more
    }, ANSWER_MS);
    const options = { cancellation, noDelay: true, keepAlive: false, localAddress };
    place.transport.connect(SocketAddress.from(target), options).then(
      (link) => {
        timer.cancel();
        remember('a raw peer', link);
        if (cancellation.reason === undefined) resolve(link);
        else link.stream.destroy();
      },
      () => {
        timer.cancel();
        resolve(undefined);
      },
    );
  });
}

/** A peer without a node: it speaks the protocol, as long as it likes. */
export class RawClient {
  readonly name: string;
  readonly place: Place;
  readonly #link: Link;
  readonly #world: World;
  readonly #dice: Dice;
  #log: StreamLog | undefined;
  #lastNumber = 0;
  #heard = 0;
  #said = 0;
  /** The first bytes that came, as long as they may be lines of a handshake. */
  #beginning = '';

  constructor(world: World, dice: Dice, place: Place, link: Link) {
    this.place = place;
    this.#world = world;
    this.#dice = dice;
    this.#link = link;
    this.name = `raw${dice.integer(0, 9_999)}`;
    link.stream.on('data', (chunk: Buffer) => {
      this.#heard += chunk.length;
      if (this.#beginning.length < MAX_BEGINNING) this.#beginning += chunk.toString('latin1');
    });
    link.stream.pause();
  }

  /** What the other side knows it by. */
  get address(): SocketAddress {
    return this.#link.localAddress;
  }

  /** Bytes that came after the lines of the handshake: a message does not begin like those. */
  get heard(): number {
    const lines = /^(?:CHAOS\/[^\n]*\n)*/.exec(this.#beginning)!;
    return this.#heard - lines[0].length;
  }

  /** Bytes that it wrote after its greeting. */
  get said(): number {
    return this.#said;
  }

  /** How it ended, for people. */
  get state(): string {
    const { errored, readableEnded, destroyed } = this.#link.stream;
    if (errored) return `failed: ${errored.message}`;
    return readableEnded ? 'read to the end' : destroyed ? 'was destroyed' : 'waits for more';
  }

  get gone(): boolean {
    return this.#link.stream.destroyed || this.#link.stream.readableEnded;
  }

  /** Reads on, or stops to. */
  listen(on: boolean): void {
    if (on) this.#link.stream.resume();
    else this.#link.stream.pause();
  }

  write(bytes: Uint8Array): void {
    if (this.#link.stream.destroyed || this.#link.stream.writableEnded) return;
    this.#said += bytes.length;
    this.#link.stream.write(bytes);
  }

  /** Greets, and waits for the answer; false where none came. */
  async greet(): Promise<boolean> {
    const { serial, log } = this.#world.exchange.announce(this.name);
    this.#log = log;
    this.listen(true);
    this.write(Buffer.from(formatGreeting({ name: this.name, serial, masked: false })));
    await cameTrue(this.#world.time.clock, ANSWER_MS, () => this.#heard > 0 || this.gone);
    this.#said = 0;
    return this.#heard > 0 && !this.gone;
  }

  /** Writes a message, or the first part of it. */
  say(part = 1): void {
    const message = { from: this.name, number: ++this.#lastNumber, size: this.#dice.integer(0, 600) };
    const bytes = frame(message);
    if (part === 1) this.#log?.queued(message.number);
    this.write(bytes.subarray(0, Math.ceil(bytes.length * part)));
  }

  /** Writes many messages without a body, all at once. */
  sayMany(count: number): void {
    const frames: Buffer[] = [];
    while (frames.length < count) {
      const message = { from: this.name, number: ++this.#lastNumber, size: 0 };
      this.#log?.queued(message.number);
      frames.push(frame(message));
    }
    this.write(Buffer.concat(frames));
  }

  /** Ends its half, and goes on listening. */
  endHalf(): void {
    this.#link.stream.end();
  }

  /** Ends its half as soon as the other side has. */
  endsWithTheOther(): void {
    const { stream } = this.#link;
    stream.once('end', () => stream.end());
  }

  /** Sends what is left, and closes when the other side has; not for ever. */
  async end(): Promise<void> {
    const { stream } = this.#link;
    stream.resume();
    stream.end();
    await cameTrue(this.#world.time.clock, ANSWER_MS, () => this.gone);
    stream.destroy();
  }

  reset(): void {
    this.#link.reset();
  }
}
