import { describe, PeerError } from '@pea2pea/core';

/** The longest delay of a Node.js timer; a longer one would fire at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * A mistyped option would be a limit that is not there, so there are none that nobody knows.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option.
 */
export function requireKnown(
  what: string,
  options: unknown,
  known: readonly string[],
): asserts options is object {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalid(`${what} must be an object, not ${describe(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw invalid(`${what} have no \`${name}\``);
  }
}

/** The check for whole numbers. @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option. */
export function requireInteger(
  name: string,
  value: unknown,
  { min, max = Number.MAX_SAFE_INTEGER }: { readonly min: number; readonly max?: number },
): number {
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) {
    return value as number;
  }
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  throw invalid(`\`${name}\` must be a whole number ${range}, not ${describe(value)}`);
}

/** The check for numbers of any kind. @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option. */
export function requireNumber(
  name: string,
  value: unknown,
  { min, max = Number.MAX_VALUE }: { readonly min: number; readonly max?: number },
): void {
  if (typeof value === 'number' && value >= min && value <= max) return;
  const range = max === Number.MAX_VALUE ? `of at least ${min}` : `from ${min} to ${max}`;
  throw invalid(`\`${name}\` must be a number ${range}, not ${describe(value)}`);
}

/** The check for a choice of texts. @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option. */
export function requireOneOf<T extends string>(name: string, value: unknown, choice: readonly T[]): T {
  if (choice.includes(value as T)) return value as T;
  throw invalid(`\`${name}\` must be ${choice.map(describe).join(' or ')}, not ${describe(value)}`);
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG for what is not a signal, such as an AbortController in its place */
export function requireSignal(signal: unknown): void {
  const { addEventListener, removeEventListener } = Object(signal) as Partial<AbortSignal>;
  if (typeof addEventListener === 'function' && typeof removeEventListener === 'function') return;
  throw invalid(`\`signal\` must be an AbortSignal, not ${describe(signal)}`);
}

export function invalid(what: string, cause?: unknown): PeerError {
  return new PeerError('P2P_ERR_INVALID_CONFIG', what, cause === undefined ? undefined : { cause });
}
