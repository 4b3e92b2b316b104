import type { Connection, PeerNode, Timer } from '@pea2pea/core';
import { describeConnection, glanceAt } from '../snapshot/connections.js';
import { snapshot } from '../snapshot/snapshot.js';
import { act, canBan } from './actions.js';
import { FrameTail } from './frames.js';
import { COLUMN_MS, History } from './history.js';
import { LogBook } from './log-book.js';
import type { ResolvedInspector } from './options.js';
import { RateMeter } from './rates.js';
import type { ActionRequest, ActionResult, Sections, Source, TableQuery } from './source.js';
import { select, type Row } from './table.js';
import { topologyOf } from './topology.js';

const MOST_SETUPS = 50;
/** Log lines that a page is told at once: of more the last. */
const MOST_LINES = 200;
/** The rates of the node as a whole; ids of connections begin at 1. */
const WHOLE = 0;

/** What a page was told last. */
interface Watch {
  readonly show: (sections: Sections) => void;
  readonly told: Map<string, string>;
  line: number;
}

/** A moment of the node, for all pages that are open: nothing in it grows with the connections. */
interface Moment {
  readonly atMs: number;
  /** Each with its JSON, by which changes are found. */
  readonly sections: ReadonlyMap<string, readonly [value: unknown, json: string]>;
}

/** A node of this process, as pages see it. While no page is open it costs a few additions every five seconds. */
export class NodeSource implements Source {
  readonly key: string;
  readonly #node: PeerNode<unknown>;
  readonly #options: ResolvedInspector;
  readonly #history: History;
  readonly #log: LogBook;
  readonly #rates = new RateMeter();
  readonly #watches = new Set<Watch>();
  #columns: Timer | undefined;
  #ticks: Timer | undefined;
  #moment: Moment | undefined;
  #startedAt = 0;

  constructor(key: string, node: PeerNode<unknown>, options: ResolvedInspector) {
    this.key = key;
    this.#node = node;
    this.#options = options;
    this.#history = new History(node);
    this.#log = new LogBook(node);
  }

  /** Begins to keep what is needed to tell of the past. */
  open(): void {
    this.#startedAt = this.#node.config.clock.date();
    this.#log.open();
    this.#nextColumn();
  }

  /** Keeps nothing more, and has nothing left that runs. */
  close(): void {
    this.#log.close();
    this.#columns?.cancel();
    this.#ticks?.cancel();
    this.#ticks = undefined;
    this.#watches.clear();
    this.#moment = undefined;
  }

