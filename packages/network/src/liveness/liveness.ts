import {
  definePlugin,
  PLUGIN_STATE,
  roundTripMs,
  type Connection,
  type Hooks,
  type PeerNode,
  type Timer,
} from '@pea2pea/core';
import {
  defer,
  disconnected,
  MAX_TIMER_MS,
  overdue,
  requireInteger,
  peerFields,
  PluginEvents,
  rejected,
} from '@pea2pea/core/authoring';
import { protocol, type Protocol } from '@pea2pea/streams';
import { connectionManager } from '../manager/connection-manager.js';
import { networkError } from '../shared/errors.js';
import { pluginOf } from '../shared/plugin-of.js';
import { resolveLiveness, type LivenessOptions, type ResolvedLiveness } from './options.js';
import { pingCodec, type Ping } from './pings.js';
import { Pulse } from './pulse.js';
import type { RoundTripTimes } from './round-trips.js';

/** The events of {@link Liveness.events}. */
export interface LivenessEvents {
  /** A peer has sent nothing for `silentMs` after a ping; its connection ends. */
  dead: [{ readonly connection: Connection; readonly silentMs: number }];
}

/** How often what happened. They only rise. */
export interface LivenessCounts {
  /** Pings sent. */
  readonly pings: number;
  /** Pongs that came back for them. */
  readonly pongs: number;
  /** Pings replied to. */
  readonly replies: number;
  /** Pings of peers that there was no room to reply to. */
  readonly unanswered: number;
  /** Pongs that took longer than `timeoutMs`, while other bytes came. */
  readonly late: number;
  /** Connections ended because the peer sent nothing. */
  readonly dead: number;
  /** Connections ended because of a pong that nobody had asked for. */
  readonly unasked: number;
  /** Connections ended because of too many pings. */
  readonly floods: number;
}

/** The state of one connection. */
export interface PulseStatus extends Partial<RoundTripTimes> {
  /** For how long a pong has been waited for, in milliseconds; 0 where none is. */
  readonly awaitedMs: number;
  /** How many pongs were late. */
  readonly late: number;
}

/** Pongs are at least so far apart: a call of `ping()` within it has the last result. */
const FRESH_MS = 100;
const SHORTEST_TICK_MS = 10;
const LONGEST_TICK_MS = 1_000;
/** As many connections are in the state for snapshots. */
const MOST_SHOWN = 100;
const NONCES = 2 ** 48;

