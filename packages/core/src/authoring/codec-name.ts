import type { Codec } from '../contracts/codec.js';

const LONGEST = 100;

/**
 * The name of a codec that is made of others, as the call that makes it is written: `json(lines)`. One without a name is
 * `?`; what is long is cut.
 */
export function codecName(maker: string, ...parts: readonly Pick<Codec<unknown, never>, 'name'>[]): string {
  const names = parts.map(({ name }) => (typeof name === 'string' ? name : '?'));
  const whole = names.length === 0 ? maker : `${maker}(${names.join(', ')})`;
  return whole.length > LONGEST ? `${whole.slice(0, LONGEST - 1)}…` : whole;
}
