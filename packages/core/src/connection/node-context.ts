import type { Clock } from '../contracts/clock.js';
import type { ResolvedConfig } from '../contracts/config.js';
import type { Connection } from '../contracts/connection.js';
import type { OfNode } from '../contracts/diagnostics.js';
import { isOwnFault } from '../errors/errors.js';
import type { HookErrorContext, HookName } from '../contracts/hooks.js';
import type { Logger } from '../contracts/logger.js';
import { ByteBudget } from '../mechanisms/byte-budget.js';
import { FairTurns } from '../mechanisms/fair-turns.js';
import { HandlerTimes } from '../mechanisms/handler-times.js';
import { guardedLogger } from '../mechanisms/guarded-logger.js';
import type { Heuristics } from '../contracts/counters.js';
import { peerFields } from '../contracts/peer-fields.js';
import { newHeuristics } from '../mechanisms/heuristics.js';
import { chainHooks, type HookChain } from '../mechanisms/hook-chain.js';
import { LogThrottle } from '../authoring/log-throttle.js';
import { SeatedBudget } from '../mechanisms/seated-budget.js';
import { SlabPool } from '../mechanisms/slab-pool.js';
import { isPromise, whenSettled } from '../authoring/thenable.js';
import { Sweeper } from '../mechanisms/sweeper.js';
import { Traffic } from '../mechanisms/traffic.js';
import { PeerLog } from './peer-log.js';
import { Refusals } from './refusals.js';

/** One log line a second about messages that are dropped, however many are. */
const DROP_LOG_INTERVAL_MS = 1_000;

/** Nodes of this process have numbers. */
let lastId = 0;

/** What the connections of one node share. */
export class NodeContext {
  readonly config: ResolvedConfig;
  readonly clock: Clock;
  /** What tells its events from those of other nodes. */
  readonly about: OfNode;
  readonly logger: Logger;
  readonly traffic: Traffic;
  readonly heuristics: Heuristics = newHeuristics();
  readonly slabs = new SlabPool();
  /** What was received and not handled; `outbound`, what is queued and not sent. INVARIANT: two-budgets. */
  readonly inbound: SeatedBudget;
  readonly outbound: ByteBudget;
  readonly turns: FairTurns;
  readonly handlerTimes: HandlerTimes;
  readonly sweeper: Sweeper;
  readonly #dropLog: LogThrottle;
  readonly peerLog: PeerLog;
  readonly refusals: Refusals;
  /** Complete when the node starts. */
  hooks: HookChain = chainHooks([]);

  constructor(config: ResolvedConfig) {
    this.config = config;
    this.clock = config.clock;
    this.about = { node: config.name, nodeId: ++lastId };
    this.logger = guardedLogger(config.logger, {}, this.about.nodeId).child({ node: config.name });
    this.traffic = new Traffic(config.clock);
    const { idleTimeoutMs, writeTimeoutMs, pressureTimeoutMs } = config;
    this.inbound = new SeatedBudget(config.maxBufferedBytes, config.clock, pressureTimeoutMs);
    this.outbound = new ByteBudget(config.maxBufferedBytes);
    this.turns = new FairTurns(config.clock);
    this.handlerTimes = new HandlerTimes(config.clock);
    this.sweeper = new Sweeper(config.clock, [idleTimeoutMs, writeTimeoutMs, pressureTimeoutMs]);
    this.#dropLog = new LogThrottle(config.clock, DROP_LOG_INTERVAL_MS);
    this.peerLog = new PeerLog(config.clock, this.logger);
    this.refusals = new Refusals(config.clock, this.logger, this.about, config, this.traffic);
  }

  /**
   * A hook threw: tells every `onError`, and returns what the first with an opinion wants to be done; undefined where
   * none has one. INVARIANT: hook-hurts-its-own.
   *
   * note: an `onError` that throws is logged and has no say.
   * note: it is counted by whose fault it is, so that a peer cannot raise what counts bugs.
   */
  hookThrew(hook: HookName, error: unknown, connection?: Connection): 'disconnect' | 'keep' | undefined {
    if (isOwnFault(error)) this.heuristics.hookErrors++;
    else this.heuristics.peerFaults++;
    const context: HookErrorContext = { hook, ...(connection && { connection }) };
    let decision: 'disconnect' | 'keep' | undefined;
    for (const onError of this.hooks.error) {
      try {
        const answer = onError(error, context);
        if (answer === 'keep' || answer === 'disconnect') decision ??= answer;
        // A promise is not a decision, but its rejection must not end the process.
        if (isPromise(answer)) whenSettled(answer, ignore, (thrown) => this.#onErrorThrew(hook, thrown));
      } catch (thrown) {
        this.#onErrorThrew(hook, thrown);
      }
    }
    return decision;
  }

  /** A message made room for a newer one. */
  dropped(connection: Connection): void {
    this.heuristics.droppedMessages++;
    this.#dropLog.run((suppressed) => {
      const fields = { ...peerFields(connection), dropped: suppressed + 1 };
      this.logger.warn(fields, 'the inbound queue is full: messages are dropped');
    });
  }

  /** `error` for what is our own fault, `warn` for what a peer brought about. */
  logFault(error: unknown, connection: Connection, text: string): void {
    const fields = { ...peerFields(connection), err: error };
    if (isOwnFault(error)) this.logger.error(fields, text);
    else this.peerLog.warn(fields, text);
  }

  #onErrorThrew(hook: HookName, error: unknown): void {
    this.logger.error({ hook, err: error }, 'onError threw');
  }
}

function ignore(): void {}
