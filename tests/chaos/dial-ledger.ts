/** How a dial got its link. */
export type DialKind = 'transport' | 'stream';

const REFUSALS = [
  'SELF_CONNECT',
  'ALREADY_CONNECTED',
  'ALREADY_CONNECTING',
  'TOO_MANY_CONNECTIONS',
  'TOO_MANY_CONNECTIONS_PER_IP',
  'TOO_MANY_CONNECTING',
];

/** How the dials of one node ended. */
export class DialLedger {
  readonly #codes: Record<DialKind, Map<string, number>> = { transport: new Map(), stream: new Map() };

  ended(kind: DialKind, code: string): void {
    const codes = this.#codes[kind];
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }

  /** Dials that ended with `code`. */
  count(code: string, kinds: readonly DialKind[] = ['transport', 'stream']): number {
    return kinds.reduce((sum, kind) => sum + (this.#codes[kind].get(code) ?? 0), 0);
  }

  /** Dials that ended, those of `kind`. */
  all(kind: DialKind): number {
    return [...this.#codes[kind].values()].reduce((sum, count) => sum + count, 0);
  }

  refused(kinds?: readonly DialKind[]): number {
    return REFUSALS.reduce((sum, code) => sum + this.count(code, kinds), 0);
  }
}
