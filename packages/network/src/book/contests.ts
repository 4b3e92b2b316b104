import type { Entry } from './entry.js';

/** A newcomer that waits for the slot of another one. */
export interface Contest {
  readonly newcomer: Entry;
  readonly incumbent: Entry;
  readonly sinceMs: number;
}

/** More newcomers wait for nothing: they stay where they are, and may come back. */
const MAX_CONTESTS = 10;

/**
 * Who waits for a slot among what was proven. Whoever holds one keeps it for as long as a dial reaches them: an attacker with many
 * addresses, all of which respond, drives out nobody who does so, too.
 */
export class Contests {
  readonly #contests: Contest[] = [];

  /** A newcomer waits, unless it waits already, or too many do. */
  begin(contest: Contest): void {
    const isKnown = this.#contests.some(({ newcomer }) => newcomer === contest.newcomer);
    if (!isKnown && this.#contests.length < MAX_CONTESTS) this.#contests.push(contest);
  }

  /** Those to be dialled, oldest contest first. */
  incumbents(): Entry[] {
    return [...new Set(this.#contests.map(({ incumbent }) => incumbent))];
  }

  /** The incumbent was reached: it keeps its slot. */
  defended(incumbent: Entry): void {
    this.#take((contest) => contest.incumbent === incumbent);
  }

  /** The incumbent was not reached: the oldest newcomer takes its slot. */
  lost(incumbent: Entry): Entry[] {
    return this.#take((contest) => contest.incumbent === incumbent)
      .slice(0, 1)
      .map(({ newcomer }) => newcomer);
  }

  /** One of both has left the book. */
  forget(entry: Entry): void {
    this.#take(({ newcomer, incumbent }) => newcomer === entry || incumbent === entry);
  }

  #take(isTaken: (contest: Contest) => boolean): Contest[] {
    const taken = this.#contests.filter(isTaken);
    for (const contest of taken) this.#contests.splice(this.#contests.indexOf(contest), 1);
    return taken;
  }
}
