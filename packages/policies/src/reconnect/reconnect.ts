import {
  definePlugin,
  PeerError,
  PLUGIN_STATE,
  type AddressLike,
  type Hooks,
  type PeerNode,
} from '@pea2pea/core';
import { excerpt, PluginEvents } from '@pea2pea/core/authoring';
import { Backoff } from './backoff.js';
import { DialLine } from './dial-line.js';
import {
  checkKept,
  dialableAddress,
  resolveReconnectOptions,
  type KeptOptions,
  type ReconnectEvent,
  type ReconnectOptions,
} from './options.js';
import { inWords, ReconnectTarget, type ReconnectStatus, type Surroundings } from './target.js';

/** The events of {@link Reconnect.events}. */
export interface ReconnectEvents {
  /** An address was given up: it is not dialled again until it is added again. The event is its last failure. */
  'given-up': [ReconnectEvent];
}

/**
 * Keeps a list of addresses connected: dials them when the node starts, and again, with growing delays, when a dial
 * fails or a connection ends. {@link reconnect} makes it.
 *
 * note: start a node that does not listen with `node.start()`.
 * note: the start of the node does not wait for connections.
 * note: an address that is already connected, whichever side dialled, is not dialled until that connection ends.
 * note: a few are dialled at once (`maxConcurrentDials`); the others wait in line, so that addresses that are down keep
 * nobody out.
 * note: addresses are compared as strings. A name and its IP address are two entries, which share a connection.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export class Reconnect implements Hooks<unknown> {
  /** Its name among the plugins of a node. */
  static readonly plugin = { name: 'reconnect' };
  /** Events for other parts of the program. */
  readonly events: PluginEvents<ReconnectEvents>;
  readonly #targets = new Map<string, ReconnectTarget>();
  readonly #surroundings: Surroundings;
  #phase: 'idle' | 'running' | 'stopped' = 'idle';
  #givenUp = 0;

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
  constructor(node: PeerNode<unknown>, options: ReconnectOptions = {}) {
    this.events = new PluginEvents(node.logger);
    const resolved = resolveReconnectOptions(options);
    this.#surroundings = {
      node,
      options: resolved,
      backoff: new Backoff(resolved, node.config.random),
      line: new DialLine(Math.min(resolved.maxConcurrentDials, node.config.maxConnecting)),
      onGivenUp: (event) => {
        this.#givenUp++;
        this.events.emit('given-up', event);
      },
    };
    for (const [address, connect] of resolved.addresses) this.add(address, connect);
  }

  /** How often an address was given up. It only rises. */
  get givenUp(): number {
    return this.#givenUp;
  }

  /**
   * Keeps `address` connected, from now on or from the start of the node. One that was given up is dialled again. Returns
   * false if the address is in the list already and not given up.
   *
   * @param options how to dial it: `localAddress`, `localPort`, `timeoutMs`. Where the address is in the list already,
   * they hold from the next dial on
   * @throws {PeerError} P2P_ERR_INVALID_ADDRESS, also for port 0; P2P_ERR_SHUTTING_DOWN when the node closes or is closed;
   * P2P_ERR_INVALID_CONFIG for a `signal` or `stream`
   */
  add(address: AddressLike, options?: KeptOptions): boolean {
    const { node } = this.#surroundings;
    const resolved = dialableAddress(address);
    const checked = options && checkKept(options);
    if (this.#phase === 'stopped') {
      throw new PeerError('P2P_ERR_SHUTTING_DOWN', `the node ${node.name} is shutting down`);
    }
    const key = resolved.toString();
    const known = this.#targets.get(key);
    const target = known ?? new ReconnectTarget(resolved, this.#surroundings);
    this.#targets.set(key, target);
    if (checked !== undefined) target.connectOptions = checked;
    const hasBegun = this.#phase === 'running' && target.start();
    return known === undefined || hasBegun;
  }

  /**
   * Removes `address` from the list: a dial in progress is aborted, a connection stays open. Returns false if it is not in
   * the list.
   * @throws {PeerError} P2P_ERR_INVALID_ADDRESS
   */
  remove(address: AddressLike): boolean {
    const key = dialableAddress(address).toString();
    this.#targets.get(key)?.stop();
    return this.#targets.delete(key);
  }

  /** The status of each address, in the order in which they were added. */
  status(): ReconnectStatus[] {
    return [...this.#targets.values()].map(({ status }) => status);
  }

  /** What snapshots show: how many addresses are in which state, and those that are not connected, the first added first. */
  [PLUGIN_STATE](): unknown {
    const byState = { idle: 0, connecting: 0, connected: 0, waiting: 0, 'given-up': 0 };
    const missing: ReconnectStatus[] = [];
    for (const status of this.status()) {
      byState[status.state]++;
      if (status.state !== 'connected') missing.push(status);
    }
    return {
      addresses: this.#targets.size,
      ...byState,
      missing: excerpt(missing, (status) => ({
        address: status.address.toString(),
        state: status.state,
        attempts: status.attempts,
        nextTryInMs: status.state === 'waiting' ? status.retryInMs : null,
        last: status.last === undefined ? null : inWords(status.last),
      })),
      timesGivenUp: this.#givenUp,
    };
  }

  /** Dials the addresses. */
  onStart(): void {
    this.#phase = 'running';
    // Stops before the `onStop` hooks of others, which may take long: nothing must be dialled meanwhile.
    this.#surroundings.node.signal.addEventListener('abort', () => this.onStop(), { once: true });
    for (const target of this.#targets.values()) target.start();
  }

  /** Stops for good: all dials are aborted and all timers cancelled. */
  onStop(): void {
    this.#phase = 'stopped';
    this.#surroundings.line.close();
    for (const target of this.#targets.values()) target.stop();
  }
}

/**
 * Lists {@link Reconnect} among the plugins of a node or a peer.
 *
 * ```ts
 * node.use(reconnect({ addresses: ['seed.example.org:4000'], maxDelayMs: 30_000 }));
 * @Peer({ codec, plugins: [reconnect({ addresses: ['seed.example.org:4000'] })] })
 * ```
 */
export const reconnect = definePlugin(Reconnect);
