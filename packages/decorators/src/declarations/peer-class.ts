import { describe, readData } from '@pea2pea/core/authoring';

/** A class that can be instantiated to a peer, whatever its constructor needs. */
export type PeerClass<T extends object = object> = new (...args: never) => T;

/** The same, or the abstract base of one: what decorators stand on. */
export type PeerBase = abstract new (...args: never) => object;

/** How errors call `value`. */
export function nameOfClass(value: unknown): string {
  const name = typeof value === 'function' ? readData(value, 'name') : undefined;
  if (name === '') return 'an anonymous class';
  return typeof name === 'string' ? name : describe(value);
}
