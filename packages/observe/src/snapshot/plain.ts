import { isProxy } from 'node:util/types';
import { describe, printable, readData } from '@pea2pea/core/authoring';

const MOST_DEPTH = 6;
const MOST_MEMBERS = 1_000;
const LONGEST = 1_000;

/** What JSON can carry. */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [name: string]: Plain };

/**
 * `value` as plain data: what JSON cannot carry is a string, and what is long or deep is cut. It runs no code of the value:
 * getters are passed over.
 */
export function plainOf(value: unknown, depth = 0): Plain {
  switch (typeof value) {
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'string':
      return printable(value, LONGEST);
    case 'bigint':
      return BigInt.asIntN(64, value) === value ? String(value) : describe(value);
    case 'object':
      return value === null ? null : plainObject(value, depth);
    case 'undefined':
    case 'function':
    case 'symbol':
      return null;
  }
}

function plainObject(value: object, depth: number): Plain {
  // Whether a proxy is a list cannot be asked without running its code.
  if (depth >= MOST_DEPTH || isProxy(value)) return '…';
  if (Array.isArray(value)) {
    const length = Math.min(Number(readData(value, 'length')), MOST_MEMBERS);
    return Array.from({ length }, (_, index) => plainOf(readData(value, String(index)), depth + 1));
  }
  const members = Object.keys(value).slice(0, MOST_MEMBERS);
  return Object.fromEntries(
    members.map((name) => [printable(name, LONGEST), plainOf(readData(value, name), depth + 1)]),
  );
}
