import { BoundedMap } from '@pea2pea/core/authoring';
import type { Channel } from './channel.js';
import { MAX_LISTED, type TopicChange } from './frames.js';
import { isOutbound } from './mesh.js';
import type { Parts } from './parts.js';
import type { GossipPeer } from './peer.js';
import type { Teller } from './teller.js';

/** A peer that stays out of a mesh for a while. */
interface Backoff {
  readonly untilMs: number;
  /** Since when; where this side has pruned it, grafts that come much later are its fault. */
  readonly prunedAtMs: number | undefined;
}

const MAX_BACKOFFS = 4_096;
/** A peer has us wait for so long at most. */
const LONGEST_BACKOFF_MS = 10 * 60_000;
/** After it has left a topic, this node can be grafted again soon. */
const LEAVING_BACKOFF_MS = 10_000;
/** A graft that comes so soon after a prune may have been under way. */
const UNDER_WAY_MS = 2_000;

/** Who has subscribed to what, and who is in which mesh. */
export class Meshes {
  readonly #parts: Parts;
  readonly #teller: Teller;
  /** By peer and topic. */
  readonly #backoffs = new BoundedMap<Backoff>({
    maxEntries: MAX_BACKOFFS,
    isOver: ({ untilMs }, nowMs) => untilMs <= nowMs,
  });

  constructor(parts: Parts, teller: Teller) {
    this.#parts = parts;
    this.#teller = teller;
  }

  /** A peer is there. */
  greet(peer: GossipPeer): void {
    for (const { name, handler } of this.#parts.channels.values()) {
      if (handler !== undefined) peer.untold.add(name);
    }
    this.#tellTopics(peer);
  }

  /** A peer has gone. */
  leave(peer: GossipPeer): void {
    for (const channel of this.#parts.channels.values()) this.#lose(channel, peer);
  }

  /** This node has subscribed to a topic. */
  join(channel: Channel): void {
    this.#announce(channel);
    this.#upkeep(channel);
  }

  /** It has unsubscribed. */
  part(channel: Channel): void {
    for (const { peer } of [...channel.mesh.members()]) this.#prune(channel, peer, LEAVING_BACKOFF_MS);
    this.#announce(channel);
  }

  onTopics(peer: GossipPeer, changes: readonly TopicChange[]): void {
    const { channels, options } = this.#parts;
    const looked = this.#takeControl(peer, changes.length);
    for (const { topic, isSubscribed } of changes.slice(0, looked)) {
      const channel = channels.get(topic);
      if (!isSubscribed) {
        peer.topics.delete(topic);
        if (channel !== undefined) this.#lose(channel, peer);
      } else if (!peer.topics.has(topic) && peer.topics.size < options.maxTopics) {
        peer.topics.add(topic);
        // Whoever comes late, or back, catches up.
        if (channel !== undefined) this.#onSubscriber(channel, peer);
      }
    }
  }

  #onSubscriber(channel: Channel, peer: GossipPeer): void {
    const isThin = channel.mesh.size < this.#parts.options.minDegree;
    if (channel.handler !== undefined && isThin) this.#upkeep(channel); // a heartbeat is long for those who start
    this.#teller.tell(peer, channel);
  }

  onGraft(peer: GossipPeer, topic: string): void {
    const { channels, options, judge, node } = this.#parts;
    const channel = channels.get(topic);
    if (this.#takeControl(peer, 1) === 0 || channel?.handler === undefined || !peer.topics.has(topic)) return;
    const { mesh } = channel;
    if (mesh.get(peer) !== undefined) return;
    const nowMs = node.config.clock.now();
    const backoff = this.#backoffs.get(keyOf(peer, topic), nowMs);
    const isTooSoon = backoff?.prunedAtMs !== undefined;
    if (isTooSoon && nowMs - backoff.prunedAtMs > UNDER_WAY_MS) judge.penalize(peer, 'graftInBackoff');
    const isFull = mesh.size >= options.maxDegree && !isOutbound(peer);
    if (!isTooSoon && !isFull && peer.score >= 0) this.#take(channel, peer);
    else this.#prune(channel, peer, options.backoffMs);
  }

  onPrune(peer: GossipPeer, topic: string, backoffMs: number): void {
    const { channels, options } = this.#parts;
    const channel = channels.get(topic);
    if (this.#takeControl(peer, 1) === 0 || channel === undefined) return;
    if (this.#lose(channel, peer)) this.#parts.account.count('prunes');
    this.#rest(peer, topic, Math.min(backoffMs, LONGEST_BACKOFF_MS) + options.heartbeatMs, undefined);
  }

  /** The peer wants whole messages, or not. */
  onPace(peer: GossipPeer, topic: string, isLazy: boolean): void {
    const member = this.#parts.channels.get(topic)?.mesh.get(peer);
    if (this.#takeControl(peer, 1) === 1 && member !== undefined) member.isLazy = isLazy;
  }

  /** With each heartbeat. */
  beat(): void {
    const { channels, peers } = this.#parts;
    for (const channel of channels.values()) if (channel.handler !== undefined) this.#upkeep(channel);
    for (const peer of peers.values()) {
      if (peer.untold.size > 0) this.#tellTopics(peer);
      for (const topic of peer.unpruned) this.#tellPrune(peer, topic);
    }
  }

  #upkeep(channel: Channel): void {
    const { mesh, name } = channel;
    const { options, node, peers, outlet, judge } = this.#parts;
    const { random, clock } = node.config;
    for (const peer of mesh.surplus(options, random)) this.#prune(channel, peer, options.backoffMs);
    const nowMs = clock.now();
    const candidates = [...peers.values()].filter(
      (peer) =>
        peer.topics.has(name) &&
        peer.score >= 0 &&
        judge.sendsTo(peer) &&
        this.#backoffs.get(keyOf(peer, name), nowMs) === undefined,
    );
    for (const peer of mesh.wanted(candidates, options, random)) {
      if (outlet.word(peer, { type: 'graft', topic: name })) this.#take(channel, peer);
    }
    for (const peer of mesh.unchoke(options.minEager, random)) {
      outlet.word(peer, { type: 'eager', topic: name });
    }
  }

  #take({ mesh, name }: Channel, peer: GossipPeer): void {
    mesh.add(peer);
    peer.unpruned.delete(name);
    this.#parts.account.count('grafts');
  }

  /** Returns whether the peer was in the mesh. */
  #lose({ mesh, name }: Channel, peer: GossipPeer): boolean {
    const { options, node, outlet } = this.#parts;
    if (!mesh.delete(peer)) return false;
    for (const other of mesh.unchoke(options.minEager, node.config.random)) {
      outlet.word(other, { type: 'eager', topic: name });
    }
    return true;
  }

  #prune(channel: Channel, peer: GossipPeer, backoffMs: number): void {
    const { node, account } = this.#parts;
    if (this.#lose(channel, peer)) account.count('prunes');
    const nowMs = node.config.clock.now();
    const before = this.#backoffs.get(keyOf(peer, channel.name), nowMs)?.prunedAtMs;
    this.#rest(peer, channel.name, backoffMs, before ?? nowMs);
    this.#tellPrune(peer, channel.name);
  }

  #tellPrune(peer: GossipPeer, topic: string): void {
    const { outlet, node } = this.#parts;
    const nowMs = node.config.clock.now();
    const untilMs = this.#backoffs.get(keyOf(peer, topic), nowMs)?.untilMs ?? nowMs;
    const backoffMs = Math.ceil(untilMs - nowMs);
    if (outlet.word(peer, { type: 'prune', topic, backoffMs })) peer.unpruned.delete(topic);
    else peer.unpruned.add(topic);
  }

  #rest(peer: GossipPeer, topic: string, backoffMs: number, prunedAtMs: number | undefined): void {
    const nowMs = this.#parts.node.config.clock.now();
    this.#backoffs.set(keyOf(peer, topic), { untilMs: nowMs + backoffMs, prunedAtMs }, nowMs);
  }

  #announce({ name }: Channel): void {
    for (const peer of this.#parts.peers.values()) {
      peer.untold.add(name);
      this.#tellTopics(peer);
    }
  }

  #tellTopics(peer: GossipPeer): void {
    const { channels, outlet } = this.#parts;
    const topics = [...peer.untold];
    for (let at = 0; at < topics.length; at += MAX_LISTED) {
      const some = topics.slice(at, at + MAX_LISTED);
      const changes = some.map((topic) => ({
        topic,
        isSubscribed: channels.get(topic)?.handler !== undefined,
      }));
      if (!outlet.word(peer, { type: 'topics', changes })) return;
      for (const topic of some) peer.untold.delete(topic);
    }
  }

  #takeControl(peer: GossipPeer, count: number): number {
    const looked = peer.take('control', count);
    if (looked < count && peer.startsFlooding()) this.#parts.judge.penalize(peer, 'flood');
    return looked;
  }
}

function keyOf({ key }: GossipPeer, topic: string): string {
  return `${key}\n${topic}`;
}
