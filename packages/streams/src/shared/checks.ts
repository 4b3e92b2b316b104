import { describe, PeerError } from '@pea2pea/core';

/**
 * A mistyped option would be a limit that is not there, so there are none that nobody knows.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option.
 */
export function requireKnown(what: string, options: unknown, known: readonly string[]): void {
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
  { min, max }: { readonly min: number; readonly max: number },
): number {
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) {
    return value as number;
  }
  throw invalid(`\`${name}\` must be a whole number from ${min} to ${max}, not ${describe(value)}`);
}

export function invalid(what: string): PeerError {
  return new PeerError('P2P_ERR_INVALID_CONFIG', what);
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG for an object without one of these methods. */
export function requireMethods(name: string, value: unknown, methods: readonly string[]): void {
  const object = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const missing = methods.find((method) => typeof object[method] !== 'function');
  if (missing !== undefined)
    throw invalid(`${name} must have ${missing}(), which ${describe(value)} has not`);
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG for options that are none, and a signal that is none. */
export function requireSignal(options: unknown): void {
  if (typeof options !== 'object' || options === null) {
    throw invalid(`the options must be an object, not ${describe(options)}`);
  }
  const { signal } = options as { readonly signal?: unknown };
  if (signal !== undefined) requireMethods('`signal`', signal, ['addEventListener', 'removeEventListener']);
}
