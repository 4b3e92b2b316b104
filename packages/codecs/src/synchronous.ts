import { isPromise } from 'node:util/types';

/**
 * What `value` is, where something asynchronous, or nothing, was returned by what has to be synchronous; else undefined.
 *
 * note: nobody will await a promise that is refused, so nobody is told that it rejected, either.
 */
export function breachOf(value: unknown): 'undefined' | 'a promise' | undefined {
  if (value === undefined) return 'undefined';
  if (!isPromise(value)) return undefined;
  value.catch(() => {});
  return 'a promise';
}
