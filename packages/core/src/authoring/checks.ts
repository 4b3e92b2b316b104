import { isUint8Array } from 'node:util/types';
import { describe, printable } from '../errors/describe.js';
import { PeerError } from '../errors/errors.js';

/** The longest delay of a Node.js timer, in milliseconds, about 25 days. A timer with a longer one fires at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** What a number, or the length of a string or of bytes, may be. Both bounds are included. */
export interface Bounds {
  /** The least value or length that is taken. */
  readonly min?: number | undefined;
  /** The largest value or length that is taken; undefined: no limit. */
  readonly max?: number | undefined;
}

/**
 * The error of every check here, for checks of your own.
 *
 * note: describe values with {@link describe}: it prints no content of objects, which may be secret.
 * @param what says what is wrong with which option, such as `` `key` must be … ``
 */
export function invalidConfig(what: string, cause?: unknown): PeerError {
  return new PeerError('P2P_ERR_INVALID_CONFIG', what, cause === undefined ? undefined : { cause });
}

/** An object that is not a function. @throws {PeerError} P2P_ERR_INVALID_CONFIG unless `value` is an object; a function is not one here */
export function requireObject(name: string, value: unknown): asserts value is object {
  if (typeof value !== 'object' || value === null) throw mustBe(name, 'an object', value);
}

/**
 * Refuses options that have a key which nobody knows: a mistyped option would be a limit that is not there.
 *
 * note: keys are compared with the list alone, so `toString` is not an option.
 * note: an option that is undefined counts as left out, but its key must be known.
 * @param what names the options in the message: `'the options of lines()'`
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the key; also for what is not an object, and for an array
 */
export function requireKnown(
  what: string,
  options: unknown,
  known: readonly string[],
): asserts options is object {
  if (typeof options !== 'object' || options === null || isArray(what, options)) {
    throw invalidConfig(`${what} must be an object, not ${describe(options)}`);
  }
  for (const name of keysOf(what, options)) {
    if (!known.includes(name)) throw invalidConfig(`${what} have no \`${printable(name)}\``);
    readProperty(what, options, name); // one that is computed must not throw where it is read later
  }
}

/** A whole number, 0 or more unless `min` says otherwise. @throws {PeerError} P2P_ERR_INVALID_CONFIG */
export function requireInteger(name: string, value: unknown, { min = 0, max }: Bounds = {}): number {
  if (Number.isSafeInteger(value) && isWithin(value as number, min, max)) return value as number;
  throw mustBe(name, `a whole number ${rangeInWords(min, max)}`, value);
}

/** A finite number, 0 or more unless `min` says otherwise. @throws {PeerError} P2P_ERR_INVALID_CONFIG */
export function requireNumber(name: string, value: unknown, { min = 0, max }: Bounds = {}): number {
  if (Number.isFinite(value) && isWithin(value as number, min, max)) return value as number;
  throw mustBe(name, `a number ${rangeInWords(min, max)}`, value);
}

/**
 * A duration in milliseconds that a timer can wait: a whole number from 1 to {@link MAX_TIMER_MS}.
 *
 * @param min 0 where 0 has a meaning of its own, such as never. @default 1
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG
 */
export function requireTimeout(
  name: string,
  value: unknown,
  { min = 1 }: { readonly min?: number } = {},
): number {
  return requireInteger(name, value, { min, max: MAX_TIMER_MS });
}

/** True or false. @throws {PeerError} P2P_ERR_INVALID_CONFIG unless `value` is true or false */
export function requireBoolean(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw mustBe(name, 'true or false', value);
}

/**
 * A string of `min` to `max` UTF-16 units, not empty unless `min` is 0. @default `min` 1, `max` any
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG
 */
export function requireString(name: string, value: unknown, { min = 1, max }: Bounds = {}): string {
  if (typeof value === 'string' && isWithin(value.length, min, max)) return value;
  throw mustBe(name, `a string${lengthInWords(min, max, 'characters')}`, value);
}

/** One of a list of strings. @throws {PeerError} P2P_ERR_INVALID_CONFIG naming all of them */
export function requireOneOf<T extends string>(name: string, value: unknown, choice: readonly T[]): T {
  if (choice.includes(value as T)) return value as T;
  throw mustBe(name, choice.map(describe).join(' or '), value);
}

