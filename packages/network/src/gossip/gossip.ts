import {
  definePlugin,
  PLUGIN_STATE,
  type Connection,
  type Hooks,
  type PeerNode,
  type Timer,
} from '@pea2pea/core';
import {
  invalidConfig,
  PluginEvents,
  requireFunction,
  requireKnown,
  requireMethods,
  requireString,
} from '@pea2pea/core/authoring';
import { protocol, type ProtocolPeer } from '@pea2pea/streams';
import { networkError } from '../shared/errors.js';
import { Account, type GossipCounts } from './account.js';
import { Channel, type TopicOptions } from './channel.js';
import { gossipFrames, type Frame } from './frames.js';
import { History } from './history.js';
import { Judge, type GossipEvents } from './judge.js';
import { Meshes } from './meshes.js';
import { resolveGossip, type GossipOptions } from './options.js';
import { Outlet } from './outlet.js';
import type { Parts } from './parts.js';
import { MAX_TOPIC_BYTES } from './publication.js';
import { Relay } from './relay.js';
import { Teller } from './teller.js';
import { Topic } from './topic.js';
import { Wanted } from './wanted.js';

/** As many topics are in the state for snapshots. */
const MOST_SHOWN = 50;

/**
 * Messages for all who have subscribed to a topic, passed on from peer to peer: the meshes, gossip and scores of gossipsub v1.1, in a
 * protocol of its own. {@link gossip} makes it.
 *
 * ```text
 *   mesh       some peers of a topic: whole messages, at once
 *   lazy       those of them that others outrun: which messages there are, at once
 *   gossip     some other peers, with each heartbeat: which messages there are; whoever misses one asks for it
 *   catching up   whoever subscribes, comes back, or was too slow: all that are kept
 * ```
 *
 * note: both sides need `protocols()` and this plugin, with the same `network`, `ids`, and a `signer` or none. Other peers are left alone.
 * note: nothing promises that a message arrives; `counts.dropped` says of each that was not sent why.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export class Gossip implements Hooks<unknown> {
  /** Its name among the plugins of a node, those that it comes after, and the one that it needs. */
  static readonly plugin = {
    name: 'gossip',
    after: ['connection-manager', 'protocols'],
    needs: ['protocols'],
  };
  /** Events for other parts of the program. */
  readonly events: PluginEvents<GossipEvents>;
  readonly #parts: Parts;
  readonly #relay: Relay;
  readonly #teller: Teller;
  readonly #meshes: Meshes;
  #heartbeat: Timer | undefined;
  #isStopped = false;

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
  constructor(node: PeerNode<unknown>, given: GossipOptions = {}) {
    const options = resolveGossip(given);
    this.events = new PluginEvents(node.logger);
    const account = new Account();
    const hello = { network: options.network, ids: options.ids, isSigned: options.signer !== undefined };
    const talk = protocol<Frame>(node, {
      name: 'pea2pea/gossip',
      versions: [1],
      codec: gossipFrames(options.maxMessageBytes),
      hello,
      onOpen: (connection, peer) => this.#onOpen(connection, peer, JSON.stringify(hello)),
      onMessage: (frame, connection) => this.#onFrame(frame, connection),
      onClose: (connection) => this.#onClose(connection),
    });
    this.#parts = {
      node,
      options,
      account,
      judge: new Judge(node, options, account, this.events),
      outlet: new Outlet(talk, account, options.maxQueuedBytes),
      history: new History(options.historyMs, options.historyBytes),
      wanted: new Wanted(options),
      channels: new Map(),
      peers: new Map(),
    };
    this.#teller = new Teller(this.#parts);
    this.#relay = new Relay(this.#parts, this.#teller);
    this.#meshes = new Meshes(this.#parts, this.#teller);
  }

  /**
   * A topic, to publish to and to subscribe to.
   *
   * ```ts
   * const rumours = node.plugin(gossip).topic<Rumour>('rumours', { codec: json() });
   * rumours.subscribe((rumour, { from }) => console.log(rumour.text, from.address));
   * rumours.publish({ text: 'it rains' });
   * ```
   *
   * @param name 1 to 100 bytes
   * @throws {PeerError} P2P_ERR_TOPIC_TAKEN when this node has it already; P2P_ERR_INVALID_CONFIG for more than `maxTopics`, and when something
   * makes no sense
   */
  topic<T>(name: string, options: TopicOptions<T>): Topic<T> {
    requireString('name', name, { min: 1 });
    if (Buffer.byteLength(name) > MAX_TOPIC_BYTES)
      throw invalidConfig(`the name of a topic has ${MAX_TOPIC_BYTES} bytes at most`);
    requireKnown('the options of a topic', options, ['codec', 'validate']);
    requireMethods('codec', options.codec, ['decoder', 'encoder']);
    if (options.validate !== undefined) requireFunction('validate', options.validate);
    const {
      channels,
      options: { maxTopics },
    } = this.#parts;
    if (channels.has(name))
      throw networkError('P2P_ERR_TOPIC_TAKEN', `this node has the topic ${JSON.stringify(name)} already`);
    if (channels.size === maxTopics)
      throw invalidConfig(`a node has ${maxTopics} topics at most, its \`maxTopics\``);
    const channel = new Channel(name, options as unknown as TopicOptions<unknown>);
    channels.set(name, channel);
    return new Topic<T>(this.#parts, channel, this.#relay, this.#meshes);
  }

  /** How often what happened, and what was not sent, with the cause. */
  get counts(): GossipCounts {
    const { dropped, ...counts } = this.#parts.account.counts;
    return { ...counts, dropped: { ...dropped, forgotten: this.#relay.forgotten } };
  }

  /** What is thought of a peer: below 0 where it has misbehaved; 0 where it does not take part. */
  scoreOf(connection: Connection): number {
    return this.#parts.peers.get(connection)?.score ?? 0;
  }

  /** What snapshots show. */
  [PLUGIN_STATE](): unknown {
    const { peers, history, wanted, channels } = this.#parts;
    const topics = [...channels.values()].slice(0, MOST_SHOWN).map(({ name, handler, mesh }) => ({
      name,
      isSubscribed: handler !== undefined,
      subscribers: [...peers.values()].filter((peer) => peer.topics.has(name)).length,
      mesh: mesh.size,
      eager: mesh.eager,
    }));
    return {
      ...this.counts,
      peers: peers.size,
      seen: this.#relay.seen,
      kept: { messages: history.size, bytes: history.bytes },
      wanted: wanted.size,
      topics,
    };
  }

  /** Ends all of it. */
  onStop(): void {
    this.#isStopped = true;
    this.#stopTimers();
  }

  #onOpen(connection: Connection, { hello }: ProtocolPeer, ours: string): void {
    if (!isSameNetwork(hello, ours)) return;
    const { peers, judge } = this.#parts;
    const peer = judge.meet(connection);
    peers.set(connection, peer);
    this.#meshes.greet(peer);
    if (!this.#isStopped) this.#heartbeat ??= this.#awaitBeat();
  }

  #onClose(connection: Connection): void {
    const { peers, judge, wanted } = this.#parts;
    const peer = peers.get(connection);
    if (peer === undefined) return;
    peers.delete(connection);
    wanted.leave(peer);
    this.#meshes.leave(peer);
    judge.part(peer);
    if (peers.size === 0) this.#stopTimers();
  }

  #onFrame(frame: Frame, connection: Connection): void | Promise<void> {
    const peer = this.#parts.peers.get(connection);
    if (peer === undefined) return undefined;
    if (frame.type === 'message') return this.#relay.onMessage(peer, frame.ageMs, frame.publication);
    switch (frame.type) {
      case 'topics':
        return this.#meshes.onTopics(peer, frame.changes);
      case 'have':
        return this.#relay.onHave(peer, frame.topic, frame.ids);
      case 'want':
        return this.#teller.onWant(peer, frame.ids);
      case 'graft':
        return this.#meshes.onGraft(peer, frame.topic);
      case 'prune':
        return this.#meshes.onPrune(peer, frame.topic, frame.backoffMs);
      case 'lazy':
      case 'eager':
        return this.#meshes.onPace(peer, frame.topic, frame.type === 'lazy');
    }
  }

  /** Each at a time of its own: nodes that start together do not all speak at once. */
  #awaitBeat(): Timer {
    const {
      node: {
        config: { clock, random },
      },
      options: { heartbeatMs },
    } = this.#parts;
    const delayMs = Math.ceil(heartbeatMs * (0.9 + 0.2 * random.next()));
    return clock.setTimeout(() => this.#beat(), delayMs, { keepsAlive: false });
  }

  #beat(): void {
    this.#heartbeat = this.#awaitBeat();
    const { judge, peers, history, node } = this.#parts;
    judge.renew(peers.values());
    history.sweep(node.config.clock.now());
    this.#meshes.beat();
    this.#teller.beat();
  }

  #stopTimers(): void {
    this.#heartbeat?.cancel();
    this.#heartbeat = undefined;
    this.#teller.stop();
  }
}

/** Whether a peer said the same; from a stranger. */
function isSameNetwork(hello: unknown, ours: string): boolean {
  const { network, ids, isSigned } = Object(hello) as Record<string, unknown>;
  return JSON.stringify({ network, ids, isSigned }) === ours;
}

/**
 * Lists {@link Gossip} among the plugins of a node or a peer.
 *
 * ```ts
 * const node = new PeerNode({ codec: withProtocols(json()) }).use(protocols()).use(gossip());
 * ```
 */
export const gossip = definePlugin(Gossip);
