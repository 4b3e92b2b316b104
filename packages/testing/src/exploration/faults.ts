import { chanceOf } from '../simulation/chance.js';
import type { Crash } from '../simulation/host.js';
import { inMs, type Duration } from '../simulation/quantities.js';
import type { Cut } from '../simulation/world.js';

/** What can go wrong in a plan. */
export const FAULT_KINDS = [
  'cut',
  'partition',
  'hold',
  'crash',
  'stall',
  'suspend',
  'drift',
  'jump',
] as const;

/** One of {@link FAULT_KINDS}. */
export type FaultKind = (typeof FAULT_KINDS)[number];

/**
 * One fault of a plan: plain data. Hosts are named by a number from 0 to 1, a place among those that the world has by
 * then, so that a plan makes sense with any number of hosts.
 */
export type Fault = {
  /** When it begins, in milliseconds after the plan did. */
  readonly atMs: number;
  /** How long it lasts, in milliseconds. */
  readonly forMs: number;
  /** Which host. */
  readonly host: number;
} & (
  | { readonly kind: 'cut'; readonly other: number; readonly how: Cut }
  | { readonly kind: 'hold'; readonly other: number }
  | { readonly kind: 'partition'; readonly share: number }
  | { readonly kind: 'crash'; readonly how: Crash; readonly disk: 'kept' | 'lost' }
  | { readonly kind: 'stall' | 'suspend' }
  | { readonly kind: 'drift'; readonly rate: number }
  | { readonly kind: 'jump'; readonly byMs: number }
);

/** Which faults a plan has. */
export interface FaultOptions {
  /** Which kinds. @default all */
  readonly kinds?: readonly FaultKind[];
  /** One comes in so long, on average. @default '3 s' */
  readonly every?: Duration;
  /** For how long they come. @default '1 min' */
  readonly during?: Duration;
  /** How long one lasts. @default ['100 ms', '10 s'] */
  readonly lasting?: readonly [Duration, Duration];
  /** Whether a host that comes back may have lost its disk. @default true */
  readonly losesDisks?: boolean;
}

const CUTS: readonly Cut[] = ['silently', 'with-reset', 'one-way'];

/** The plan of a seed, in the order of time. Each fault has its own chance, so that one more does not change the others. */
export function drawFaults(seed: number, options: FaultOptions = {}): Fault[] {
  const { kinds = FAULT_KINDS, every = '3 s', during = '1 min', lasting = ['100 ms', '10 s'] } = options;
  const count = Math.round(inMs(during) / inMs(every));
  const faults = Array.from({ length: count }, (_, index) => {
    const random = chanceOf(seed, `fault ${index}`);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random.next() * list.length)]!;
    const [shortest, longest] = lasting.map(inMs) as [number, number];
    // As many short ones as long ones, on every scale.
    const forMs = Math.round(shortest * (longest / shortest) ** random.next());
    const base = { atMs: Math.round(random.next() * inMs(during)), forMs, host: random.next() };
    return faultOf(pick(kinds), base, random.next(), pick, options.losesDisks ?? true);
  });
  return faults.sort((a, b) => a.atMs - b.atMs);
}

function faultOf(
  kind: FaultKind,
  base: Pick<Fault, 'atMs' | 'forMs' | 'host'>,
  chance: number,
  pick: <T>(list: readonly T[]) => T,
  losesDisks: boolean,
): Fault {
  switch (kind) {
    case 'cut':
      return { ...base, kind, other: chance, how: pick(CUTS) };
    case 'hold':
      return { ...base, kind, other: chance };
    case 'partition':
      return { ...base, kind, share: 0.1 + 0.8 * chance };
    case 'crash':
      return {
        ...base,
        kind,
        how: chance < 0.5 ? 'power' : 'process',
        disk: losesDisks ? pick(['kept', 'kept', 'lost']) : 'kept',
      };
    case 'stall':
    case 'suspend':
      return { ...base, kind };
    case 'drift':
      return { ...base, kind, rate: 0.5 + 1.5 * chance };
    case 'jump':
      return { ...base, kind, byMs: Math.round((chance - 0.5) * 7_200_000) };
  }
}

/** One line for people. */
export function describeFault(fault: Fault): string {
  const { kind, atMs, forMs, host, ...rest } = fault;
  const details = Object.entries<string | number>(rest);
  const more = details.map(([name, value]) => `${name} ${numberText(value)}`);
  return [`${kind} of host ${numberText(host)} at ${atMs} ms for ${forMs} ms`, ...more].join(', ');
}

function numberText(value: number | string): string {
  return typeof value === 'number' ? String(Math.round(value * 1_000) / 1_000) : value;
}