/**
 * A Uint8Array, such as a Buffer, of `min` to `max` bytes. @default any length
 *
 * note: the bytes are not copied, and whoever has them can still change them.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG, without the bytes, or the string in their place: it may be a key
 */
export function requireBytes(name: string, value: unknown, { min = 0, max }: Bounds = {}): Uint8Array {
  if (isUint8Array(value) && isWithin(value.byteLength, min, max)) return value;
  const seen = isUint8Array(value) ? `${value.byteLength} bytes` : kindOf(value);
  throw mustBe(name, `a Uint8Array${lengthInWords(min, max, 'bytes')}`, value, seen);
}

/** A function. @throws {PeerError} P2P_ERR_INVALID_CONFIG unless `value` is a function; it keeps the type that the caller knows */
export function requireFunction<T>(name: string, value: T): T {
  if (typeof value === 'function') return value;
  throw mustBe(name, 'a function', value);
}

/**
 * An object with these methods, own or inherited: how an implementation of a contract is checked, such as a codec.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the first method that is missing
 */
export function requireMethods(
  name: string,
  value: unknown,
  methods: readonly string[],
): asserts value is object {
  requireObject(name, value);
  for (const method of methods) {
    if (typeof readProperty(`\`${name}\``, value, method) === 'function') continue;
    throw invalidConfig(`\`${name}\` must have a method ${method}(), which ${describe(value)} does not have`);
  }
}

/** A codec. @throws {PeerError} P2P_ERR_INVALID_CONFIG */
export function requireCodec(name: string, value: unknown): void {
  if (typeof value === 'function')
    throw invalidConfig(`\`${name}\` must be a codec, not the function that makes one: call it`);
  requireMethods(name, value, ['decoder', 'encoder']);
}

/**
 * An AbortSignal, of this realm or another one: what can be listened to.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG, for an AbortController in its place, too
 */
export function requireSignal(name: string, value: unknown): asserts value is AbortSignal {
  requireMethods(name, value, ['addEventListener', 'removeEventListener']);
  // What only inherits from a signal has its methods, and each of them throws.
  if (typeof readProperty(`\`${name}\``, value, 'aborted') !== 'boolean') {
    throw mustBe(name, 'an AbortSignal', value);
  }
}

function kindOf(value: unknown): string {
  return typeof value === 'string' ? 'a string' : describe(value);
}

function mustBe(name: string, what: string, value: unknown, seen = describe(value)): PeerError {
  return invalidConfig(`\`${name}\` must be ${what}, not ${seen}`);
}

function isWithin(value: number, min: number, max = Infinity): boolean {
  return value >= min && value <= max;
}

function rangeInWords(min: number, max: number | undefined): string {
  return max === undefined || max === Number.MAX_SAFE_INTEGER
    ? `of at least ${min}`
    : `from ${min} to ${max}`;
}

function lengthInWords(min: number, max: number | undefined, unit: string): string {
  if (min === max) return ` of ${min} ${unit}`;
  if (max !== undefined) return ` of ${min} to ${max} ${unit}`;
  if (min === 0) return '';
  return min === 1 ? ', not empty' : ` of at least ${min} ${unit}`;
}

// Getters and proxies run code of the caller's: what they throw is a mistake in the options, too.

function keysOf(what: string, options: object): string[] {
  try {
    return Object.keys(options);
  } catch (cause) {
    throw unreadable(what, cause);
  }
}

function isArray(what: string, options: object): boolean {
  try {
    return Array.isArray(options);
  } catch (cause) {
    throw unreadable(what, cause); // a proxy that was revoked
  }
}

/** `value[key]`; where that throws, so that `what` cannot be read, a P2P_ERR_INVALID_CONFIG. */
export function readProperty(what: string, value: object, key: string): unknown {
  try {
    return (value as Readonly<Record<string, unknown>>)[key];
  } catch (cause) {
    throw unreadable(what, cause);
  }
}

function unreadable(what: string, cause: unknown): PeerError {
  return invalidConfig(`${what} cannot be read: ${describe(cause)}`, cause);
}
