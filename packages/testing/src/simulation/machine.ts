import type { Incarnation } from './incarnation.js';
import type { Nat } from './nat.js';
import type { Ports } from './ports.js';
import type { Subject } from './trace.js';

/** What the network knows of a host. */
export interface Machine {
  readonly addresses: readonly string[];
  readonly subject: Subject;
  /** Whether it has power, and is awake. */
  readonly isUp: boolean;
  /** Whether a cable is in it. */
  readonly isPlugged: boolean;
  readonly nat: Nat | undefined;
  readonly ports: Ports;
  /** The process that runs there. */
  readonly incarnation: Incarnation;
}
