import { COUNTERS, type CounterName, type Heuristics } from '../contracts/counters.js';

/** All counters of a node, at 0. */
export function newHeuristics(): Heuristics {
  const names = Object.keys(COUNTERS) as CounterName[];
  return Object.fromEntries(names.map((name) => [name, 0])) as Heuristics;
}
