import {
  ConnectionContext,
  expectedIdentity,
  type Connection,
  type PeerNode,
  type Timer,
} from '@pea2pea/core';
import { CancellationSource, defer, disconnected, raceAgainst } from '@pea2pea/core/authoring';
import { PeerError } from '@pea2pea/core';
import { BRIEF } from '../shared/brief.js';
import { networkError } from '../shared/errors.js';
import type { PeerAddress } from '../shared/peer-address.js';

/** How a courier is bounded. */
export interface CourierOptions {
  readonly queryTimeoutMs: number;
  readonly maxConnections: number;
  readonly idleMs: number;
}

/** Dials of a courier at once; others wait. */
const MAX_DIALS = 16;

/**
 * Connections for queries: those that are open anyway, else one that is dialled, kept for a while, and ended when nobody has used it.
 */
export class Courier {
  readonly #node: PeerNode<unknown>;
  readonly #options: CourierOptions;
  /** Open connections that speak the protocol, by identity, oldest first. */
  readonly #open = new Map<string, Connection[]>();
  /** Those among them that were dialled here, with when they were used last; the one that was used longest ago first. */
  readonly #dialled = new Map<Connection, number>();
  readonly #dials = new Map<string, Promise<Connection>>();
  readonly #waiting: (() => void)[] = [];
  readonly #inUse = new Map<Connection, number>();
  #dialling = 0;
  #sweep: Timer | undefined;
  #hasStopped = false;
  readonly #counts = { dials: 0, dialFailures: 0 };

  constructor(node: PeerNode<unknown>, options: CourierOptions) {
    this.#node = node;
    this.#options = options;
  }

