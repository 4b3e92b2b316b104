import { definePlugin, PeerError, type AddressLike, type Hooks, type PeerNode } from '@pea2pea/core';
import { PluginEvents } from '@pea2pea/core/authoring';
import { Backoff } from './backoff.js';
import {
  dialableAddress,
  resolveReconnectOptions,
  type ReconnectEvent,
  type ReconnectOptions,
} from './options.js';
import { ReconnectTarget, type ReconnectStatus, type Surroundings } from './target.js';

/** What {@link Reconnect.events} tell. */
export interface ReconnectEvents {
  /** An address is not dialled any more, until it is added again; with what went wrong last. */
  'given-up': [ReconnectEvent];
}

/**
 * Keeps a list of addresses connected: dials them when the node starts, and again, with growing delays, when a dial
 * fails or a connection ends.
 *
 * note: a node that does not listen is started with `node.start()`.
 * note: the start does not wait for connections: a peer that is down holds nobody up.
 * note: an address that is connected already, whoever dialled it, is left so; its turn comes when that connection ends.
 * note: addresses are told apart by their text. A name and its IP address are two entries, which share a connection.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export class Reconnect implements Hooks<unknown> {
  static readonly plugin = { name: 'reconnect' };
  /** What others can hear. */
  readonly events: PluginEvents<ReconnectEvents>;
  readonly #targets = new Map<string, ReconnectTarget>();
  readonly #surroundings: Surroundings;
  #phase: 'idle' | 'running' | 'stopped' = 'idle';
  #givenUp = 0;

  constructor(node: PeerNode<unknown>, options: ReconnectOptions = {}) {
    this.events = new PluginEvents(node.logger);
    const resolved = resolveReconnectOptions(options);
    this.#surroundings = {
      node,
      options: resolved,
      backoff: new Backoff(resolved, node.config.random),
      onGivenUp: (event) => {
        this.#givenUp++;
        this.events.emit('given-up', event);
      },
    };
    for (const address of resolved.addresses) this.add(address);
  }

  /** How often an address was given up. It only rises. */
  get givenUp(): number {
    return this.#givenUp;
  }

  /**
   * Keeps `address` connected from now on; before the node starts, from then on. One that was given up begins anew.
   * False where it is in the list and not given up.
   * @throws {PeerError} P2P_ERR_INVALID_ADDRESS, also for port 0; P2P_ERR_SHUTTING_DOWN when the node closes or is closed
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

  /** Begins to dial. */
  onStart(): void {
    this.#phase = 'running';
    // Before the `onStop` of others, which may take their time: nothing is dialled then.
    this.#surroundings.node.signal.addEventListener('abort', () => this.onStop(), { once: true });
    for (const target of this.#targets.values()) target.start();
  }

  /** Ends it for good: no timer and no dial is left. */
  onStop(): void {
    this.#phase = 'stopped';
    for (const target of this.#targets.values()) target.stop();
  }
}

/**
 * {@link Reconnect} with options.
 *
 * ```ts
 * node.use(reconnect({ addresses: ['seed.example.org:4000'], maxDelayMs: 30_000 }));
 * @Peer({ codec, plugins: [reconnect({ addresses: ['seed.example.org:4000'] })] })
 * ```
 */
export const reconnect = definePlugin(Reconnect);
