/// <reference types="node" preserve="true" />
/**
 * Arbitraries of [fast-check](https://fast-check.dev) for simulated worlds: seeds, and plans of faults that shrink. Needs
 * `fast-check`.
 *
 * @packageDocumentation
 */
import fc, { type Arbitrary } from 'fast-check';
import { FAULT_KINDS, type Fault, type FaultKind, type FaultOptions } from './exploration/faults.js';
import { inMs } from './simulation/quantities.js';

/** Which plans {@link faultPlans} makes: as for `drawFaults`, but for how many faults they have. */
export interface FaultPlanOptions extends Omit<FaultOptions, 'every'> {
  /** The most faults of a plan. @default 20 */
  readonly maxFaults?: number;
}

/** Seeds for `simulate`. They shrink towards 0. */
export function worldSeeds(): Arbitrary<number> {
  return fc.integer({ min: 0, max: 2 ** 32 - 1 });
}

/**
 * Plans of faults for `playFaults`, in the order of time. They shrink to fewer faults, which come earlier, last shorter, and
 * are milder: a host keeps its disk, only its process dies, clocks are less wrong.
 *
 * ```ts
 * await fc.assert(
 *   fc.asyncProperty(worldSeeds(), faultPlans({ kinds: ['cut', 'crash'] }), async (seed, plan) => {
 *     const world = simulate({ seed });
 *     playFaults(world, plan);
 *     await election(world);
 *   }),
 *   { numRuns: 50 },
 * );
 * ```
 *
 * note: the seed is drawn by itself, so that a plan that shrinks has the same network.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG for what is not a duration.
 */
export function faultPlans(options: FaultPlanOptions = {}): Arbitrary<Fault[]> {
  const { kinds = FAULT_KINDS, during = '1 min', lasting = ['100 ms', '10 s'], maxFaults = 20 } = options;
  const [shortestMs, longestMs] = lasting.map(inMs) as [number, number];
  const base = {
    atMs: fc.integer({ min: 0, max: Math.round(inMs(during)) }),
    forMs: fc.integer({ min: Math.round(shortestMs), max: Math.round(longestMs) }),
    host: share(),
  };
  const faults = kinds.map((kind) => faultOf(kind, base, options.losesDisks ?? true));
  return fc
    .array(fc.oneof(...faults), { maxLength: maxFaults })
    .map((plan) => plan.toSorted((a, b) => a.atMs - b.atMs));
}

type Base = Readonly<Record<'atMs' | 'forMs' | 'host', Arbitrary<number>>>;

function faultOf(kind: FaultKind, base: Base, losesDisks: boolean): Arbitrary<Fault> {
  switch (kind) {
    case 'cut': {
      const how = fc.constantFrom('silently' as const, 'with-reset' as const, 'one-way' as const);
      return fc.record({ ...base, kind: fc.constant(kind), other: share(), how });
    }
    case 'hold':
      return fc.record({ ...base, kind: fc.constant(kind), other: share() });
    case 'partition':
      return fc.record({ ...base, kind: fc.constant(kind), share: share() });
    case 'crash': {
      const how = fc.constantFrom('process' as const, 'power' as const);
      const disk = losesDisks
        ? fc.constantFrom('kept' as const, 'lost' as const)
        : fc.constant('kept' as const);
      return fc.record({ ...base, kind: fc.constant(kind), how, disk });
    }
    case 'stall':
    case 'suspend':
      return fc.record({ ...base, kind: fc.constant(kind) });
    case 'drift':
      return fc.record({ ...base, kind: fc.constant(kind), rate: percent(50, 200, 100) });
    case 'jump':
      return fc.record({
        ...base,
        kind: fc.constant(kind),
        byMs: fc.integer({ min: -3_600_000, max: 3_600_000 }),
      });
  }
}

/** From 0 to 1, in steps that people can read. */
function share(): Arbitrary<number> {
  return fc.integer({ min: 0, max: 999 }).map((thousandths) => thousandths / 1_000);
}

/** A number of hundredths, which shrinks towards `usual`. */
function percent(min: number, max: number, usual: number): Arbitrary<number> {
  return fc.integer({ min: min - usual, max: max - usual }).map((more) => (usual + more) / 100);
}