  get counts(): { readonly dials: number; readonly dialFailures: number } {
    return { ...this.#counts };
  }

  /** How many connections it has dialled and keeps. */
  get kept(): number {
    return this.#dialled.size;
  }

  /** A connection whose peer speaks the protocol is open. */
  opened(connection: Connection): void {
    const { identity } = connection;
    if (identity === undefined) return;
    this.#open.set(identity, [...(this.#open.get(identity) ?? []), connection]);
  }

  /** It has ended. */
  closed(connection: Connection): void {
    this.#dialled.delete(connection);
    const { identity } = connection;
    if (identity === undefined) return;
    const left = this.#open.get(identity)?.filter((other) => other !== connection) ?? [];
    if (left.length > 0) this.#open.set(identity, left);
    else this.#open.delete(identity);
  }

  /** The open connection with a peer. */
  with(identity: string): Connection | undefined {
    return this.#open.get(identity)?.find(({ state, hasEnded, peerHasEnded }) => {
      return state === 'open' && !hasEnded && !peerHasEnded;
    });
  }

  /** Open connections, one for each identity. */
  *all(): Generator<Connection> {
    for (const identity of this.#open.keys()) {
      const connection = this.with(identity);
      if (connection !== undefined) yield connection;
    }
  }

  /**
   * Has `work` done with a connection with a peer, dialled where there is none. Where one ends meanwhile that was open before, it tries
   * once more: the peer may have ended it as this side began.
   *
   * @throws {PeerError} P2P_ERR_REQUEST_TIMEOUT; P2P_ERR_PROTOCOL_ABSENT; what `connect` and `work` reject with
   */
  async use<T>(
    peer: PeerAddress,
    work: (connection: Connection, timeoutMs: number) => Promise<T>,
  ): Promise<T> {
    const { clock } = this.#node.config;
    const deadlineMs = clock.now() + this.#options.queryTimeoutMs;
    const known = peer.identity === undefined ? undefined : this.with(peer.identity);
    if (known !== undefined) {
      try {
        return await this.#work(known, work, deadlineMs);
      } catch (error) {
        if (!PeerError.is(error, 'P2P_ERR_DISCONNECTED')) throw error;
      }
    }
    return this.#work(await this.#reach(peer, deadlineMs), work, deadlineMs);
  }

  /** Dials no more, and lets go of what it has dialled. */
  stop(): void {
    this.#hasStopped = true;
    this.#sweep?.cancel();
    for (const resume of this.#waiting.splice(0)) resume();
  }

  async #work<T>(
    connection: Connection,
    work: (connection: Connection, timeoutMs: number) => Promise<T>,
    deadlineMs: number,
  ): Promise<T> {
    this.#inUse.set(connection, (this.#inUse.get(connection) ?? 0) + 1);
    try {
      return await work(connection, Math.max(1, Math.ceil(deadlineMs - this.#nowMs())));
    } finally {
      const left = this.#inUse.get(connection)! - 1;
      if (left > 0) this.#inUse.set(connection, left);
      else this.#inUse.delete(connection);
      // The one that was used last is the last.
      if (this.#dialled.delete(connection)) this.#dialled.set(connection, this.#nowMs());
    }
  }

  /** The one dial of a peer that is under way. */
  #reach(peer: PeerAddress, deadlineMs: number): Promise<Connection> {
    const key = peer.toString();
    let dial = this.#dials.get(key);
    if (dial === undefined) {
      dial = this.#dial(peer, deadlineMs).finally(() => void this.#dials.delete(key));
      this.#dials.set(key, dial);
    }
    return dial;
  }

  async #dial(peer: PeerAddress, deadlineMs: number): Promise<Connection> {
    const cancellation = new CancellationSource();
    const { clock } = this.#node.config;
    const timer = clock.setTimeout(
      () =>
        cancellation.cancel(networkError('P2P_ERR_UNREACHABLE', `${String(peer)} was not reached in time`)),
      Math.max(1, Math.ceil(deadlineMs - this.#nowMs())),
    );
    try {
      await this.#turn(cancellation);
      this.#counts.dials++;
      this.#dialling++;
      try {
        return await this.#connect(peer, cancellation);
      } catch (error) {
        this.#counts.dialFailures++;
        throw cancellation.reason ?? error;
      } finally {
        this.#dialling--;
        this.#waiting.shift()?.();
      }
    } finally {
      timer.cancel();
    }
  }

  async #turn(cancellation: CancellationSource): Promise<void> {
    if (this.#dialling >= MAX_DIALS) {
      const turn = defer();
      this.#waiting.push(turn.resolve);
      try {
        await raceAgainst(cancellation, () => turn.promise);
      } catch (error) {
        const index = this.#waiting.indexOf(turn.resolve);
        if (index === -1) this.#waiting.shift()?.();
        else this.#waiting.splice(index, 1);
        throw new PeerError('P2P_ERR_TOO_MANY_CONNECTING', `${MAX_DIALS} dials were under way`, {
          cause: error,
        });
      }
    }
    if (this.#hasStopped) throw new PeerError('P2P_ERR_SHUTTING_DOWN', 'the node closes');
  }

  async #connect(peer: PeerAddress, cancellation: CancellationSource): Promise<Connection> {
    const context = new ConnectionContext().with(BRIEF, true);
    if (peer.identity !== undefined) context.set(expectedIdentity, peer.identity);
    const { signal } = cancellation;
    // Whoever names an address with a wrong identity must not keep this node from dialling the right one there.
    const how = { context, signal, parallel: true };
    const connection: Connection = await this.#node.connect(peer.address, how);
    // Where another connection with the peer is kept, this one ends.
    const kept = connection.identity === undefined ? undefined : this.with(connection.identity);
    if (kept === undefined) {
      if (connection.state !== 'open') throw disconnected(connection, undefined);
      void connection.disconnect('it does not speak this protocol');
      throw networkError('P2P_ERR_UNREACHABLE', `${String(peer)} does not speak the protocol of kademlia`);
    }
    if (kept === connection) this.#keep(connection);
    return kept;
  }

  #keep(connection: Connection): void {
    this.#dialled.set(connection, this.#nowMs());
    for (const [oldest] of this.#dialled) {
      if (this.#dialled.size <= this.#options.maxConnections) break;
      if (!this.#inUse.has(oldest) && oldest !== connection) this.#letGo(oldest);
    }
    this.#awaitSweep();
  }

  #letGo(connection: Connection): void {
    this.#dialled.delete(connection);
    void connection.disconnect('its queries are done');
  }

  #awaitSweep(): void {
    if (this.#sweep !== undefined || this.#hasStopped) return;
    const { idleMs } = this.#options;
    this.#sweep = this.#node.config.clock.setTimeout(
      () => {
        this.#sweep = undefined;
        const untilMs = this.#nowMs() - idleMs;
        for (const [connection, usedMs] of this.#dialled) {
          if (usedMs <= untilMs && !this.#inUse.has(connection)) this.#letGo(connection);
        }
        if (this.#dialled.size > 0) this.#awaitSweep();
      },
      Math.max(1, Math.ceil(idleMs / 2)),
      { keepsAlive: false },
    );
  }

  #nowMs(): number {
    return this.#node.config.clock.now();
  }
}