  watch(show: (sections: Sections) => void): () => void {
    const watch: Watch = { show, told: new Map(), line: 0 };
    this.#watches.add(watch);
    this.#tell(watch, this.#now());
    this.#ticks ??= this.#scheduleLook();
    return () => {
      this.#watches.delete(watch);
      if (this.#watches.size > 0) return;
      this.#ticks?.cancel();
      this.#ticks = undefined;
      this.#moment = undefined;
      this.#rates.clear();
    };
  }

  tail(connection: number | undefined, show: (frames: unknown) => void): () => void {
    const { frames } = this.#options;
    if (frames === 'off') return () => {};
    const tail = new FrameTail(this.#node, frames, connection, show);
    return () => tail.end();
  }

  table(query: TableQuery): Promise<unknown> {
    this.#now();
    // They are described for each query, and not kept: a page that is open would cost half a kilobyte for each.
    const rows = [...this.#node.connections].map((connection) => this.#rowOf(connection));
    const { matching, rows: selected } = select(rows, query);
    const lines = this.#log.lastOf(new Set(selected.map(({ id }) => id)));
    return Promise.resolve({
      total: rows.length,
      matching,
      offset: query.offset,
      rows: selected.map((row) => ({ ...row, lastLine: lines.get(row.id)?.text ?? null })),
    });
  }

  connection(id: number): Promise<unknown> {
    this.#now();
    const connection = [...this.#node.connections].find((one) => one.id === id);
    const log = this.#log.of(id).slice(-100);
    if (connection === undefined && log.length === 0) return Promise.resolve(null);
    return Promise.resolve({ row: connection === undefined ? null : this.#rowOf(connection), log });
  }

  act(request: ActionRequest): Promise<ActionResult> {
    if (!this.#options.actions) {
      return Promise.resolve({
        done: false,
        text: 'the inspector of this node has no actions: see its option `actions`',
      });
    }
    return act(this.#node, request);
  }

  #rowOf(connection: Connection): Row {
    return { ...describeConnection(this.#node, connection), rates: this.#rates.of(connection.id) };
  }

  #scheduleLook(): Timer {
    const { clock } = this.#node.config;
    return clock.setTimeout(
      () => {
        this.#ticks = this.#scheduleLook();
        const moment = this.#look();
        for (const watch of this.#watches) this.#tell(watch, moment);
      },
      this.#options.intervalMs,
      { keepsAlive: false },
    );
  }

  #nextColumn(): void {
    const { clock } = this.#node.config;
    this.#columns = clock.setTimeout(
      () => {
        this.#history.add();
        this.#nextColumn();
      },
      COLUMN_MS,
      { keepsAlive: false },
    );
  }

  /** What changed since `watch` was told. */
  #tell(watch: Watch, { sections }: Moment): void {
    const changed: Record<string, unknown> = {};
    for (const [name, [value, json]] of sections) {
      if (watch.told.get(name) === json) continue;
      watch.told.set(name, json);
      changed[name] = value;
    }
    const lines = this.#log.after(watch.line);
    if (lines.length > 0) {
      watch.line = lines.at(-1)!.number;
      changed['log'] = lines.slice(-MOST_LINES);
    }
    // Pages notice by it that nothing has changed, and that the connection lives.
    watch.show({ ...changed, at: this.#node.config.clock.date() });
  }

  /** A moment that is not older than what pages are told. */
  #now(): Moment {
    const moment = this.#moment;
    const isFresh =
      moment !== undefined && this.#node.config.clock.now() - moment.atMs < this.#options.intervalMs;
    return isFresh ? moment : this.#look();
  }

  #look(): Moment {
    const node = this.#node;
    const atMs = node.config.clock.now();
    const seen = snapshot(node, { connections: { limit: 0 } });
    const open = [...node.connections];
    this.#rates.begin();
    this.#rates.look(WHOLE, node.stats, atMs);
    for (const { id, stats } of open) this.#rates.look(id, stats, atMs);
    this.#rates.forget();
    const glances = open.map((connection) => ({
      ...glanceAt(node, connection),
      rates: this.#rates.of(connection.id),
      // Asked for those alone that are shown one by one: a socket keeps what it has found out.
      get localAddress() {
        return connection.localAddress.toString();
      },
    }));
    const { items: _, next: _next, ...connections } = seen.connections;
    const { setups } = seen;
    const sections = new Map<string, readonly [unknown, string]>();
    const put = (name: string, value: unknown): void =>
      void sections.set(name, [value, JSON.stringify(value)]);
    put('node', {
      name: seen.name,
      state: seen.state,
      listening: seen.listening,
      process: process.pid,
      since: seen.stats.since,
      inspectedSince: this.#startedAt,
      actions: this.#options.actions,
      canBan: canBan(node),
      frames: this.#options.frames,
      intervalMs: this.#options.intervalMs,
      columnMs: COLUMN_MS,
    });
    put('traffic', { stats: seen.stats, rates: rounded(this.#rates.of(WHOLE)) });
    put('connections', connections);
    put('limits', seen.limits);
    put('buffered', { ...seen.buffered, waiting: seen.waiting });
    put('setups', { total: setups.length, items: setups.slice(0, MOST_SETUPS) });
    put('refused', seen.refused);
    put('ended', seen.ended);
    put('counters', seen.counters);
    put('plugins', seen.plugins);
    put('topology', topologyOf(glances));
    put('history', this.#history.columns);
    this.#moment = { atMs, sections };
    return this.#moment;
  }
}

function rounded(rates: object): Record<string, number> {
  return Object.fromEntries(
    Object.entries(rates).map(([name, value]) => [name, Math.round(value as number)]),
  );
}
