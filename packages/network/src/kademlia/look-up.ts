import type { Clock, Timer } from '@pea2pea/core';
import { defer, type Deferred } from '@pea2pea/core/authoring';
import { compareDistance } from './id.js';
import { isCrowded, type Contact } from './contact.js';

/** What a node replied to a query. */
export interface Reply<T> {
  /** Contacts closer to the target, as far as that node knows: nobody has proved anything yet. */
  readonly contacts: readonly Contact[];
  /** What was looked for, if it has it. */
  readonly found?: T | undefined;
}

/** How a look-up goes. */
export interface LookUpRules<T> {
  readonly target: Buffer;
  /** Contacts that are wanted. */
  readonly k: number;
  /** Queries under way at once, on all paths together. */
  readonly alpha: number;
  /** Paths that share no contact. */
  readonly paths: number;
  /** Contacts of one group that are asked. */
  readonly perGroup: number;
  /** Queries at most, an equal part of them on each path. */
  readonly maxQueries: number;
  /** A query that takes longer does not keep others waiting. */
  readonly slowMs: number;
  /** After it, what has come is what there is. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Asks one contact. Rejects where it cannot be reached, or does not reply. */
  query(contact: Contact): Promise<Reply<T>>;
  /** Whether enough of what was looked for has come; asked after each reply. */
  isEnough?(found: readonly Found<T>[]): boolean;
}

/** What was found, and where. */
export interface Found<T> {
  readonly value: T;
  readonly from: Contact;
  /** How many nodes were asked one after the other to get there. */
  readonly hops: number;
}

/** What came of a look-up. */
export interface LookUpResult<T> {
  /** The contacts that replied and are closest to the target, closest first; `k` at most. */
  readonly closest: readonly Contact[];
  readonly found: readonly Found<T>[];
  /** As many hops the closest contact is away; 0 where nobody replied. */
  readonly hops: number;
  /** Queries that were sent, and those of them that failed. */
  readonly queries: number;
  readonly failures: number;
  /** Whether it came to its end before its time was over. */
  readonly isComplete: boolean;
}

interface Candidate {
  readonly contact: Contact;
  readonly hops: number;
  state: 'new' | 'asked' | 'replied' | 'failed';
}

/** What one path knows, closest first, and how many of its queries are under way without being slow. */
interface Path {
  readonly candidates: Candidate[];
  readonly known: Set<Candidate>;
  queries: number;
  busy: number;
}

/**
 * Goes to the contacts closest to a target, each of which knows closer ones (Maymounkov and Mazières, 2002), on several paths at once
 * (S/Kademlia, Baumgart and Mies, 2007): a contact is asked by one path, and what it replies is for that path alone. Whoever lies on one
 * path misleads no other.
 *
 * ```text
 *   closest known --+-- path 1: ask -> closer -> ask -> closer -.
 *                   +-- path 2: ask -> closer -> ...            +--> the k closest that replied
 *                   `-- path 3: ...  ---------------------------'
 * ```
 */
export class LookUp<T> {
  readonly #rules: LookUpRules<T>;
  readonly #paths: Path[];
  /** By identity: a candidate is the same on all paths. */
  readonly #candidates = new Map<string, Candidate>();
  /** Contacts that were asked, for the share of each group. */
  readonly #asked: Contact[] = [];
  readonly #found: Found<T>[] = [];
  readonly #timers = new Set<Timer>();
  #failures = 0;
  readonly #result: Deferred<LookUpResult<T>> = defer();
  #isOver = false;

  constructor(rules: LookUpRules<T>) {
    this.#rules = rules;
    this.#paths = Array.from({ length: rules.paths }, () => ({
      candidates: [],
      known: new Set(),
      queries: 0,
      busy: 0,
    }));
  }

  /** Resolves when the closest contacts have replied, enough was found, or time is over. Never rejects. */
  run(start: readonly Contact[]): Promise<LookUpResult<T>> {
    for (const [index, contact] of start.entries()) {
      this.#offer(this.#paths[index % this.#paths.length]!, contact, 1);
    }
    this.#timer(this.#rules.timeoutMs, () => this.#end(false));
    this.#advance();
    return this.#result.promise;
  }

  #advance(): void {
    if (this.#isOver) return;
    const perPath = Math.max(1, Math.ceil(this.#rules.alpha / this.#paths.length));
    let isBusy = false;
    for (const path of this.#paths) {
      for (let next = this.#next(path); next !== undefined && path.busy < perPath; next = this.#next(path)) {
        this.#ask(path, next);
      }
      isBusy ||= path.candidates.some(({ state }) => state === 'asked');
    }
    if (!isBusy) this.#end(true);
  }

  /** Whoever is to be asked next: one of the `k` closest on the path that are there, as far as is known. */
  #next({ candidates, queries }: Path): Candidate | undefined {
    const { k, maxQueries, perGroup, paths } = this.#rules;
    if (queries * paths >= maxQueries) return undefined;
    let rank = 0;
    for (const candidate of candidates) {
      const { state, contact } = candidate;
      if (state === 'failed') continue;
      if (state !== 'new') {
        if (++rank === k) return undefined;
      } else if (!isCrowded(contact.group, this.#asked, perGroup)) {
        return candidate;
      }
    }
    return undefined;
  }

  #ask(path: Path, candidate: Candidate): void {
    const { contact, hops } = candidate;
    candidate.state = 'asked';
    this.#asked.push(contact);
    path.queries++;
    path.busy++;
    let isSlow = false;
    const free = (): void => {
      if (!isSlow) path.busy--;
      isSlow = true;
    };
    const timer = this.#timer(this.#rules.slowMs, () => {
      free();
      this.#advance();
    });
    const settled = (state: 'replied' | 'failed'): void => {
      this.#cancel(timer);
      free();
      candidate.state = state;
    };
    this.#rules.query(contact).then(
      ({ contacts, found }) => {
        settled('replied');
        if (found !== undefined) this.#found.push({ value: found, from: contact, hops });
        for (const other of contacts) this.#offer(path, other, hops + 1);
        if (this.#rules.isEnough?.(this.#found) === true) this.#end(true);
        else this.#advance();
      },
      () => {
        settled('failed');
        this.#failures++;
        this.#advance();
      },
    );
  }

  #offer({ candidates, known }: Path, contact: Contact, hops: number): void {
    const candidate = this.#candidates.get(contact.identity) ?? { contact, hops, state: 'new' };
    this.#candidates.set(contact.identity, candidate);
    if (known.has(candidate)) return;
    known.add(candidate);
    const { target } = this.#rules;
    const index = candidates.findIndex((other) => compareDistance(target, contact.id, other.contact.id) < 0);
    candidates.splice(index === -1 ? candidates.length : index, 0, candidate);
  }

  #end(isComplete: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const timer of this.#timers) timer.cancel();
    const { target, k } = this.#rules;
    const replied = [...this.#candidates.values()]
      .filter(({ state }) => state === 'replied')
      .sort((a, b) => compareDistance(target, a.contact.id, b.contact.id))
      .slice(0, k);
    this.#result.resolve({
      closest: replied.map(({ contact }) => contact),
      found: this.#found,
      hops: replied[0]?.hops ?? 0,
      queries: this.#asked.length,
      failures: this.#failures,
      isComplete,
    });
  }

  #timer(delayMs: number, callback: () => void): Timer {
    const timer = this.#rules.clock.setTimeout(() => {
      this.#timers.delete(timer);
      callback();
    }, delayMs);
    this.#timers.add(timer);
    return timer;
  }

  #cancel(timer: Timer): void {
    timer.cancel();
    this.#timers.delete(timer);
  }
}
