import type { PeerNode, Stats } from '@pea2pea/core';

/** How long a column of the charts is. */
export const COLUMN_MS = 5_000;
/** Fifteen minutes. */
const COLUMNS = 180;
/** Causes that are told apart; the others are one. */
const MOST_CAUSES = 12;
const OTHERS = 'other causes';

/** What happened in a column of time, or was so at its end. */
interface Column {
  readonly at: number;
  readonly connections: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly ended: Readonly<Record<string, number>>;
  readonly refused: Readonly<Record<string, number>>;
}

/** What only rises. */
interface Totals extends Pick<Stats, 'messagesReceived' | 'messagesSent' | 'bytesReceived' | 'bytesSent'> {
  readonly ended: Readonly<Record<string, number>>;
  readonly refused: Readonly<Record<string, number>>;
}

/** The last minutes of a node, in columns: bounded, and cheap enough to be kept while nobody looks. */
export class History {
  readonly #node: PeerNode<unknown>;
  readonly #columns: Column[] = [];
  readonly #causes = { ended: new Set<string>(), refused: new Set<string>() };
  #last: Totals;

  constructor(node: PeerNode<unknown>) {
    this.#node = node;
    this.#last = this.#totals();
  }

  /** The columns, oldest first. */
  get columns(): readonly Column[] {
    return this.#columns;
  }

  /** Adds a column with what has happened since the last one. */
  add(): void {
    const now = this.#totals();
    const before = this.#last;
    this.#last = now;
    this.#columns.push({
      at: this.#node.config.clock.date(),
      connections: this.#node.connections.size,
      messagesIn: now.messagesReceived - before.messagesReceived,
      messagesOut: now.messagesSent - before.messagesSent,
      bytesIn: now.bytesReceived - before.bytesReceived,
      bytesOut: now.bytesSent - before.bytesSent,
      ended: this.#difference('ended', before.ended, now.ended),
      refused: this.#difference('refused', before.refused, now.refused),
    });
    if (this.#columns.length > COLUMNS) this.#columns.shift();
  }

  #totals(): Totals {
    const { stats, inside } = this.#node;
    const { messagesReceived, messagesSent, bytesReceived, bytesSent } = stats;
    const { inbound, outbound } = inside.refused;
    return {
      messagesReceived,
      messagesSent,
      bytesReceived,
      bytesSent,
      ended: { ...inside.ended },
      refused: sumOf(inbound, outbound),
    };
  }

  #difference(
    kind: 'ended' | 'refused',
    before: Readonly<Record<string, number>>,
    now: Readonly<Record<string, number>>,
  ): Record<string, number> {
    const known = this.#causes[kind];
    const difference: Record<string, number> = {};
    for (const [cause, count] of Object.entries(now)) {
      const more = count - (before[cause] ?? 0);
      if (more <= 0) continue;
      if (known.size < MOST_CAUSES) known.add(cause);
      const name = known.has(cause) ? cause : OTHERS;
      difference[name] = (difference[name] ?? 0) + more;
    }
    return difference;
  }
}

function sumOf(...all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const counts of all) {
    for (const [cause, count] of Object.entries(counts)) sum[cause] = (sum[cause] ?? 0) + count;
  }
  return sum;
}
