import type { Conversation } from './conversation.js';
import { framed, numbered, type Door } from './door.js';
import type { Settings } from './options.js';
import type { HonestClient, HonestService } from './outcome.js';

type Saw = HonestClient['saw'];

/** Who asks, and who has the reply: the same, or two where the server passes on what is said. */
interface Pair {
  readonly asking: Conversation;
  readonly hearing: Conversation;
}

let lastNumber = 0;

/** Honest clients of a server. */
export class HonestClients {
  readonly #door: Door;
  readonly #settings: Settings;
  /** What they see when nothing is wrong; `silence` where the protocol has no replies. */
  #expected: Saw = 'a reply';
  #resident: Pair | undefined;

  constructor(door: Door, settings: Settings) {
    this.#door = door;
    this.#settings = settings;
  }

  /**
   * Asks a few times before anybody else does.
   *
   * @throws {Error} where that is not possible
   */
  async begin(times: number): Promise<HonestService & Pick<HonestClient, 'saw'>> {
    const pair = (this.#resident = await this.#enter());
    const seen: HonestClient[] = [];
    for (let count = 0; count < times; count++) {
      seen.push(await this.#ask(pair));
      if (seen[0]!.saw !== 'a reply') break;
    }
    const saw = seen[0]!.saw;
    if (saw === 'silence') this.#expected = saw;
    const isServed = (one: HonestClient): boolean => one.saw === this.#expected;
    return { ...serviceOf(seen.map((one) => ({ ...one, isServed: isServed(one) }))), saw };
  }

  /** One that comes now, asks once, and leaves. */
  async newcomer(): Promise<HonestClient> {
    const { clock } = this.#settings;
    const startMs = clock.now();
    let pair: Pair;
    try {
      pair = await this.#enter();
    } catch {
      return { isServed: false, ms: clock.now() - startMs, saw: 'no connection' };
    }
    const outcome = await this.#ask(pair);
    close(pair);
    return { ...outcome, ms: clock.now() - startMs };
  }

  /** The one that was there before asks, again and again, until `isOver`. */
  async ask(isOver: () => boolean): Promise<HonestService> {
    const { clock, everyMs } = this.#settings;
    const seen: HonestClient[] = [];
    while (!isOver()) {
      const pair = this.#resident;
      if (pair === undefined || !pair.asking.isOpen || !pair.hearing.isOpen) {
        seen.push({ isServed: false, ms: 0, saw: 'an end' });
        break;
      }
      seen.push(await this.#ask(pair));
      await new Promise<void>((resolve) => void clock.setTimeout(resolve, everyMs));
    }
    return serviceOf(seen);
  }

  /** Puts another in the place of the one that was there before, if it is not there any more. */
  async renew(): Promise<void> {
    const pair = this.#resident;
    if (pair?.asking.isOpen === true && pair.hearing.isOpen) return;
    if (pair !== undefined) close(pair);
    this.#resident = await this.#enter().catch(() => undefined);
  }

  end(): void {
    if (this.#resident !== undefined) close(this.#resident);
    this.#resident = undefined;
  }

  async #enter(): Promise<Pair> {
    const { honestTransport, relays } = this.#settings;
    const asking = await this.#door.enter(honestTransport);
    if (!relays) return { asking, hearing: asking };
    return { asking, hearing: await this.#door.enter(honestTransport) };
  }

  async #ask({ asking, hearing }: Pair): Promise<HonestClient> {
    const { probe, expect, clock, patienceMs } = this.#settings;
    const number = ++lastNumber;
    const startMs = clock.now();
    hearing.forget();
    asking.say(framed(numbered(probe, number), this.#settings));
    const expected = expect === undefined ? undefined : String(numbered(expect, number));
    const isQuiet = this.#expected === 'silence';
    const saw = await hearing.hearFrame(expected, isQuiet ? Math.min(patienceMs, 100) : patienceMs);
    return {
      isServed: saw === this.#expected || (isQuiet && saw === 'a reply'),
      ms: clock.now() - startMs,
      saw,
    };
  }
}

function close({ asking, hearing }: Pair): void {
  asking.close();
  hearing.close();
}

function serviceOf(seen: readonly HonestClient[]): HonestService {
  const times = seen.map(({ ms }) => ms).sort((a, b) => a - b);
  return {
    asked: seen.length,
    served: seen.filter(({ isServed }) => isServed).length,
    medianMs: times[times.length >> 1] ?? 0,
    worstMs: times.at(-1) ?? 0,
  };
}
