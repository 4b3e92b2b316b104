import {
  memoryTransport,
  tcpTransport,
  type Connection,
  type ConnectOptions,
  type SocketAddress,
  type Transport,
} from '@pea2pea/core';
import { ChaosNode, makeSoundNode, type MakeNode } from './chaos-node.js';
import { Dice } from './dice.js';
import type { DialKind } from './dial-ledger.js';
import { chaosHooks } from './hooks.js';
import { leftovers, reportErrors } from './leftovers.js';
import { exceededLimits } from './limits.js';
import type { ChaosMessage, MessageKind } from './message.js';
import { disagreements } from './reconciliation.js';
import { StreamLogExchange, streamLogs } from './stream-log.js';
import { Figures, Tally } from './tally.js';
import { cameTrue, type ChaosTime } from './time.js';
import { Trace } from './trace.js';
import { Violations } from './violations.js';
import { Watchdog, type Outcome } from './watchdog.js';

/** Far longer than anything may take: every timeout of a node is below a second. */
const WEDGED_MS = 15_000;
/** How long a closed node's last promises and counters may take. */
const SETTLE_MS = 2_000;

export interface WorldOptions {
  readonly seed: number;
  readonly transport: 'memory' | 'tcp';
  readonly time: ChaosTime;
  /** Trace lines to keep. */
  readonly keepLines: number;
  readonly makeNode?: MakeNode | undefined;
}

/** Everything that a run shares: the nodes that live, and who looks after them. */
export class World {
  readonly seed: number;
  readonly dice: Dice;
  readonly time: ChaosTime;
  readonly trace: Trace;
  readonly violations: Violations;
  readonly watchdog: Watchdog;
  readonly tally = new Tally();
  readonly figures = new Figures();
  readonly exchange = new StreamLogExchange();
  readonly transport: Transport;
  readonly makeNode: MakeNode;
  /** Nodes that are not closed. */
  readonly live: ChaosNode[] = [];
  #lastNode = 0;
  /** Ids are unique in the process; a trace counts from 1 in every run. */
  readonly #ids = new Map<number, number>();

  constructor({ seed, transport, time, keepLines, makeNode = makeSoundNode }: WorldOptions) {
    this.seed = seed;
    this.dice = new Dice(seed);
    this.time = time;
    this.trace = new Trace(time.clock, keepLines);
    this.violations = new Violations(this.trace);
    this.watchdog = new Watchdog(time.clock, this.violations, WEDGED_MS);
    this.transport = transport === 'memory' ? memoryTransport() : tcpTransport();
    this.makeNode = makeNode;
  }

  idOf(connection: number): string {
    let id = this.#ids.get(connection);
    if (id === undefined) this.#ids.set(connection, (id = this.#ids.size + 1));
    return `#${id}`;
  }

  checkLimits(...nodes: readonly ChaosNode[]): void {
    for (const chaos of nodes) this.violations.reportAll('limit', exceededLimits(chaos));
  }

  spawn(): ChaosNode {
    const chaos = new ChaosNode(this, `n${++this.#lastNode}`, this.dice.fork());
    chaos.node.use(chaosHooks(this, chaos));
    this.live.push(chaos);
    this.figures.peak('live nodes', this.live.length);
    return chaos;
  }

  async listen(chaos: ChaosNode, host: string, port: number): Promise<string> {
    const listening = chaos.node.listen({ host, port });
    const outcome = await this.watchdog.watch(chaos.name, 'listen', listening);
    if (outcome.ok) chaos.lastAddress = outcome.value;
    return outcome.code;
  }

  async dial(
    chaos: ChaosNode,
    kind: DialKind,
    address: SocketAddress | string,
    options: ConnectOptions,
  ): Promise<Outcome<Connection<ChaosMessage>>> {
    const { node, name, dials } = chaos;
    const isOver = node.state === 'closing' || node.state === 'closed';
    const dialling = node.connect(address, options);
    const outcome = await this.watchdog.watch(name, 'connect', dialling, ({ code }) => {
      dials.ended(kind, code);
    });
    if (isOver && outcome.code !== 'SHUTTING_DOWN' && outcome.code !== 'INVALID_ADDRESS') {
      this.violations.report('contract', `${name}: connect on a closing node: ${outcome.code}`);
    }
    const isFailed = !outcome.ok && outcome.code !== 'DETACHED';
    if (isFailed && options.stream?.destroyed === false) {
      const what = `connect failed (${outcome.code}), but did not destroy the stream it was given`;
      this.violations.report('leftover', `${name}: ${what}`);
    }
    return outcome;
  }

  async disconnect(chaos: ChaosNode, connection: Connection<ChaosMessage>): Promise<boolean> {
    const wasOpen = connection.state === 'open';
    const { ok, ...rest } = await this.watchdog.watch(
      chaos.name,
      'disconnect',
      connection.disconnect('dice'),
    );
    const value = ok && 'value' in rest && rest.value;
    if (value !== wasOpen) {
      const what = `disconnect answered ${value} for a connection that was ${wasOpen ? 'open' : 'ending'}`;
      this.violations.report('contract', `${chaos.name}: ${what}`);
    }
    if (value && connection.state !== 'closed') {
      this.violations.report(
        'contract',
        `${chaos.name}: disconnect ended, the connection is ${connection.state}`,
      );
    }
    return value;
  }

