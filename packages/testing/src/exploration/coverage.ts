import { channel } from 'node:diagnostics_channel';
import type { ConnectionCloseDiagnostic, ConnectionRefusedDiagnostic } from '@pea2pea/core';

/** How often each thing was seen. */
export type Counts = Readonly<Record<string, number>>;

/** What an exploration can see of connections, by the names that {@link Coverage} counts under. */
export const COVERABLE = [
  'opened',
  'closed: user',
  'closed: shutdown',
  'closed: on-connect',
  'closed: reading ended',
  'closed: reading idle-timeout',
  'closed: reading invalid-frame',
  'closed: reading handler-error',
  'closed: reading stream-error',
  'closed: reading over-budget',
  'closed: writing timeout',
  'closed: writing stream-error',
  'closed: writing over-budget',
  'refused',
  'message refused',
] as const;

/** Counts what becomes of the connections of all nodes in this process. */
export class Coverage {
  readonly #counts: Record<string, number> = {};
  readonly #subscriptions: readonly (readonly [string, (message: unknown) => void])[] = [
    ['pea2pea:connection:open', () => this.#count('opened')],
    [
      'pea2pea:connection:close',
      (message) => {
        const { reason } = message as ConnectionCloseDiagnostic;
        this.#count(`closed: ${reason.origin}${'cause' in reason ? ` ${reason.cause}` : ''}`);
      },
    ],
    [
      'pea2pea:connection:refused',
      (message) => {
        this.#count('refused');
        this.#count(`refused: ${(message as ConnectionRefusedDiagnostic).cause}`);
      },
    ],
    ['pea2pea:message:refused', () => this.#count('message refused')],
  ];

  constructor() {
    for (const [name, listener] of this.#subscriptions) channel(name).subscribe(listener);
  }

  get counts(): Counts {
    return this.#counts;
  }

  /** Adds what a scenario has counted itself. */
  add(counts: Counts): void {
    addCounts(this.#counts, counts);
  }

  stop(): void {
    for (const [name, listener] of this.#subscriptions) channel(name).unsubscribe(listener);
  }

  #count(what: string): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + 1;
  }
}

/** Adds `more` to `sum`. */
export function addCounts(sum: Record<string, number>, more: Counts): void {
  for (const [what, count] of Object.entries(more)) sum[what] = (sum[what] ?? 0) + count;
}

/** What never came to pass: what a scenario promises about it was never put to the test. */
export function neverSeen(counts: Counts): readonly string[] {
  return COVERABLE.filter((what) => counts[what] === undefined);
}
