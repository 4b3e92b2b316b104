import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { INTEROP, type End } from './end.js';
import type { Suite } from './suite.js';

/** What became of a case; the words after the colon say why. */
export type Outcome = 'passed' | `failed: ${string}` | `differs: ${string}` | `not run: ${string}`;

/** The last run of a suite against one end. */
export interface EndResults {
  readonly version: string;
  /** Absent when the end could not be built where this was written. */
  readonly toolchain?: string;
  readonly skipped?: string;
  /** `2026-11-29` */
  readonly date: string;
  /** By the names of cases. */
  readonly cases: Readonly<Record<string, Outcome>>;
}

/** By the names of ends. */
export type SuiteResults = Record<string, EndResults>;

export function emptyResults({ version }: End): EndResults {
  return { version, date: new Date().toISOString().slice(0, 10), cases: {} };
}

/** What is in git, and what `docs/interop.md` shows. */
export function savedResults({ name }: Suite): SuiteResults {
  const file = fileOf(name);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as SuiteResults) : {};
}

/** Keeps what is known of ends that were not run now, and forgets ends that are no longer there. */
export function saveResults(suite: Suite, results: SuiteResults): SuiteResults {
  const saved = savedResults(suite);
  const merged: SuiteResults = {};
  for (const { name } of suite.ends) {
    const [now, before] = [results[name], saved[name]];
    const kept = now === undefined || (now.skipped !== undefined && before !== undefined) ? before : now;
    if (kept !== undefined) merged[name] = { ...kept, cases: inOrder(suite, kept.cases) };
  }
  mkdirSync(`${INTEROP}results`, { recursive: true });
  writeFileSync(fileOf(suite.name), `${JSON.stringify(merged, null, 2)}\n`);
  return merged;
}

function inOrder({ cases }: Suite, outcomes: EndResults['cases']): EndResults['cases'] {
  const names = cases.map(({ name }) => name).filter((name) => name in outcomes);
  return Object.fromEntries(names.map((name) => [name, outcomes[name]!]));
}

function fileOf(suite: string): string {
  return `${INTEROP}results/${suite}.json`;
}

/** How many cases ended so. */
export function count({ cases }: EndResults, kind: 'passed' | 'failed' | 'differs' | 'not run'): number {
  return Object.values(cases).filter((outcome) => outcome.startsWith(kind)).length;
}
