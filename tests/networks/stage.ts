import type { AgentOptions, LayerName, Order } from './layer.js';

/** The hosts of every cause: who dials, and who listens. Between them is a router. */
export type HostName = 'a' | 'b';

/** Documentation addresses (RFC 5737): they lead nowhere outside. */
export const ADDRESSES = { a: '198.51.100.2', b: '203.0.113.2' } as const;
/** What hosts of `a`'s side are seen as, where the router translates. */
export const OUTSIDE = '203.0.113.1';
/** An address that nobody replies for. */
export const NOBODY = '192.0.2.1';
/** An address that the router replies for: it cannot be reached. */
export const UNREACHABLE = '192.0.2.129';
/** A name, whose first address is {@link NOBODY} and whose second is `b`. */
export const NAME = 'seed.example';

/** Something that an agent saw. */
export interface Fact {
  readonly atMs: number;
  readonly host: HostName;
  readonly layer: LayerName;
  readonly what: string;
}

/** What of the network a cause may ask to be different. */
export interface StageOptions {
  readonly agents?: AgentOptions;
  /** Leaves the settings of the systems as they are. */
  readonly keepsSystem?: true;
  /** When a system gives up a peer that acknowledges nothing. */
  readonly giveUpMs?: number;
  /** How `a` is translated: when a silent connection is forgotten, and what becomes of its segments then. */
  readonly nat?: { readonly forgetsMs: number; readonly unknown: 'dropped' | 'reset' };
  readonly bytesPerSecond?: number;
  /** Has systems probe peers that are silent: every second, and three times in vain. */
  readonly probes?: true;
  /** The largest packet between the router and `b`, and whether the router says so. */
  readonly mtu?: { readonly bytes: number; readonly isTold: boolean };
}

/** How the way between the hosts is cut: from `a` to `b` or back alone, both, or with a reply of the router. */
export type StageCut = 'both' | 'a-to-b' | 'b-to-a' | 'reset' | 'prohibited';

/** What can be wrong with a host's own network. */
export type Loss = 'link' | 'address' | 'route';

/** Where a cause is played: a simulated network, or namespaces of this machine. */
export interface Stage {
  readonly isReal: boolean;
  readonly facts: readonly Fact[];
  /** The bytes that agents were told to say. */
  readonly said: Readonly<Record<HostName, number>>;
  /** Has an agent do something, and waits until it is done. */
  tell(host: HostName, order: Order): Promise<void>;
  /** Has an agent do something that goes on meanwhile. */
  launch(host: HostName, order: Order): void;
  /** What comes now is the cause: facts count from here, and their time does. */
  begin(): void;
  readonly began: { readonly atMs: number; readonly facts: number };
  pass(ms: number): Promise<void>;
  until(what: string, condition: () => boolean): Promise<void>;
  cut(how: StageCut): Promise<void>;
  heal(): Promise<void>;
  /** A host loses its link (somebody pulls the cable), its address, or its routes. */
  lose(host: HostName, what: Loss): Promise<void>;
  /** The process alone dies, or the machine loses its power. */
  crash(host: HostName, how: 'process' | 'power'): Promise<void>;
  restart(host: HostName): Promise<void>;
  /** The process stands still. */
  stall(host: HostName, ms: number): Promise<void>;
  close(): Promise<void>;
}
