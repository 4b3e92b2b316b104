import {
  describeReason,
  PeerError,
  type Connection,
  type DisconnectReason,
  type PeerNode,
  type SocketAddress,
  type Timer,
} from '@pea2pea/core';
import { describe, requireAtOnce } from '@pea2pea/core/authoring';
import type { Backoff } from './backoff.js';
import type { Dialler, DialLine } from './dial-line.js';
import type { KeptOptions, ReconnectEvent, ResolvedReconnectOptions } from './options.js';
import { shouldReconnectByDefault } from './options.js';
import { faultOfDial, faultOfEnd } from './rules.js';
import { duplicateOf } from '../unique-peer/unique-peer.js';

/** Whether an address is connected and, if it is not, what happens next. */
export type ReconnectStatus = {
  /** The address as it was added: a name is not resolved. */
  readonly address: SocketAddress;
  /** How many failures in a row. */
  readonly attempts: number;
  /** The last failure, if there was one. It is kept when the address is connected again. */
  readonly last: ReconnectEvent | undefined;
} & (
  | {
      /**
       * The state of the address:
       * - `idle`: the node has not started, or is closing.
       * - `connecting`: it is being dialled.
       * - `given-up`: it is not dialled until it is added again.
       */
      readonly state: 'idle' | 'connecting' | 'given-up';
    }
  | {
      /** The address is connected. */
      readonly state: 'connected';
      /** The connection with the address, or the one with the same peer that `uniquePeer` kept in its place. */
      readonly connection: Connection;
    }
  | {
      /** The next dial is due after a delay, or waits for its turn in the line. */
      readonly state: 'waiting';
      /** How many milliseconds until it is due; 0 in the line. */
      readonly retryInMs: number;
    }
);

type State =
  | { readonly name: 'idle' }
  | { readonly name: 'in-line' }
  | { readonly name: 'connecting'; readonly abort: AbortController }
  | { readonly name: 'connected'; readonly connection: Connection; readonly sinceMs: number }
  | { readonly name: 'waiting'; readonly dueMs: number; readonly timer: Timer }
  | { readonly name: 'given-up' };

/** What all targets of a node share. */
export interface Surroundings {
  readonly node: PeerNode<unknown>;
  readonly options: ResolvedReconnectOptions;
  readonly backoff: Backoff;
  readonly line: DialLine;
  onGivenUp(event: ReconnectEvent): void;
}

/**
 * One address that is kept connected. A promise that settles after the state has changed has no effect.
 *
 * ```text
 *   idle --start--> in-line --turn--> connecting --------> connected <--.
 *                    ^                    | fails            | ends      | a duplicate of one that was kept
 *                    |                    v                  v-----------'
 *                    '---- waiting <--- again? ---> given-up
 *                     due              yes     no
 * ```
 */
export class ReconnectTarget implements Dialler {
  readonly address: SocketAddress;
  /** How it is dialled. */
  connectOptions: KeptOptions = {};
  readonly #surroundings: Surroundings;
  #state: State = { name: 'idle' };
  #attempts = 0;
  /** How often in a row this side could not, since there was another outcome. */
  #deferrals = 0;
  #last: ReconnectEvent | undefined;

  constructor(address: SocketAddress, surroundings: Surroundings) {
    this.address = address;
    this.#surroundings = surroundings;
  }

  /** Starts, also after the address was given up. Returns false if it is running. */
  start(): boolean {
    const { name } = this.#state;
    if (name !== 'idle' && name !== 'given-up') return false;
    this.#attempts = 0;
    this.#deferrals = 0;
    this.#enterLine();
    return true;
  }

  /** Aborts its dial and cancels its timer. A connection stays open. */
  stop(): void {
    const state = this.#state;
    this.#state = { name: 'idle' };
    this.#surroundings.line.leave(this);
    if (state.name === 'connecting') state.abort.abort();
    if (state.name === 'waiting') state.timer.cancel();
  }

