import { PeerError } from '@pea2pea/core';
import { describe } from '@pea2pea/core/authoring';

const MS_PER_UNIT = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const BYTES_PER_UNIT = { B: 1, KB: 1_000, MB: 1_000_000, GB: 1_000_000_000 } as const;

/** A duration of virtual time: a number of milliseconds, or `'250 ms'`, `'10 s'`, `'5 min'`, `'1 h'`, `'2 d'`. */
export type Duration = number | `${number} ${keyof typeof MS_PER_UNIT}`;

/** How much a link carries: a number of bytes a second, or `'64 KB/s'`, `'10 MB/s'`. */
export type Bandwidth = number | `${number} ${keyof typeof BYTES_PER_UNIT}/s`;

/** The milliseconds of `duration`. @throws {PeerError} P2P_ERR_INVALID_CONFIG when it is not a duration. */
export function inMs(duration: Duration): number {
  const ms = typeof duration === 'number' ? duration : parse(duration, MS_PER_UNIT, '');
  if (ms === undefined || !(ms >= 0)) {
    throw invalid(duration, 'a duration', "250, '10 s' or '5 min'");
  }
  return ms;
}

/** The bytes per millisecond of `bandwidth`. @throws {PeerError} P2P_ERR_INVALID_CONFIG when it is not a bandwidth. */
export function inBytesPerMs(bandwidth: Bandwidth): number {
  const bytes = typeof bandwidth === 'number' ? bandwidth : parse(bandwidth, BYTES_PER_UNIT, '/s');
  if (bytes === undefined || !(bytes > 0)) {
    throw invalid(bandwidth, 'a bandwidth', "64_000 or '10 MB/s'");
  }
  return bytes / 1_000;
}

function invalid(value: unknown, what: string, examples: string): PeerError {
  return new PeerError('P2P_ERR_INVALID_CONFIG', `${describe(value)} is not ${what}`, {
    remedy: `write ${examples}`,
  });
}

function parse(text: string, units: Readonly<Record<string, number>>, suffix: string): number | undefined {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)/.exec(text) ?? [];
  if (amount === undefined || !Object.hasOwn(units, unit)) return undefined;
  return text.endsWith(`${unit}${suffix}`) ? Number(amount) * units[unit]! : undefined;
}
