import type { Trace } from './trace.js';

/** What a run can be found guilty of. */
export type Rule =
  /** A promise did not settle. */
  | 'wedged'
  /** A limit of the configuration was exceeded, for however short a time. */
  | 'limit'
  /** Somebody waits for what is free. */
  | 'starving'
  /** Something outlived `close()`. */
  | 'leftover'
  /** `onConnect`, `onMessage`, `onDisconnect` did not come as promised. */
  | 'pairing'
  /** A message was lost, doubled, overtaken or changed. */
  | 'content'
  /** Somebody was ended for silence, and had not been silent. */
  | 'silence'
  /** More was done in a turn of the event loop than others can wait for. */
  | 'turn'
  /** Counters do not add up. */
  | 'counter'
  /** A call ended in a way that its documentation does not name. */
  | 'alien-error'
  /** Something answered what it must not. */
  | 'contract'
  /** The process holds more than when it began. */
  | 'growth'
  /** A rejection or exception that nobody caught. */
  | 'unhandled';

export interface Violation {
  readonly rule: Rule;
  readonly what: string;
  /** The last lines of the trace before it. */
  readonly before: readonly string[];
}

const LINES_BEFORE = 30;
/** After so many a run has proven its point; the rest is counted. */
const KEEP = 50;

/** The findings of a run. */
export class Violations {
  readonly list: Violation[] = [];
  #count = 0;
  readonly #trace: Trace;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  get count(): number {
    return this.#count;
  }

  report(rule: Rule, what: string): void {
    const before = this.#trace.last(LINES_BEFORE);
    this.#trace.note('!!', `VIOLATION ${rule}: ${what}`);
    if (++this.#count <= KEEP) this.list.push({ rule, what, before });
  }
}