/**
 * Measures round trips, and notices peers that are gone. {@link liveness} makes it.
 *
 * ```text
 *   ping                    pong: the round trip is known
 *    |------ timeoutMs ------|
 *            any byte: alive, and the time begins again; a pong that comes then is late
 *                            nothing: the connection ends with P2P_ERR_PEER_DEAD
 * ```
 *
 * note: both sides need `protocols()` and this plugin. Peers without it are left alone.
 * note: there is one timer for the node, and one ping at a time for each connection. A message costs nothing.
 * note: what a peer sent while this process stood still is heard before it is judged, and it has its time again.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export class Liveness implements Hooks<unknown> {
  /** Its name among the plugins of a node, those that it comes after, and the one that it needs. */
  static readonly plugin = {
    name: 'liveness',
    after: ['connection-manager', 'protocols'],
    needs: ['protocols'],
  };
  /** Events for other parts of the program. */
  readonly events: PluginEvents<LivenessEvents>;
  readonly #node: PeerNode<unknown>;
  readonly #options: ResolvedLiveness;
  readonly #protocol: Protocol<Ping>;
  readonly #pulses = new Map<Connection, Pulse>();
  readonly #tickMs: number;
  readonly #counts = {
    pings: 0,
    pongs: 0,
    replies: 0,
    unanswered: 0,
    late: 0,
    dead: 0,
    unasked: 0,
    floods: 0,
  };
  #timer: Timer | undefined;
  #dueAtMs = 0;
  #isStopped = false;

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
  constructor(node: PeerNode<unknown>, options: LivenessOptions = {}) {
    this.#node = node;
    this.events = new PluginEvents(node.logger);
    this.#options = resolveLiveness(options, node.config);
    const shortest = Math.min(this.#options.intervalMs, this.#options.timeoutMs) / 8;
    this.#tickMs = Math.round(Math.min(LONGEST_TICK_MS, Math.max(SHORTEST_TICK_MS, shortest)));
    this.#protocol = protocol<Ping>(node, {
      name: 'pea2pea/liveness',
      versions: [1],
      codec: pingCodec,
      onOpen: (connection) => this.#onOpen(connection),
      onMessage: (message, connection) => this.#onMessage(message, connection),
      onClose: (connection) => this.#onClose(connection),
    });
  }

  /** How often what happened. */
  get counts(): LivenessCounts {
    return { ...this.#counts };
  }

  /** What is known of a connection; undefined where its peer does not speak the protocol, or it has ended. */
  statusOf(connection: Connection): PulseStatus | undefined {
    const pulse = this.#pulses.get(connection);
    if (pulse === undefined) return undefined;
    const { roundTrips, pinged, late } = pulse;
    const awaitedMs = pinged === undefined ? 0 : this.#nowMs() - pinged.atMs;
    return { ...roundTrips.times, awaitedMs, late };
  }

  /**
   * Measures a round trip now. Resolves with it, in milliseconds: of a ping that is sent now, of the one that is under way, or of one
   * that came back within the last tenth of a second.
   * @throws {PeerError} P2P_ERR_DISCONNECTED where the connection ends before that; P2P_ERR_NO_PING where the peer does not speak the
   * protocol, or there is no room for a ping
   */
  ping(connection: Connection): Promise<number> {
    const pulse = this.#pulses.get(connection);
    if (pulse === undefined) {
      const isOpen = connection.state === 'open';
      const what = `the peer at ${connection.address} does not run liveness`;
      return rejected(isOpen ? networkError('P2P_ERR_NO_PING', what) : disconnected(connection, undefined));
    }
    const { lastMs } = pulse.roundTrips.times ?? {};
    if (pulse.pinged === undefined && lastMs !== undefined && this.#nowMs() - pulse.pongAtMs < FRESH_MS) {
      return Promise.resolve(lastMs);
    }
    if (pulse.pinged === undefined && !this.#ping(pulse)) {
      const what = `there is no room for a ping to ${connection.address}`;
      return rejected(networkError('P2P_ERR_NO_PING', what));
    }
    pulse.waiting ??= defer();
    return pulse.waiting.promise;
  }

  /**
   * Whether a peer is there now: it is sent a ping, unless one is under way. Resolves with true when a pong or another byte has come, with
   * false when none has within `withinMs`, or the connection has ended. What `uniquePeer` probes with.
   *
   * @param withinMs an integer of at least 10; 2000 by default
   */
  async isThere(connection: Connection, withinMs = 2_000): Promise<boolean> {
    requireInteger('withinMs', withinMs, { min: 10, max: MAX_TIMER_MS });
    if (connection.state !== 'open') return false;
    const { bytesReceived } = connection.stats;
    const { promise, resolve } = defer<boolean>();
    const timer = overdue(this.#node.config.clock, withinMs, () =>
      resolve(connection.stats.bytesReceived > bytesReceived),
    );
    // Where it cannot be pinged, its bytes tell.
    this.ping(connection).then(
      () => resolve(true),
      () => connection.state !== 'open' && resolve(false),
    );
    const isThere = await promise;
    timer.cancel();
    return isThere;
  }

  /** What snapshots show: counts, and the first hundred connections. */
  [PLUGIN_STATE](): unknown {
    const shown = [...this.#pulses.keys()].slice(0, MOST_SHOWN);
    return {
      ...this.#counts,
      watched: this.#pulses.size,
      connections: shown.map((connection) => ({ id: connection.id, ...this.statusOf(connection) })),
    };
  }

  /** Ends all of it: connections have until the end of the node. */
  onStop(): void {
    this.#isStopped = true;
    this.#stopTimer();
  }

  #onOpen(connection: Connection): void {
    const { intervalMs, window } = this.#options;
    // The first one comes soon, at a time of its own: whoever starts with many connections does not ping all of them at once.
    const delayMs = this.#node.config.random.next() * Math.min(intervalMs, LONGEST_TICK_MS);
    this.#pulses.set(connection, new Pulse(connection, window, this.#nowMs() + delayMs));
    if (!this.#isStopped) this.#timer ??= this.#wait();
  }

  #onClose(connection: Connection): void {
    const pulse = this.#pulses.get(connection);
    this.#pulses.delete(connection);
    pulse?.waiting?.reject(disconnected(connection, undefined));
    if (this.#pulses.size === 0) this.#stopTimer();
  }

  #onMessage({ isPong, nonce }: Ping, connection: Connection): void {
    const pulse = this.#pulses.get(connection);
    if (pulse === undefined) return;
    if (isPong) this.#onPong(pulse, nonce);
    else this.#onPing(pulse, nonce);
  }

  #onPing(pulse: Pulse, nonce: number): void {
    const { connection } = pulse;
    if (!pulse.allows(this.#nowMs())) this.#endBadly(connection, 'floods', 'pings too often');
    else if (this.#protocol.trySend(connection, { isPong: true, nonce })) this.#counts.replies++;
    else this.#counts.unanswered++;
  }

  #onPong(pulse: Pulse, nonce: number): void {
    const { connection, pinged } = pulse;
    if (pinged?.nonce !== nonce) {
      this.#endBadly(connection, 'unasked', 'sent a pong that nobody had asked for');
      return;
    }
    const nowMs = this.#nowMs();
    const ms = nowMs - pinged.atMs;
    pulse.pinged = undefined;
    pulse.pongAtMs = nowMs;
    pulse.roundTrips.add(ms);
    connection.context.set(roundTripMs, pulse.roundTrips.times!.p50Ms);
    this.#counts.pongs++;
    if (!pinged.isLate) this.#score(pulse, Math.min(pulse.owed, this.#options.latePenalty / 10));
    pulse.waiting?.resolve(ms);
    pulse.waiting = undefined;
  }

  /** INVARIANT: clock-after-socket. Whatever had come when the tick was due is heard before the sweep. */
  #wait(): Timer {
    const { clock } = this.#node.config;
    this.#dueAtMs = clock.now() + this.#tickMs;
    return overdue(clock, this.#tickMs, this.#sweep, { keepsAlive: false });
  }

  #stopTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  readonly #sweep = (polledAtMs: number): void => {
    const stoodStill = polledAtMs - this.#dueAtMs > this.#tickMs;
    this.#timer = this.#wait();
    for (const pulse of this.#pulses.values()) {
      if (pulse.connection.state === 'open') this.#look(pulse, polledAtMs, stoodStill);
    }
  };

  #look(pulse: Pulse, nowMs: number, stoodStill: boolean): void {
    const { connection, pinged } = pulse;
    const hasHeard = pulse.hasHeard();
    if (connection.hasEnded || connection.peerHasEnded) return; // `idleTimeoutMs` bounds it
    if (pinged === undefined) {
      if (nowMs >= pulse.nextAtMs) this.#ping(pulse);
      return;
    }
    const { timeoutMs } = this.#options;
    // Its pong may be among what waits for a handler of ours.
    const isBusy = connection.isHeldBack || connection.waitingBytes > 0;
    if (stoodStill || isBusy) pinged.fairFromMs = pinged.sinceMs = nowMs;
    else if (hasHeard) pinged.sinceMs = nowMs;
    if (nowMs - pinged.sinceMs >= timeoutMs) this.#onDead(connection, nowMs - pinged.sinceMs);
    else if (!pinged.isLate && nowMs - pinged.fairFromMs >= timeoutMs) this.#onLate(pulse, pinged);
  }

  #ping(pulse: Pulse): boolean {
    const nowMs = this.#nowMs();
    const nonce = Math.floor(this.#node.config.random.next() * NONCES);
    pulse.nextAtMs = nowMs + this.#options.intervalMs;
    // Where the queue is full, the peer takes nothing: the write timeout judges it.
    if (!this.#protocol.trySend(pulse.connection, { isPong: false, nonce })) return false;
    pulse.pinged = { nonce, atMs: nowMs, sinceMs: nowMs, fairFromMs: nowMs, isLate: false };
    this.#counts.pings++;
    return true;
  }

  #onLate(pulse: Pulse, pinged: { isLate: boolean }): void {
    pinged.isLate = true;
    pulse.late++;
    this.#counts.late++;
    this.#score(pulse, -this.#options.latePenalty);
  }

  #score(pulse: Pulse, delta: number): void {
    if (delta === 0) return;
    pulse.owed -= delta;
    pluginOf(this.#node, connectionManager)?.adjust(pulse.connection, delta);
  }

  #onDead(connection: Connection, silentMs: number): void {
    this.#counts.dead++;
    const what = `${connection.address} has sent nothing for ${Math.round(silentMs)} ms after a ping`;
    void connection.disconnect(networkError('P2P_ERR_PEER_DEAD', what));
    this.#node.logger.info(
      { ...peerFields(connection), silentMs },
      'a peer is gone, and its connection ends',
    );
    this.events.emit('dead', { connection, silentMs });
  }

  #endBadly(connection: Connection, count: 'floods' | 'unasked', what: string): void {
    if (connection.state !== 'open') return;
    this.#counts[count]++;
    void connection.disconnect(networkError('P2P_ERR_BAD_PINGS', `${connection.address} ${what}`));
  }

  #nowMs(): number {
    return this.#node.config.clock.now();
  }
}

/**
 * Lists {@link Liveness} among the plugins of a node or a peer.
 *
 * ```ts
 * const node = new PeerNode({ codec: withProtocols(json()) }).use(protocols()).use(liveness({ intervalMs: 15_000 }));
 * node.plugin(liveness).statusOf(connection)?.p99Ms;
 * ```
 */
export const liveness = definePlugin(Liveness);
