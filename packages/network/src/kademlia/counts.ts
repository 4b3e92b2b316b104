import { REFUSALS, type Refusal } from './messages.js';

/** The kinds of look-ups. */
export type LookUpKind = 'node' | 'value' | 'providers';

/** Look-ups that took this many hops or more are counted together. */
export const MAX_HOPS = 15;

/** Look-ups of one kind since the start. */
export interface LookUpReport {
  /** Those that are over. */
  readonly done: number;
  /** Those that found what they looked for: at least one node, the value, a provider. */
  readonly succeeded: number;
  /** How many of those took as many hops as the index says: nodes that were asked one after the other. */
  readonly hops: readonly number[];
  /** The hops of at least half of them; undefined where there is none. */
  readonly p50Hops: number | undefined;
  /** Queries that they sent. */
  readonly queries: number;
  /** Queries that failed. */
  readonly failures: number;
}

/** The numbers of a node, as plain data. */
export interface KademliaReport {
  /** Contacts in the routing table. */
  readonly contacts: number;
  /** What the table did: contacts that came, that were gone, and that found no place as their group has its share. */
  readonly table: { readonly added: number; readonly removed: number; readonly crowded: number };
  /** Look-ups by kind. */
  readonly lookUps: Readonly<Record<LookUpKind, LookUpReport>>;
  /** Requests of peers that were served. */
  readonly served: number;
  /** Requests of peers that were refused, by why. */
  readonly refused: Readonly<Record<Refusal, number>>;
  /** Values that are kept for others. */
  readonly values: number;
  /** About how many bytes of memory they take. */
  readonly valuesBytes: number;
  /** Entries of providers that are kept for others. */
  readonly providers: number;
  /** Values and keys that this node stores again and again. */
  readonly published: number;
  /** Records and addresses in replies that were discarded: forged, over, malformed, of another key. */
  readonly discarded: number;
  /** Dials for queries. */
  readonly dials: number;
  /** Dials for queries that failed. */
  readonly dialFailures: number;
  /** Connections that were dialled for queries, and are kept now. */
  readonly connections: number;
}

interface Tally {
  done: number;
  succeeded: number;
  hops: number[];
  queries: number;
  failures: number;
}

/** Counts what look-ups did, and what was refused. */
export class Counts {
  readonly #lookUps: Record<LookUpKind, Tally> = { node: tally(), value: tally(), providers: tally() };
  readonly refused: Record<Refusal, number>;
  served = 0;
  discarded = 0;

  constructor() {
    const names = Object.keys(REFUSALS) as Refusal[];
    this.refused = Object.fromEntries(names.map((name) => [name, 0])) as Record<Refusal, number>;
  }

  /** A look-up is over: `hops` is undefined where it found nothing. */
  lookedUp(kind: LookUpKind, hops: number | undefined, queries: number, failures: number): void {
    const counted = this.#lookUps[kind];
    counted.done++;
    counted.queries += queries;
    counted.failures += failures;
    if (hops === undefined) return;
    counted.succeeded++;
    counted.hops[Math.min(hops, MAX_HOPS)]!++;
  }

  get lookUps(): Record<LookUpKind, LookUpReport> {
    const { node, value, providers } = this.#lookUps;
    return { node: reportOf(node), value: reportOf(value), providers: reportOf(providers) };
  }
}

function tally(): Tally {
  return { done: 0, succeeded: 0, hops: Array<number>(MAX_HOPS + 1).fill(0), queries: 0, failures: 0 };
}

function reportOf(counted: Tally): LookUpReport {
  let seen = 0;
  const half = counted.hops.findIndex((count) => (seen += count) * 2 >= counted.succeeded);
  return { ...counted, hops: [...counted.hops], p50Hops: counted.succeeded === 0 ? undefined : half };
}
