import { PeerError, PeerNode, type AddressLike } from '@pea2pea/core';
import {
  configured,
  OnStart,
  OnStop,
  Plugin,
  PluginOptions,
  type ConfiguredPlugin,
} from '@pea2pea/decorators';
import { Backoff } from './backoff.js';
import { dialableAddress, resolveReconnectOptions, type ReconnectOptions } from './options.js';
import { ReconnectTarget, type ReconnectStatus, type Surroundings } from './target.js';

/**
 * Keeps a list of addresses connected: dials them when the peer is up, and again, with growing delays, when a dial
 * fails or a connection ends. {@link reconnect} configures it; listed bare its list is empty until {@link add}.
 *
 * note: the start does not wait for connections: a peer that is down holds nobody up.
 * note: an address that is connected already, whoever dialled it, is left so; its turn comes when that connection ends.
 * note: addresses are told apart by their text. A name and its IP address are two entries, which share a connection.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option, when the peer is made
 */
@Plugin({ inject: [PeerNode, PluginOptions] })
export class Reconnect {
  readonly #targets = new Map<string, ReconnectTarget>();
  readonly #surroundings: Surroundings;
  #phase: 'idle' | 'running' | 'stopped' = 'idle';
  #givenUp = 0;

  constructor(node: PeerNode<unknown>, options: ReconnectOptions) {
    const resolved = resolveReconnectOptions(options);
    this.#surroundings = {
      node,
      options: resolved,
      backoff: new Backoff(resolved, node.config.random),
      onGivenUp: () => void this.#givenUp++,
    };
    for (const address of resolved.addresses) this.add(address);
  }

  /** How often an address was given up. It only rises. */
  get givenUp(): number {
    return this.#givenUp;
  }

  /**
   * Keeps `address` connected from now on; before the peer is up, from then on. One that was given up begins anew.
   * False where it is in the list and not given up.
   * @throws {PeerError} P2P_ERR_INVALID_ADDRESS, also for port 0; P2P_ERR_SHUTTING_DOWN when the peer closes or is closed
   */
  add(address: AddressLike): boolean {
    const { node } = this.#surroundings;
    const resolved = dialableAddress(address);
    if (this.#phase === 'stopped') {
      throw new PeerError('P2P_ERR_SHUTTING_DOWN', `the node ${node.name} is shutting down`);
    }
    const key = resolved.toString();
    const known = this.#targets.get(key);
    const target = known ?? new ReconnectTarget(resolved, this.#surroundings);
    this.#targets.set(key, target);
    const hasBegun = this.#phase === 'running' && target.start();
    return known === undefined || hasBegun;
  }

  /**
   * Takes `address` off the list: a dial under way is aborted, a connection lives on. False where it is not in the list.
   * @throws {PeerError} P2P_ERR_INVALID_ADDRESS
   */
  remove(address: AddressLike): boolean {
    const key = dialableAddress(address).toString();
    this.#targets.get(key)?.stop();
    return this.#targets.delete(key);
  }

  /** What is the matter with each address, in the order in which they were added. */
  status(): ReconnectStatus[] {
    return [...this.#targets.values()].map(({ status }) => status);
  }

  /** Begins; the peer calls it. */
  @OnStart()
  start(): void {
    this.#phase = 'running';
    // A node may be closed without its handle, which would call `stop`.
    this.#surroundings.node.signal.addEventListener('abort', () => this.stop(), { once: true });
    for (const target of this.#targets.values()) target.start();
  }

  /** Ends it for good: no timer and no dial is left. The peer calls it before it closes. */
  @OnStop()
  stop(): void {
    this.#phase = 'stopped';
    for (const target of this.#targets.values()) target.stop();
  }
}

/**
 * {@link Reconnect} with `options`, for the `plugins` of a peer.
 *
 * ```ts
 * @Peer({ codec, plugins: [reconnect({ addresses: ['seed.example.org:4000'], maxDelayMs: 30_000 })] })
 * ```
 */
export function reconnect(options: ReconnectOptions = {}): ConfiguredPlugin<Reconnect> {
  return configured(Reconnect, options);
}
