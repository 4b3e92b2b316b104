import type { Lab } from '@pea2pea/testing';
import type { End } from './end.js';
import type { EndProcess } from './end-process.js';

/** What a case works with. */
export interface Bench {
  readonly end: End;
  /** Starts the end, which is killed after the case; `args` come after those of the end. */
  start(...args: string[]): Promise<EndProcess>;
  /** Has a node, or whatever can be closed, closed after the case. */
  readonly own: Lab['own'];
}

/** By the names of ends. */
type Reasons = Readonly<Record<string, string>>;

export interface CaseOptions {
  /**
   * Ends with which the case cannot pass, and why: what they do is not what a user would expect. It runs all the same, and
   * has to fail, so that the page changes when the other side does.
   */
  readonly failsWith?: Reasons;
  /** Ends with which the case makes no sense, and why: mostly for want of such a function. */
  readonly notWith?: Reasons;
  /** @default 60_000 */
  readonly timeoutMs?: number;
}

export interface Case extends CaseOptions {
  /** A fact. */
  readonly name: string;
  readonly run: (bench: Bench) => void | Promise<void>;
}

/** What is held against other implementations of one thing: every case runs against each end. */
export interface Suite {
  /** For the command line, and the headline in `docs/interop.md`. */
  readonly name: string;
  readonly ends: readonly End[];
  readonly cases: readonly Case[];
}

/** One reason for several ends. */
export function because(ends: readonly End[], reason: string): Reasons {
  return Object.fromEntries(ends.map(({ name }) => [name, reason]));
}

type Register = (name: string, run: Case['run'], options?: CaseOptions) => void;

/**
 * ```ts
 * export const yamux = suite('yamux', [hashicorp], (test) => {
 *   test('a stream of ours comes back as it was', async ({ start }) => { … });
 * });
 * ```
 *
 * @throws {Error} when two cases have one name, or a reason names an end that is not of the suite
 */
export function suite(name: string, ends: readonly End[], define: (test: Register) => void): Suite {
  const cases: Case[] = [];
  const known = new Set(ends.map((end) => end.name));
  define((caseName, run, options = {}) => {
    if (cases.some((other) => other.name === caseName)) throw new Error(`${name}: two cases "${caseName}"`);
    for (const end of Object.keys({ ...options.failsWith, ...options.notWith })) {
      if (!known.has(end))
        throw new Error(`${name}: "${caseName}" has a reason for ${end}, which is no end of it`);
    }
    cases.push({ name: caseName, run, ...options });
  });
  return { name, ends, cases };
}
