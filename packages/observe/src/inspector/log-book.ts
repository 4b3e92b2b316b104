import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { LogDiagnostic, PeerNode } from '@pea2pea/core';
import { describe, printable } from '@pea2pea/core/authoring';

const MOST_LINES = 1_000;
const LONGEST = 300;
const MOST_FIELDS = 12;
/** What has columns of its own on the page. */
const SHOWN_APART = new Set(['node', 'connection']);

/** A line of the log, as strings that are safe to show. */
export interface BookLine {
  /** Rises by one with each line. */
  readonly number: number;
  readonly at: number;
  readonly level: LogDiagnostic['level'];
  readonly text: string;
  readonly fields: Readonly<Record<string, string>>;
  /** The id of the connection that it is about; null where it is about none. */
  readonly connection: number | null;
}

/** The last log lines of a node, whatever its logger makes of them. */
export class LogBook {
  readonly #node: PeerNode<unknown>;
  readonly #lines: BookLine[] = [];
  #count = 0;

  constructor(node: PeerNode<unknown>) {
    this.#node = node;
  }

  /** Begins to keep lines. */
  open(): void {
    subscribe('pea2pea:log', this.#onLine);
  }

  /** Keeps no more. */
  close(): void {
    unsubscribe('pea2pea:log', this.#onLine);
  }

  /** Those after the one with `number`. */
  after(number: number): readonly BookLine[] {
    const missing = this.#count - number;
    return missing <= 0 ? [] : this.#lines.slice(-Math.min(missing, MOST_LINES));
  }

  /** Those about a connection. */
  of(connection: number): readonly BookLine[] {
    return this.#lines.filter((line) => line.connection === connection);
  }

  /** The last line about each of some connections. */
  lastOf(connections: ReadonlySet<number>): ReadonlyMap<number, BookLine> {
    const last = new Map<number, BookLine>();
    for (const line of this.#lines) {
      if (line.connection !== null && connections.has(line.connection)) last.set(line.connection, line);
    }
    return last;
  }

  readonly #onLine = (event: unknown): void => {
    const { nodeId, level, fields, text } = event as LogDiagnostic;
    if (nodeId !== this.#node.inside.id) return;
    const shown = Object.entries(fields)
      .filter(([name]) => !SHOWN_APART.has(name))
      .slice(0, MOST_FIELDS)
      .map(([name, value]) => [printable(name, 40), shownValue(value)] as const);
    this.#lines.push({
      number: ++this.#count,
      at: this.#node.config.clock.date(),
      level,
      text: printable(text, LONGEST),
      fields: Object.fromEntries(shown),
      connection: typeof fields['connection'] === 'number' ? fields['connection'] : null,
    });
    if (this.#lines.length > MOST_LINES) this.#lines.shift();
  };
}

/** INVARIANT: foreign-values-are-harmless. */
function shownValue(value: unknown): string {
  return typeof value === 'string' ? printable(value, LONGEST) : printable(describe(value), LONGEST);
}
