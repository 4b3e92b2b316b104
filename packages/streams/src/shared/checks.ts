import { PeerError } from '@pea2pea/core';

/**
 * A mistyped option would be a limit that is not there, so there are none that nobody knows.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option.
 */
export function requireKnown(what: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalid(`${what} must be an object`);
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
  throw invalid(`\`${name}\` must be a whole number from ${min} to ${max}, not ${String(value)}`);
}

export function invalid(what: string): PeerError {
  return new PeerError('P2P_ERR_INVALID_CONFIG', what);
}
