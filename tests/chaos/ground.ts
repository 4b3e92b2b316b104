import type { Clock, SocketAddress, Transport } from '@pea2pea/core';
import type { Dice } from './dice.js';
import type { ChaosTime } from './time.js';

export const GROUNDS = ['simulation', 'memory', 'tcp'] as const;
export type GroundName = (typeof GROUNDS)[number];

/** Where a node or a stranger lives: a machine, as long as its process does. */
export interface Place {
  readonly transport: Transport;
  readonly clock: Clock;
  /** Where to listen, so that others can dial it. */
  readonly host: string;
  /** The process is dead: what it was asked for never comes. */
  readonly isGone: boolean;
  /** Its event loop turns, and the network reaches it. */
  readonly isAwake: boolean;
  /** How often something happened to it that those who deal with it may notice. */
  readonly disturbances: number;
  /** How long its event loop has stood still, by its own clock, all together; rather more than less. */
  readonly stalledMs: number;
  /** Has its event loop stand still, as a handler that computes does. */
  stall(durationMs: number): void;
  /** Another of its addresses to dial from; undefined where it has none. */
  localAddress(dice: Dice): string | undefined;
  /** A port to dial from that others dial from, too; undefined where that would hurt others. */
  localPort(dice: Dice): number | undefined;
  /** How others dial what listens there at `address`. */
  reach(address: SocketAddress, dice: Dice): SocketAddress | string;
  onGone(listener: () => void): void;
}

/** Many addresses of one place to dial from; they may be one group. */
export interface Crowd {
  readonly place: Place;
  readonly address: () => string;
}

/** How much a run asks of its ground. */
export interface Pace {
  /** How many roll their dice at once. */
  readonly workers: number;
  /** Nodes that are there from the beginning. */
  readonly company: number;
  /** How long a worker rests after a roll, at most. */
  readonly restMs: number;
}

/** What a run stands on: a network, and what passes the time. */
export interface Ground {
  readonly name: GroundName;
  readonly time: ChaosTime;
  readonly pace: Pace;
  /** Where a new node can live; undefined where there is no place now. */
  place(dice: Dice): Place | undefined;
  /** Where a peer without a node lives; undefined where there is no place now. */
  stranger(dice: Dice): Place | undefined;
  crowd(dice: Dice): Crowd | undefined;
  /** A process has started again at `place`. */
  onRestart: (place: Place) => void;
  /** For a trace of the ground, beside that of the run. */
  note(line: string): void;
}
