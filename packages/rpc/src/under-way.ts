import { excerpt, printable, type Excerpt } from '@pea2pea/core/authoring';
import type { Channel } from './channel.js';

/** How many requests of a method are under way. */
interface MethodUnderWay {
  readonly method: string;
  /** Requests of peers, those that wait for a slot included. */
  served: number;
  /** Calls of this side without a response so far. */
  called: number;
}

/** Requests for methods that nobody serves: peers make up their names. */
const UNKNOWN = '(unknown)';
const LONGEST_NAME = 128;

/** What is under way by method, without notifications: those with the most first. */
export function underWay(
  channels: Iterable<Channel>,
  served: { has(method: string): boolean },
): Excerpt<MethodUnderWay> {
  const byMethod = new Map<string, MethodUnderWay>();
  const of = (method: string): MethodUnderWay => {
    let counts = byMethod.get(method);
    if (counts === undefined) byMethod.set(method, (counts = { method, served: 0, called: 0 }));
    return counts;
  };
  for (const { serving, calls } of channels) {
    for (const { method } of serving.requests()) of(served.has(method) ? method : UNKNOWN).served++;
    for (const { method } of calls.all()) of(method.name).called++;
  }
  const all = [...byMethod.values()].sort((one, other) => total(other) - total(one));
  return excerpt(all, (counts) => ({ ...counts, method: printable(counts.method, LONGEST_NAME) }));
}

function total({ served, called }: MethodUnderWay): number {
  return served + called;
}
