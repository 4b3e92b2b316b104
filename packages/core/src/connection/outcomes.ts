import { isNativeError } from 'node:util/types';
import type { CounterName, Heuristics } from '../contracts/counters.js';
import type { Clock } from '../contracts/clock.js';
import type { ResolvedConfig } from '../contracts/config.js';
import { causeOf, describeReason, type Connection, type DisconnectReason } from '../contracts/connection.js';
import type { Direction } from '../contracts/direction.js';
import { diagnostics, type OfNode } from '../contracts/diagnostics.js';
import { readData } from '../errors/describe.js';
import type { PeerErrorCode } from '../errors/error-table.js';
import { isOwnFault, PeerError } from '../errors/errors.js';
import type { Logger } from '../contracts/logger.js';
import { peerFields } from '../contracts/peer-fields.js';
import type { SocketAddress } from '../net/socket-address.js';
import { Tally } from '../mechanisms/tally.js';
import { LimitLog } from './limit-log.js';
import type { PeerLog } from './peer-log.js';

/** Why a setup failed that this program has ended itself: no news about the peer. */
const OURS: ReadonlySet<string> = new Set<PeerErrorCode>(['P2P_ERR_ABORTED', 'P2P_ERR_SHUTTING_DOWN']);

/** What becomes of links, dials and connections, each told in one place: its counter, its line in the log, its channel. */
export class Outcomes {
  readonly #about: OfNode;
  readonly #logger: Logger;
  readonly #peerLog: PeerLog;
  readonly #limitLog: LimitLog;
  readonly #counters: Heuristics;
  /** What did not become a connection, by cause. */
  readonly refusals: Readonly<Record<Direction, Tally>> = { inbound: new Tally(), outbound: new Tally() };
  /** Why connections ended. */
  readonly ends = new Tally();

  constructor(
    about: OfNode,
    config: ResolvedConfig,
    clock: Clock,
    logger: Logger,
    peerLog: PeerLog,
    counters: Heuristics,
  ) {
    this.#about = about;
    this.#logger = logger;
    this.#peerLog = peerLog;
    this.#limitLog = new LimitLog(clock, logger, config);
    this.#counters = counters;
  }

  /** A link or a dial that a limit, a full line or the end of the node kept out. */
  refused(address: SocketAddress, direction: Direction, cause: string, counter: CounterName): void {
    this.#counters[counter]++;
    this.refusals[direction].add(cause);
    this.#limitLog.refused(address, direction, cause);
    this.#publishRefusal(address, direction, cause);
  }

  /** An inbound handshake that waits, because its address has had its share of them. */
  delayed(address: SocketAddress): void {
    this.#counters.delayedHandshakes++;
    this.#limitLog.delayed(address);
  }

  /** A dial that reached nobody, or was cancelled. */
  notReached(address: SocketAddress, error: PeerError, counter: CounterName | undefined): void {
    if (counter !== undefined) {
      this.#counters[counter]++;
      this.refusals.outbound.add(withSystemCode(error));
    }
    this.#logger.debug({ peer: address.toString(), code: error.code, err: error }, 'not connected');
  }

  /** A setup that a hook refused, or that failed. */
  setupFailed(address: SocketAddress, direction: Direction, error: PeerError, counter: CounterName): void {
    this.#counters[counter]++;
    this.refusals[direction].add(error.code);
    const fields = { peer: address.toString(), direction, code: error.code, err: error };
    const text = 'no connection: the setup failed';
    if (OURS.has(error.code)) this.#logger.debug(fields, text);
    else this.#peerLog.warn(fields, text);
    this.#publishRefusal(address, direction, error.code);
  }

  /** A setup whose stream a hook handed over. */
  handedOver(address: SocketAddress, direction: Direction): void {
    this.#counters.handedOver++;
    this.#logger.debug({ peer: address.toString(), direction }, 'no connection: the stream was handed over');
  }

  opened(connection: Connection): void {
    const { direction } = connection;
    this.#counters[direction === 'inbound' ? 'openedInbound' : 'openedOutbound']++;
    this.#logger.debug({ ...peerFields(connection), direction }, 'connected');
    if (diagnostics.connectionOpen.hasSubscribers) {
      diagnostics.connectionOpen.publish({ ...this.#about, connection });
    }
  }

  /** A teardown begins. One line: `warn` where the peer misbehaved, `error` where our own code threw. */
  ending(connection: Connection, reason: DisconnectReason): void {
    const fields = {
      ...peerFields(connection),
      reason: describeReason(reason),
      ...('error' in reason && PeerError.is(reason.error) && { code: reason.error.code }),
    };
    const text = 'disconnected';
    const thrown = thrownByHook(reason);
    if (thrown !== undefined && isOwnFault(thrown.error)) {
      this.#logger.error({ ...fields, err: thrown.error }, text);
    } else if (
      reason.origin !== 'user' &&
      ('error' in reason || ('cause' in reason && reason.cause !== 'ended'))
    ) {
      this.#peerLog.warn(fields, text);
    } else {
      this.#logger.debug(fields, text);
    }
  }

  /** A teardown has ended. */
  closed(connection: Connection, reason: DisconnectReason): void {
    this.#counters.closed++;
    this.ends.add(causeOf(reason));
    if (diagnostics.connectionClose.hasSubscribers) {
      diagnostics.connectionClose.publish({ ...this.#about, connection, reason });
    }
  }

  #publishRefusal(address: SocketAddress, direction: Direction, cause: string): void {
    if (!diagnostics.connectionRefused.hasSubscribers) return;
    diagnostics.connectionRefused.publish({ ...this.#about, address, direction, cause });
  }
}

/** `P2P_ERR_CONNECT_FAILED, ECONNREFUSED`. */
function withSystemCode(error: PeerError): string {
  const cause = readData(error, 'cause');
  const code = isNativeError(cause) ? readData(cause, 'code') : undefined;
  return typeof code === 'string' && SYSTEM_CODE.test(code) ? `${error.code}, ${code}` : error.code;
}

const SYSTEM_CODE = /^E[A-Z0-9_]{2,30}$/;

/** What a hook of ours threw. */
function thrownByHook(reason: DisconnectReason): { readonly error?: unknown } | undefined {
  if (reason.origin === 'on-connect' || reason.origin === 'renegotiation') return reason;
  return reason.origin === 'reading' && reason.cause === 'handler-error' ? reason : undefined;
}
