import type { Connection, ConnectOptions, SocketAddress } from '@pea2pea/core';
import { ChaosNode, makeSoundNode, type MakeNode } from './chaos-node.js';
import { Dice } from './dice.js';
import type { DialKind } from './dial-ledger.js';
import type { Ground, Place } from './ground.js';
import { chaosHooks } from './hooks.js';
import { leftovers, reportErrors } from './leftovers.js';
import { exceededLimits, roomFor } from './limits.js';
import type { ChaosMessage, MessageKind } from './message.js';
import { disagreements } from './reconciliation.js';
import { StreamLogExchange, streamLogs } from './stream-log.js';
import { talks } from './talk.js';
import { Figures, Tally } from './tally.js';
import { cameTrueFor, type ChaosTime } from './time.js';
import { Trace } from './trace.js';
import { Violations } from './violations.js';
import { Watchdog, type Outcome } from './watchdog.js';

/** Far longer than anything may take: every timeout of a node is below a second. */
const WEDGED_MS = 15_000;
/** How long a closed node's last promises and counters may take. */
const SETTLE_MS = 2_000;

export interface WorldOptions {
  readonly seed: number;
  readonly ground: Ground;
  /** Trace lines to keep. */
  readonly keepLines: number;
  readonly makeNode?: MakeNode | undefined;
}

/** Everything that a run shares: the nodes that live, and who looks after them. */
export class World {
  readonly seed: number;
  readonly dice: Dice;
  readonly ground: Ground;
  readonly time: ChaosTime;
  readonly trace: Trace;
  readonly violations: Violations;
  readonly watchdog: Watchdog;
  readonly tally = new Tally();
  readonly figures = new Figures();
  readonly exchange = new StreamLogExchange();
  readonly makeNode: MakeNode;
  /** Nodes that are not closed. */
  readonly live: ChaosNode[] = [];
  #lastNode = 0;
  /** Ids are unique in the process; a trace counts from 1 in every run. */
  readonly #ids = new Map<number, number>();

  constructor({ seed, ground, keepLines, makeNode = makeSoundNode }: WorldOptions) {
    this.seed = seed;
    this.dice = new Dice(seed);
    this.ground = ground;
    this.time = ground.time;
    this.trace = new Trace(ground.time.clock, keepLines, (line) => ground.note(line));
    this.violations = new Violations(this.trace);
    this.watchdog = new Watchdog(WEDGED_MS);
    this.makeNode = makeNode;
  }

  /** Those of them whose processes turn now. */
  get awake(): readonly ChaosNode[] {
    return this.live.filter(({ place }) => place.isAwake);
  }

  idOf(connection: number): string {
    let id = this.#ids.get(connection);
    if (id === undefined) this.#ids.set(connection, (id = this.#ids.size + 1));
    return `#${id}`;
  }

  checkLimits(...nodes: readonly ChaosNode[]): void {
    for (const chaos of nodes) chaos.reportAll('limit', exceededLimits(chaos));
  }