  get status(): ReconnectStatus {
    const state = this.#state;
    const common = { address: this.address, attempts: this.#attempts, last: this.#last };
    if (state.name === 'connected') {
      const attempts = this.#isStable(state.sinceMs) ? 0 : this.#attempts;
      return { ...common, attempts, state: state.name, connection: state.connection };
    }
    if (state.name === 'in-line') return { ...common, state: 'waiting', retryInMs: 0 };
    if (state.name !== 'waiting') return { ...common, state: state.name };
    const retryInMs = Math.max(0, Math.ceil(state.dueMs - this.#now()));
    return { ...common, state: state.name, retryInMs };
  }

  get failures(): number {
    return this.#attempts;
  }

  #enterLine(): void {
    this.#state = { name: 'in-line' };
    this.#surroundings.line.enter(this);
  }

  /** Its turn in the line has come. */
  dial(): void {
    const { node, line } = this.#surroundings;
    const dialling: State = { name: 'connecting', abort: new AbortController() };
    this.#state = dialling;
    node.connect(this.address, { ...this.connectOptions, signal: dialling.abort.signal }).then(
      (connection) => {
        if (this.#state !== dialling) return;
        line.leave(this);
        this.#follow(connection, this.#now());
      },
      (error: unknown) => {
        if (this.#state !== dialling) return;
        line.leave(this);
        this.#onDialFailed(error, dialling);
      },
    );
  }

  #onDialFailed(error: unknown, dialling: State): void {
    if (PeerError.is(error, 'P2P_ERR_ALREADY_CONNECTED')) {
      void this.#findConnection().then((connection) => {
        if (this.#state !== dialling) return;
        if (connection === undefined) this.#wait(0);
        else this.#follow(connection, this.#now());
      });
    } else {
      const fault = faultOfDial(error);
      if (fault !== 'ours') this.#attempts++;
      this.#decide({ address: this.address, attempt: this.#attempts, fault, error });
    }
  }

  /** An open connection with the address, or with one of the addresses of the name. */
  async #findConnection(): Promise<Connection | undefined> {
    const { node } = this.#surroundings;
    const addresses = await this.#addresses();
    return addresses
      .flatMap((address) => node.connections.all(address))
      .find((connection) => connection.state === 'open');
  }

  /** The addresses of the name; none if it cannot be resolved now. */
  async #addresses(): Promise<readonly SocketAddress[]> {
    try {
      return await this.#surroundings.node.config.transport.resolve(this.address);
    } catch {
      return [];
    }
  }

  #follow(connection: Connection, sinceMs: number): void {
    const following: State = { name: 'connected', connection, sinceMs };
    this.#state = following;
    this.#deferrals = 0;
    void connection.closed.then((reason) => {
      if (this.#state === following) this.#onEnded(connection, reason, sinceMs);
    });
  }

  #onEnded(connection: Connection, reason: DisconnectReason, sinceMs: number): void {
    const kept = connection.context.get(duplicateOf);
    if (kept !== undefined) {
      this.#follow(kept, sinceMs);
    } else {
      const fault = faultOfEnd(reason);
      if (this.#isStable(sinceMs)) this.#attempts = 0;
      else if (fault !== 'ours') this.#attempts++;
      this.#decide({ address: this.address, attempt: this.#attempts, fault, reason });
    }
  }

  #isStable(sinceMs: number): boolean {
    return this.#now() - sinceMs >= this.#surroundings.options.stableAfterMs;
  }

  #decide(event: ReconnectEvent): void {
    this.#last = event;
    const { maxAttempts } = this.#surroundings.options;
    this.#deferrals = event.fault === 'ours' ? this.#deferrals + 1 : 0;
    if (event.fault !== 'ours' && event.attempt >= maxAttempts)
      this.#giveUp(event, `${maxAttempts} attempts failed`);
    else if (!this.#shouldReconnect(event)) this.#giveUp(event, 'not to be tried again');
    else this.#wait(this.#deferrals || event.attempt);
  }

  #shouldReconnect(event: ReconnectEvent): boolean {
    try {
      return requireAtOnce('`shouldReconnect`', this.#surroundings.options.shouldReconnect(event));
    } catch (error) {
      const text = '`shouldReconnect` of reconnect threw';
      this.#surroundings.node.logger.error({ ...this.#fields(), err: error }, text);
      return shouldReconnectByDefault(event);
    }
  }

  #giveUp(event: ReconnectEvent, why: string): void {
    this.#state = { name: 'given-up' };
    const { node, options } = this.#surroundings;
    const text = 'reconnect has given up on an address';
    const fields = { ...this.#fields(), attempts: event.attempt, why, last: inWords(event) };
    if (event.attempt >= options.maxAttempts || isMistake(event.error)) node.logger.warn(fields, text);
    else node.logger.info(fields, text);
    this.#surroundings.onGivenUp(event);
  }

  #wait(failures: number): void {
    const { node, backoff, options } = this.#surroundings;
    const delayMs = backoff.delayMs(failures);
    node.logger.debug({ ...this.#fields(), delayMs, attempts: this.#attempts }, 'will connect again');
    const timer = node.config.clock.setTimeout(() => this.#enterLine(), delayMs, options);
    this.#state = { name: 'waiting', dueMs: this.#now() + delayMs, timer };
  }

  #now(): number {
    return this.#surroundings.node.config.clock.now();
  }

  #fields() {
    return { peer: this.address.toString() };
  }
}

/** Whether somebody has to change this program. */
function isMistake(error: unknown): boolean {
  return PeerError.is(error, 'P2P_ERR_INVALID_CONFIG') || PeerError.is(error, 'P2P_ERR_UNSUPPORTED');
}

/** A failure in one line. */
export function inWords({ error, reason }: ReconnectEvent): string {
  if (reason !== undefined) return describeReason(reason);
  return describe(error);
}
