import {
  definePlugin,
  HANDLED,
  PeerError,
  PLUGIN_STATE,
  roundTripMs,
  type Connection,
  type DisconnectReason,
  type Hooks,
  type PeerNode,
  type Timer,
} from '@pea2pea/core';
import {
  defer,
  disconnected,
  invalidConfig,
  LogThrottle,
  overdue,
  peerFields,
  PluginEvents,
  rejected,
  sentAfterEnd,
  TokenBucket,
} from '@pea2pea/core/authoring';
import { policyError } from '../shared/errors.js';
import { resolveKeepAlive, type KeepAliveOptions, type ResolvedKeepAlive } from './options.js';
import { pulseState, type Pulse } from './pulse.js';
import { withSample, type RoundTrip } from './round-trip.js';

/** The events of {@link KeepAlive.events}. */
export interface KeepAliveEvents {
  /** A peer has sent nothing for `silentMs`, not even after a ping; its connection ends. */
  unresponsive: [{ readonly connection: Connection; readonly silentMs: number }];
}

/** Why no pong can come any more. */
const PEER_ENDED: DisconnectReason = { origin: 'reading', cause: 'ended' };

const SHORTEST_TICK_MS = 10;
const LONGEST_TICK_MS = 1_000;

/**
 * Keeps quiet connections, and notices peers that are gone. {@link keepAlive} makes it.
 *
 * ```text
 *   bytes          ping                  any byte: alive, and the round trip is known if it is the pong
 *     |---interval---|-------timeout-------|
 *                                          nothing: the connection ends with P2P_ERR_PEER_UNRESPONSIVE
 * ```
 *
 * note: both sides run it, with the same format. Where a peer does not know pings, its handlers get them.
 * note: every byte is a sign of life. Pings are sent to peers that send nothing, and cost nothing where messages flow: there
 * is one timer for the node, and nothing per message but a look at whether it is a ping.
 * note: what a peer sent while this process stood still is heard before it is judged, and it has its time again to reply. A
 * peer whose messages wait for a handler of ours, its ping perhaps, is sent pings as signs of our life.
 * note: it has an `onMessage`, so connections of its node cannot be pulled from with `next()`.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export class KeepAlive implements Hooks<unknown> {
  /** Its name among the plugins of a node, and those that it must come after and before. */
  static readonly plugin = { name: 'keep-alive', after: ['bans', 'rate-limit'], before: ['requests'] };
  /** Events for other parts of the program. */
  readonly events: PluginEvents<KeepAliveEvents>;
  readonly #node: PeerNode<unknown>;
  readonly #options: ResolvedKeepAlive;
  readonly #tickMs: number;
  readonly #pulses = new Map<Connection, Pulse>();
  readonly #faultLog: LogThrottle;
  #timer: Timer | undefined;
  #dueAtMs = 0;
  #lastNonce = 0;
  #isStopped = false;
  #pingsSent = 0;
  #pongsReceived = 0;
  #pongsSent = 0;
  #pingsIgnored = 0;
  #unresponsive = 0;

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option, also where the interval does not fit the `idleTimeoutMs` of the node */
  constructor(node: PeerNode<unknown>, options: KeepAliveOptions = {}) {
    this.#node = node;
    this.events = new PluginEvents(node.logger);
    this.#options = resolveKeepAlive(options, node.config);
    const shortest = Math.min(this.#options.intervalMs, this.#options.timeoutMs) / 8;
    this.#tickMs = Math.round(Math.min(LONGEST_TICK_MS, Math.max(SHORTEST_TICK_MS, shortest)));
    this.#faultLog = new LogThrottle(node.config.clock, 60_000);
  }

  /** How many pings were sent. It only rises. */
  get pingsSent(): number {
    return this.#pingsSent;
  }

  /** How many pongs came back for them. It only rises. */
  get pongsReceived(): number {
    return this.#pongsReceived;
  }

  /** How many pongs were sent for pings of peers. It only rises. */
  get pongsSent(): number {
    return this.#pongsSent;
  }

  /** How many pings of peers got no pong: above `maxPongsPerSecond`, or without room in the queue. It only rises. */
  get pingsIgnored(): number {
    return this.#pingsIgnored;
  }

  /** How many connections it has ended. It only rises. */
  get unresponsive(): number {
    return this.#unresponsive;
  }

  /**
   * How long the peer takes to reply to pings; undefined before the first reply.
   *
   * note: pings are sent to peers that are silent. To measure on a busy connection, too, use {@link ping}.
   * note: it includes the time that either side needed to get round to it.
   */
  roundTripOf(connection: Connection): RoundTrip | undefined {
    return this.#pulses.get(connection)?.roundTrip;
  }

  /**
   * Sends a ping now, unless one is under way, and resolves with how long the reply took, in milliseconds.
   *
   * note: in a handler of the same connection do not wait for it: the pong waits until the handler is done.
   * @throws {PeerError} P2P_ERR_PEER_UNRESPONSIVE where no pong has come within `timeoutMs` of the ping, though the peer may
   * send other messages: the connection stays; P2P_ERR_DISCONNECTED where the connection or the half of the peer has ended, or ends before the reply;
   * P2P_ERR_SENT_AFTER_END where this side has ended its half; P2P_ERR_INVALID_CONFIG where it is of another node; P2P_ERR_QUEUE_FULL
   * where there is no room for a ping; the encoder's own, P2P_ERR_ENCODE_FAILED for anything else that it throws
   */
  ping(connection: Connection): Promise<number> {
    const pulse = this.#pulses.get(connection);
    if (pulse === undefined) return rejected(this.#whyNotWatched(connection));
    const refusal = this.#whyNoPing(connection);
    if (refusal !== undefined) return rejected(refusal);
    if (pulse.waiting === undefined && !this.#isUnderWay(pulse, this.#node.config.clock.now())) {
      try {
        if (!this.#send(connection, pulse)) {
          const what = `there is no room for a ping to ${connection.address}`;
          return rejected(new PeerError('P2P_ERR_QUEUE_FULL', what));
        }
      } catch (error) {
        return rejected(error);
      }
    }
    pulse.waiting ??= defer();
    return pulse.waiting.promise;
  }

  /** Why no ping can go to the peer, or no pong come back, if that is so. */
  #whyNoPing(connection: Connection): PeerError | undefined {
    if (connection.state !== 'open') return undefined; // `onDisconnect` rejects
    if (connection.hasEnded) return sentAfterEnd(connection);
    return connection.peerHasEnded ? disconnected(connection, PEER_ENDED) : undefined;
  }

  #whyNotWatched(connection: Connection): PeerError {
    const { config, connections } = this.#node;
    if (connection.state !== 'open' || connections.all(connection.address).includes(connection))
      return disconnected(connection, undefined);
    return invalidConfig(`\`connection\` with ${connection.address} is not a connection of ${config.name}`);
  }

  /** Watches the connection. */
  onConnect(connection: Connection): void {
    const nowMs = this.#node.config.clock.now();
    this.#pulses.set(connection, {
      bytesSeen: connection.stats.bytesReceived,
      heardAtMs: nowMs,
      bytesSent: connection.stats.bytesSent,
      spokeAtMs: nowMs,
      pingedAtMs: -Infinity,
      pinged: undefined,
      awaitedSinceMs: undefined,
      waiting: undefined,
      roundTrip: undefined,
      pongs: undefined,
    });
    if (!this.#isStopped) this.#timer ??= this.#wait();
  }

  /** Replies to pings, and measures by pongs; other messages go on to the hooks after it. */
  onMessage(message: unknown, connection: Connection): undefined | typeof HANDLED {
    const sign = this.#options.format.read(message);
    if (sign === undefined) return undefined;
    const pulse = this.#pulses.get(connection);
    if (pulse === undefined) return HANDLED;
    if ('ping' in sign) this.#reply(connection, pulse, sign.ping);
    else this.#onPong(pulse, sign.pong, connection);
    return HANDLED;
  }

  /** No pong comes any more. */
  onPeerEnd(connection: Connection): void {
    this.#rejectWaiting(connection, PEER_ENDED);
  }

  /** Ends the watch. */
  onDisconnect(connection: Connection, reason: DisconnectReason): void {
    this.#rejectWaiting(connection, reason);
    this.#pulses.delete(connection);
    if (this.#pulses.size === 0) this.#stopTimer();
  }

  /** Ends all of it: connections have until the end of the node. */
  onStop(): void {
    this.#isStopped = true;
    this.#stopTimer();
  }

  /** What snapshots show: how long peers take to reply, and who has not yet. */
  [PLUGIN_STATE](): unknown {
    const { intervalMs, timeoutMs } = this.#options;
    return {
      intervalMs,
      timeoutMs,
      connections: this.#pulses.size,
      ...pulseState(this.#pulses, this.#node.config.clock.now()),
      pingsSent: this.#pingsSent,
      pongsReceived: this.#pongsReceived,
      pongsSent: this.#pongsSent,
      pingsIgnored: this.#pingsIgnored,
      unresponsive: this.#unresponsive,
    };
  }

  #rejectWaiting(connection: Connection, reason: DisconnectReason): void {
    const pulse = this.#pulses.get(connection);
    pulse?.waiting?.reject(disconnected(connection, reason));
    if (pulse !== undefined) pulse.waiting = undefined;
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
    // A ping may have stood still with this process, and so may what would have come of it.
    const lateMs = Math.max(0, polledAtMs - this.#dueAtMs - this.#tickMs);
    this.#timer = this.#wait();
    for (const [connection, pulse] of this.#pulses) {
      if (connection.state !== 'open') continue;
      if (lateMs > 0 && pulse.awaitedSinceMs !== undefined) pulse.awaitedSinceMs = polledAtMs;
      if (lateMs > 0 && pulse.pinged !== undefined) pulse.pinged.sinceMs = polledAtMs;
      this.#look(connection, pulse, polledAtMs);
    }
  };

  #look(connection: Connection, pulse: Pulse, polledAtMs: number): void {
    const { intervalMs, timeoutMs } = this.#options;
    const { bytesReceived, bytesSent } = connection.stats;
    if (bytesSent !== pulse.bytesSent) {
      pulse.bytesSent = bytesSent;
      pulse.spokeAtMs = polledAtMs;
    }
    if (bytesReceived !== pulse.bytesSeen) {
      pulse.bytesSeen = bytesReceived;
      pulse.heardAtMs = polledAtMs;
      pulse.awaitedSinceMs = undefined;
    }
    if (connection.isHeldBack) pulse.awaitedSinceMs = undefined; // its pong may be in the socket
    if (pulse.waiting !== undefined && !this.#isUnderWay(pulse, polledAtMs)) this.#giveUp(connection, pulse);
    if (connection.hasEnded || connection.peerHasEnded) return; // `idleTimeoutMs` bounds it
    const silentMs = polledAtMs - pulse.heardAtMs;
    const mutedMs = polledAtMs - pulse.spokeAtMs;
    if (pulse.awaitedSinceMs !== undefined && polledAtMs - pulse.awaitedSinceMs >= timeoutMs) {
      this.#end(connection, silentMs);
    } else if (silentMs >= intervalMs && polledAtMs - pulse.pingedAtMs >= intervalMs) {
      this.#pingNow(connection, pulse);
    } else if (connection.waitingBytes > 0 && mutedMs >= timeoutMs / 2) {
      // A ping of the peer may wait for our handler: any byte is a reply.
      this.#pingNow(connection, pulse);
      pulse.spokeAtMs = polledAtMs;
    }
  }

  #pingNow(connection: Connection, pulse: Pulse): void {
    try {
      // Where the queue is full, the peer takes nothing: the write timeout judges it.
      if (this.#send(connection, pulse)) pulse.awaitedSinceMs ??= this.#node.config.clock.now();
    } catch (error) {
      this.#faultLog.run((suppressed) => {
        const fields = { ...peerFields(connection), err: error, suppressed };
        this.#node.logger.error(fields, 'keepAlive cannot send a ping: `format` must suit the codec');
      });
    }
  }

  /** @throws {PeerError} what the encoder throws */
  #send(connection: Connection, pulse: Pulse): boolean {
    const nonce = ++this.#lastNonce;
    if (!connection.trySend(this.#options.format.write({ ping: nonce }))) return false;
    const atMs = this.#node.config.clock.now();
    pulse.pingedAtMs = atMs;
    // One that is under way is measured to its end: a round trip may take longer than the time between two pings.
    if (!this.#isUnderWay(pulse, atMs)) pulse.pinged = { nonce, atMs, sinceMs: atMs };
    this.#pingsSent++;
    return true;
  }

  #isUnderWay({ pinged }: Pulse, nowMs: number): boolean {
    return pinged !== undefined && nowMs - pinged.sinceMs < this.#options.timeoutMs;
  }

  /** Its pong may be lost, as one above the `maxPongsPerSecond` of the peer is: the next `ping()` sends another. */
  #giveUp({ address }: Connection, pulse: Pulse): void {
    const { waiting } = pulse;
    pulse.pinged = undefined;
    pulse.waiting = undefined;
    const what = `${address} has not replied to a ping for ${this.#options.timeoutMs} ms`;
    waiting?.reject(policyError('P2P_ERR_PEER_UNRESPONSIVE', what));
  }

  #reply(connection: Connection, pulse: Pulse, nonce: unknown): void {
    const nowMs = this.#node.config.clock.now();
    const { maxPongsPerSecond: perSecond, format } = this.#options;
    pulse.pongs ??= new TokenBucket({ perSecond, capacity: 2 * perSecond }, nowMs);
    const isTooMuch = pulse.pongs.take(1, nowMs) > 0;
    if (isTooMuch) pulse.pongs.putBack(1);
    if (!isTooMuch && connection.trySend(format.write({ pong: nonce }))) this.#pongsSent++;
    else this.#pingsIgnored++;
  }

  #onPong(pulse: Pulse, nonce: unknown, connection: Connection): void {
    const { pinged } = pulse;
    if (pinged === undefined || nonce !== pinged.nonce) return;
    const ms = this.#node.config.clock.now() - pinged.atMs;
    pulse.pinged = undefined;
    pulse.roundTrip = withSample(pulse.roundTrip, ms);
    connection.context.set(roundTripMs, pulse.roundTrip.smoothedMs);
    this.#pongsReceived++;
    pulse.waiting?.resolve(ms);
    pulse.waiting = undefined;
  }

  #end(connection: Connection, silentMs: number): void {
    this.#unresponsive++;
    const what = `${connection.address} has sent nothing for ${Math.round(silentMs)} ms, and not replied to a ping`;
    void connection.disconnect(policyError('P2P_ERR_PEER_UNRESPONSIVE', what));
    const fields = { ...peerFields(connection), silentMs };
    this.#node.logger.info(fields, 'a peer does not respond, and its connection ends');
    this.events.emit('unresponsive', { connection, silentMs });
  }
}

/**
 * Lists {@link KeepAlive} among the plugins of a node or a peer.
 *
 * ```ts
 * node.use(keepAlive({ intervalMs: 20_000, timeoutMs: 10_000 }));
 * @Peer({ codec, plugins: [keepAlive({ format: jsonRpcPings }), requests()] })
 * ```
 */
export const keepAlive = definePlugin(KeepAlive);