  spawn(place: Place): ChaosNode {
    const chaos = new ChaosNode(this, `n${++this.#lastNode}`, place, this.dice.fork());
    chaos.node.use(chaosHooks(this, chaos));
    place.onGone(() => this.#bury(chaos));
    this.live.push(chaos);
    this.figures.peak('live nodes', this.live.length);
    return chaos;
  }

  async listen(chaos: ChaosNode, host: string, port: number): Promise<string> {
    const listening = chaos.node.listen({ host, port });
    const outcome = await this.watchdog.watch(chaos, 'listen', listening);
    if (outcome.ok) chaos.lastAddress = outcome.value;
    return outcome.code;
  }

  async dial(
    chaos: ChaosNode,
    kind: DialKind,
    address: SocketAddress | string,
    options: ConnectOptions,
  ): Promise<Outcome<Connection<ChaosMessage>>> {
    const { node, dials } = chaos;
    const isOver = node.state === 'closing' || node.state === 'closed';
    const dialling = node.connect(address, options);
    const outcome = await this.watchdog.watch(chaos, 'connect', dialling, ({ code }) => {
      dials.ended(kind, code);
    });
    if (isOver && outcome.code !== 'SHUTTING_DOWN' && outcome.code !== 'INVALID_ADDRESS') {
      chaos.report('contract', `connect on a closing node: ${outcome.code}`);
    }
    const isFailed = !outcome.ok && outcome.code !== 'DETACHED';
    if (isFailed && options.stream?.destroyed === false) {
      const what = `connect failed (${outcome.code}), but did not destroy the stream it was given`;
      chaos.report('leftover', what);
    }
    return outcome;
  }

  async disconnect(chaos: ChaosNode, connection: Connection<ChaosMessage>): Promise<boolean> {
    const wasOpen = connection.state === 'open';
    chaos.asked.add(connection.id);
    const { ok, ...rest } = await this.watchdog.watch(chaos, 'disconnect', connection.disconnect('dice'));
    const value = ok && 'value' in rest && rest.value;
    if (value !== wasOpen) {
      const what = `disconnect answered ${value} for a connection that was ${wasOpen ? 'open' : 'ending'}`;
      chaos.report('contract', what);
    }
    if (value && connection.state !== 'closed') {
      chaos.report('contract', `disconnect ended, the connection is ${connection.state}`);
    }
    return value;
  }

  /** Ends the half of `chaos`; nothing may be queued from then on. */
  async end(chaos: ChaosNode, connection: Connection<ChaosMessage>): Promise<string> {
    const log = connection.context.get(streamLogs)?.own;
    const ending = connection.end();
    const fail = (what: string): void => chaos.report('contract', what);
    if (connection.end() !== ending) fail('a second end() did not join');
    if (!connection.hasEnded) fail('end() was called, and the connection has not ended');
    if (this.trySend(chaos, connection, { poisoned: true }) !== 'not queued')
      fail('a message was queued after end()');
    const { ok, code } = await this.watchdog.watch(chaos, 'end', ending);
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
    const { code } = await this.watchdog.watch(chaos, 'send', sending);
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
    const room = roomFor(chaos, connection);
    const isOpen = connection.state === 'open' && !connection.hasEnded;
    const isTaken = connection.context.get(talks)?.isFrozen === true;
    try {
      const queued = chaos.offer(message, [connection], () => connection.trySend(message));
      if (queued !== taken() > before) {
        chaos.report('contract', `trySend answered ${queued}, the queue says otherwise`);
      }
      if (queued && room === 'must not')
        chaos.report('limit', 'a message was queued above the limit or the budget');
      if (!queued && room === 'must' && isOpen && !isTaken)
        chaos.report('limit', 'a message was refused, and there was room for it');
      return queued ? 'ok' : 'not queued';
    } catch (error) {
      return this.watchdog.code(chaos, 'trySend', error);
    }
  }

  /** Closes a node and settles accounts with it. The second call joins the first. */
  retire(chaos: ChaosNode, timeoutMs?: number): Promise<string> {
    return (chaos.retiring ??= this.#retire(chaos, timeoutMs));
  }

  async #retire(chaos: ChaosNode, timeoutMs: number | undefined): Promise<string> {
    const { node, place } = chaos;
    const { stalledMs } = place;
    const closing = node.close(timeoutMs === undefined ? {} : { timeoutMs });
    // Looked at in the very turn in which it resolves: that is the promise.
    const examined = closing.then((report) => {
      const pulls = this.watchdog.openOf(chaos).filter((what) => what === 'next').length;
      chaos.reportAll('leftover', leftovers(chaos, pulls));
      const allowedMs = timeoutMs ?? node.config.closeTimeoutMs;
      // What stood still did so for close(), too.
      const toleranceMs = this.time.toleranceMs + place.stalledMs - stalledMs;
      const errors = reportErrors(chaos, report, allowedMs, toleranceMs);
      chaos.reportAll('contract', errors);
      return report;
    });
    if (node.close() !== closing) chaos.report('contract', `a second close() did not join`);
    const outcome = await this.watchdog.watch(chaos, 'close', examined);
    if (chaos.isGone) return 'GONE';
    this.live.splice(this.live.indexOf(chaos), 1);
    if (!outcome.ok) return outcome.code;
    await this.#settleAccounts(chaos);
    const kinds = new Set(outcome.value.cut.map(({ what }) => what));
    return kinds.size === 0 ? 'ok' : `cut ${[...kinds].sort().join('+')}`;
  }

  /** Its process is dead: nothing is left of it to be looked at. */
  #bury(chaos: ChaosNode): void {
    const index = this.live.indexOf(chaos);
    if (index === -1) return;
    this.live.splice(index, 1);
    this.trace.note(chaos.name, 'its process is dead');
    this.figures.add('nodes that died', 1);
    this.watchdog.bury(chaos);
  }

  async #settleAccounts(chaos: ChaosNode): Promise<void> {
    const { node, ledger } = chaos;
    const { clock } = this.time;
    if (!(await cameTrueFor(chaos.place, clock, SETTLE_MS, () => this.watchdog.openOf(chaos).length === 0))) {
      const open = this.watchdog.openOf(chaos).join(', ');
      chaos.report('wedged', `after close() these have not settled: ${open}`);
    }
    const examine = (): readonly string[] => disagreements(chaos, node.heuristics, node.stats);
    // Hooks that were abandoned may still throw, and count. Who asks for what was left may have a message that is under way.
    let found = examine();
    await cameTrueFor(chaos.place, clock, SETTLE_MS, () => (found = examine()).length === 0);
    chaos.reportAll('counter', found);
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
