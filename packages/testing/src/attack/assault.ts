import type { Link, Random } from '@pea2pea/core';
import { beginningOf, type LinkAlteration } from '../altered/alter.js';
import { DIAL_MISCHIEFS, type DialMischiefName } from '../altered/dial-mischiefs.js';
import { AlteredLink, type AlteredStream } from '../altered/wire.js';
import { chanceOf } from '../simulation/chance.js';
import { framed, numbered, type Door } from './door.js';
import type { WireAlteration } from './names.js';
import type { Settings } from './options.js';
import type { ServersPart } from './outcome.js';
import { unreadBytes } from './process-figures.js';

/** How often a peer with something wrong has something to say. */
const SAYING_MS = 100;
/** What it sends at most, in bytes: more than the systems keep for a server that does not read, and not enough to hurt. */
const MOST_SENT = 16 * 1024 * 1024;

/** One peer with something wrong, from its dial to its end. */
export class Assault {
  readonly #name: WireAlteration;
  readonly #settings: Settings;
  readonly #door: Door;
  readonly #random: Random;
  readonly #links: Link[] = [];
  #stream: AlteredStream | undefined;
  #startMs = 0;
  #ending: ServersPart['ending'] = 'open';
  #endMs: number | undefined;
  #receivedBytes = 0;
  #isOver = false;

  constructor(name: WireAlteration, door: Door, settings: Settings) {
    this.#name = name;
    this.#door = door;
    this.#settings = settings;
    this.#random = chanceOf(settings.seed, name);
  }

  /** Goes in, and begins to do wrong. */
  async begin(): Promise<void> {
    const { clock, beforeHello } = this.#settings;
    this.#startMs = clock.now();
    let link: Link;
    try {
      link = await this.#dial();
    } catch {
      this.#ended('refused');
      return;
    }
    this.#startMs = clock.now();
    // Bytes are counted, and what is wrong is done, on the link as it is after the dials.
    const begin =
      this.#name in DIAL_MISCHIEFS
        ? () => ({})
        : beginningOf(this.#name as LinkAlteration, this.#settings.framing);
    const { stream } =
      link instanceof AlteredLink ? link : new AlteredLink(link, begin, clock, this.#random, MOST_SENT);
    this.#stream = stream;
    this.#watch(stream);
    if (beforeHello && this.#door.hello.length > 0) stream.write(this.#door.hello);
    this.#goOn(0);
  }

  end(): ServersPart {
    this.#isOver = true;
    const { clock } = this.#settings;
    const opened = this.#links.slice(0, -1);
    const isOpen = ({ stream }: Link): boolean => !stream.destroyed && !stream.readableEnded;
    const last = this.#links.at(-1);
    const unread = this.#ending === 'open' && last !== undefined ? unreadOn(last) : undefined;
    const sent = this.#stream?.sent;
    const part: ServersPart = {
      ending: this.#ending,
      afterMs: (this.#endMs ?? clock.now()) - this.#startMs,
      sentBytes: sent?.bytes ?? 0,
      takenBytes: sent?.takenBytes ?? 0,
      ...(unread !== undefined && { unreadBytes: unread }),
      receivedBytes: this.#receivedBytes,
      others: { opened: opened.length, open: opened.filter(isOpen).length },
    };
    this.#stream?.destroy();
    for (const { stream } of this.#links) stream.destroy();
    return part;
  }

  async #dial(): Promise<Link> {
    const { clock } = this.#settings;
    if (!(this.#name in DIAL_MISCHIEFS)) return this.#enter();
    const redial = DIAL_MISCHIEFS[this.#name as DialMischiefName].make();
    const dial = (): Promise<Link> => redial(() => this.#enter(), { clock, random: this.#random });
    if (this.#name !== 'replays') return dial();
    const first = await dial();
    first.stream.write(this.#saying(0));
    await new Promise<void>((resolve) => void clock.setTimeout(resolve, SAYING_MS));
    first.stream.destroy();
    return dial();
  }

  async #enter(): Promise<Link> {
    const { transport, localAddress, beforeHello } = this.#settings;
    const link = beforeHello
      ? await this.#door.dial(transport, localAddress)
      : (await this.#door.enter(transport, localAddress)).release();
    this.#links.push(link);
    // Those that only stand there notice their end, too.
    link.stream.on('error', () => {});
    return link;
  }

  #goOn(count: number): void {
    if (this.#isOver || this.#stream === undefined) return;
    if (this.#stream.writable) this.#stream.write(this.#saying(count));
    this.#settings.clock.setTimeout(() => this.#goOn(count + 1), SAYING_MS);
  }

  #saying(count: number): Buffer {
    return framed(numbered(this.#settings.say, count), this.#settings);
  }

  #watch(stream: AlteredStream): void {
    stream.on('data', (chunk: Buffer) => {
      this.#receivedBytes += chunk.length;
    });
    stream.on('end', () => this.#ended('closed'));
    stream.on('error', () => this.#ended('reset'));
    stream.on('close', () => this.#ended('left'));
    stream.resume();
  }

  #ended(how: ServersPart['ending']): void {
    if (this.#ending !== 'open') return;
    this.#ending = how;
    this.#endMs = this.#settings.clock.now();
  }
}

function unreadOn({ address, localAddress }: Link): number | undefined {
  return address.isLoopback ? unreadBytes(localAddress.port, address.port) : undefined;
}
