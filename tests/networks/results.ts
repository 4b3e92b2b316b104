import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { CAUSES } from './causes.js';
import type { Outcome } from './outcome.js';

/** What a real network did at the last run that was written down. */
export interface Results {
  /** `6.18` */
  readonly kernel: string;
  /** `20` */
  readonly node: string;
  /** By the names of causes. */
  readonly outcomes: Readonly<Record<string, Outcome>>;
  /** What agents saw in plans of faults. */
  readonly kinds: readonly string[];
}

/** What is in git, and what `docs/real-networks.md` shows. @param folder of this file's source */
export function savedResults(folder: string): Results {
  const file = `${folder}/results.json`;
  if (!existsSync(file)) return { kernel: '', node: '', outcomes: {}, kinds: [] };
  return JSON.parse(readFileSync(file, 'utf8')) as Results;
}

/** Keeps what was not played now, and forgets causes that are no longer there. */
export function saveResults(folder: string, { kernel, node, outcomes, kinds: found }: Results): Results {
  const saved = savedResults(folder);
  const all = { ...saved.outcomes, ...outcomes };
  const kinds = [...new Set([...saved.kinds, ...found])].sort();
  const names = Object.values(CAUSES).flatMap((causes) => causes.map(({ name }) => name));
  const kept = names.flatMap((name) => (all[name] === undefined ? [] : [[name, all[name]] as const]));
  const results = { kernel, node, outcomes: Object.fromEntries(kept), kinds };
  writeFileSync(`${folder}/results.json`, `${JSON.stringify(results, null, 2)}\n`);
  return results;
}