  /** Ends the half of `chaos`; nothing may be queued from then on. */
  async end(chaos: ChaosNode, connection: Connection<ChaosMessage>): Promise<string> {
    const log = connection.context.get(streamLogs)?.own;
    const ending = connection.end();
    const fail = (what: string): void => this.violations.report('contract', `${chaos.name}: ${what}`);
    if (connection.end() !== ending) fail('a second end() did not join');
    if (!connection.hasEnded) fail('end() was called, and the connection has not ended');
    if (this.trySend(chaos, connection, { poisoned: true }) !== 'not queued')
      fail('a message was queued after end()');
    const { ok, code } = await this.watchdog.watch(chaos.name, 'end', ending);
    if (ok && log !== undefined) log.isOut = true;
    return code;
  }

  async send(
    chaos: ChaosNode,
    connection: Connection<ChaosMessage>,
    options: { poisoned?: boolean; signal?: AbortSignal } = {},
  ): Promise<string> {
    const { poisoned = false, signal } = options;
    const message = chaos.message({ poisoned });
    const sending = chaos.offer(message, [connection], () => connection.send(message, signal && { signal }));
    const { code } = await this.watchdog.watch(chaos.name, 'send', sending);
    return code;
  }

  trySend(
    chaos: ChaosNode,
    connection: Connection<ChaosMessage>,
    kind: { poisoned?: boolean; large?: boolean; kind?: MessageKind } = {},
  ): string {
    const message = chaos.message(kind);
    // What is queued waits, or went to the system at once and counts as sent.
    const taken = (): number => connection.bufferedBytes + connection.stats.bytesSent;
    const before = taken();
    try {
      const queued = chaos.offer(message, [connection], () => connection.trySend(message));
      if (queued !== taken() > before) {
        this.violations.report(
          'contract',
          `${chaos.name}: trySend answered ${queued}, the queue says otherwise`,
        );
      }
      return queued ? 'ok' : 'not queued';
    } catch (error) {
      return this.watchdog.code(chaos.name, 'trySend', error);
    }
  }

  /** Closes a node and settles accounts with it. The second call joins the first. */
  retire(chaos: ChaosNode, timeoutMs?: number): Promise<string> {
    return (chaos.retiring ??= this.#retire(chaos, timeoutMs));
  }

  async #retire(chaos: ChaosNode, timeoutMs: number | undefined): Promise<string> {
    const { node, name } = chaos;
    const stalledMs = this.time.stalledMs;
    const closing = node.close(timeoutMs === undefined ? {} : { timeoutMs });
    // Looked at in the very turn in which it resolves: that is the promise.
    const examined = closing.then((report) => {
      this.violations.reportAll('leftover', leftovers(chaos));
      const allowedMs = timeoutMs ?? node.config.closeTimeoutMs;
      // What stood still did so for close(), too.
      const toleranceMs = this.time.toleranceMs + this.time.stalledMs - stalledMs;
      const errors = reportErrors(chaos, report, allowedMs, toleranceMs);
      this.violations.reportAll('contract', errors);
      return report;
    });
    if (node.close() !== closing)
      this.violations.report('contract', `${name}: a second close() did not join`);
    const outcome = await this.watchdog.watch(name, 'close', examined);
    this.live.splice(this.live.indexOf(chaos), 1);
    if (!outcome.ok) return outcome.code;
    await this.#settleAccounts(chaos);
    const kinds = new Set(outcome.value.cut.map(({ what }) => what));
    return kinds.size === 0 ? 'ok' : `cut ${[...kinds].sort().join('+')}`;
  }

  async #settleAccounts(chaos: ChaosNode): Promise<void> {
    const { node, name, ledger } = chaos;
    const { clock } = this.time;
    if (!(await cameTrue(clock, SETTLE_MS, () => this.watchdog.openOf(name).length === 0))) {
      const open = this.watchdog.openOf(name).join(', ');
      this.violations.report('wedged', `${name}: after close() these have not settled: ${open}`);
    }
    const examine = (): readonly string[] => disagreements(chaos, node.heuristics, node.stats);
    // Hooks that were abandoned may still throw, and count.
    await cameTrue(clock, SETTLE_MS, () => examine().length === 0);
    this.violations.reportAll('counter', examine());
    ledger.nodeClosed();

    this.figures.add('nodes', 1);
    for (const [counter, value] of Object.entries(node.heuristics)) this.figures.add(counter, value);
    const { messagesReceived, messagesSent, bytesReceived, bytesSent } = node.stats;
    this.figures.add('messages received', messagesReceived);
    this.figures.add('messages sent', messagesSent);
    this.figures.add('bytes received', bytesReceived);
    this.figures.add('bytes sent', bytesSent);
    for (const [reason, count] of ledger.reasons) this.tally.add('(connection ended)', reason, count);
  }
}
