import type { Timer } from '@pea2pea/core';
import { overdue } from '@pea2pea/core/authoring';
import type { Channel } from './channel.js';
import { MAX_LISTED } from './frames.js';
import { shuffled } from './mesh.js';
import type { Parts } from './parts.js';
import type { GossipPeer } from './peer.js';
import type { MessageId } from './publication.js';

/** A peer is told of so many messages of a topic at most, the newest first. */
const MOST_TOLD = 4 * MAX_LISTED;
/** Messages of the last so many heartbeats are told to some peers outside of the mesh. */
const BEATS_TOLD = 3;
/** One peer is told of all that is kept with each so many heartbeats. */
const BEATS_A_RECONCILIATION = 10;
/** At least this part of the peers outside of the mesh is told. */
const PART_TOLD = 0.25;
/** A peer is sent the same message so often on request. */
const MAX_SERVED = 3;

/** Tells peers which messages there are, asks for those that are missing, and sends what it is asked for: anti-entropy. */
export class Teller {
  readonly #parts: Parts;
  #timer: Timer | undefined;
  #beats = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Tells a peer all that is kept of a topic. */
  tell(peer: GossipPeer, { name }: Channel): void {
    const ids = this.#recent(name, -Infinity);
    if (this.#parts.judge.gossipsWith(peer)) this.#say(peer, name, ids);
  }

  /** With each heartbeat. */
  beat(): void {
    const { channels, peers, node, outlet, options } = this.#parts;
    const { random, clock } = node.config;
    const sinceMs = clock.now() - BEATS_TOLD * options.heartbeatMs;
    for (const channel of channels.values()) this.#gossip(channel, sinceMs);
    for (const peer of peers.values()) {
      if (!peer.isBehind || outlet.isSlow(peer)) continue;
      peer.isBehind = false;
      this.#tellAll(peer);
    }
    if (++this.#beats % BEATS_A_RECONCILIATION !== 0) return;
    const [one] = shuffled([...peers.values()], random);
    if (one !== undefined) this.#tellAll(one);
  }

  /** A peer wants messages. */
  onWant(peer: GossipPeer, ids: readonly MessageId[]): void {
    const { judge, account, history, outlet } = this.#parts;
    const looked = peer.take('wants', ids.length);
    if (looked < ids.length) {
      account.drop('askedTooOften', ids.length - looked);
      if (peer.startsFlooding()) judge.penalize(peer, 'flood');
    }
    if (!judge.gossipsWith(peer)) return account.drop('lowScore', looked);
    const nowMs = this.#nowMs();
    for (const id of ids.slice(0, looked)) {
      const kept = history.get(id, nowMs);
      if (kept === undefined) {
        account.drop('notKept');
        continue;
      }
      kept.served ??= new Map();
      const times = kept.served.get(peer.connection.id) ?? 0;
      if (times === MAX_SERVED) {
        account.drop('askedTooOften');
        continue;
      }
      const ageMs = Math.max(0, Math.round(nowMs - kept.publishedAtMs));
      if (!outlet.message(peer, kept.publication, ageMs)) continue;
      kept.served.set(peer.connection.id, times + 1);
      account.count('served');
    }
  }

  /** Messages are wanted: asks for them once they have had their time to come by themselves. One timer for all. */
  awaitRound(): void {
    const { node, wanted, options } = this.#parts;
    if (this.#timer !== undefined || wanted.size === 0) return;
    // INVARIANT: clock-after-socket. What had come when a promise was due is taken before it is broken.
    this.#timer = overdue(node.config.clock, options.graceMs, this.#ask, { keepsAlive: false });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  readonly #ask = (polledAtMs: number): void => {
    this.#timer = undefined;
    const { wanted, account, judge, outlet } = this.#parts;
    const { asks, broken, lost } = wanted.round(polledAtMs);
    if (lost > 0) account.drop('promiseBroken', lost);
    for (const peer of broken) {
      account.count('brokenPromises');
      judge.penalize(peer, 'brokenPromise');
    }
    for (const [peer, ids] of asks) {
      if (outlet.word(peer, { type: 'want', ids })) ids.forEach(() => account.count('asked'));
      else wanted.unask(ids, peer);
    }
    this.awaitRound();
  };

  /** Tells some peers outside of the mesh which messages are new: what gossipsub calls lazy gossip. */
  #gossip({ name, mesh }: Channel, sinceMs: number): void {
    const { judge, options, node } = this.#parts;
    const ids = this.#recent(name, sinceMs);
    if (ids.length === 0) return;
    const others = [...this.#parts.peers.values()].filter(
      (peer) => peer.topics.has(name) && mesh.get(peer) === undefined && judge.gossipsWith(peer),
    );
    const count = Math.max(options.gossipDegree, Math.ceil(PART_TOLD * others.length));
    for (const peer of shuffled(others, node.config.random).slice(0, count)) this.#say(peer, name, ids);
  }

  #tellAll(peer: GossipPeer): void {
    for (const channel of this.#parts.channels.values()) {
      if (peer.topics.has(channel.name)) this.tell(peer, channel);
    }
  }

  #say(peer: GossipPeer, topic: string, ids: readonly MessageId[]): void {
    for (let at = 0; at < ids.length; at += MAX_LISTED) {
      const isSaid = this.#parts.outlet.word(peer, {
        type: 'have',
        topic,
        ids: ids.slice(at, at + MAX_LISTED),
      });
      if (!isSaid) return;
    }
  }

  #recent(topic: string, sinceMs: number): MessageId[] {
    const { history, options } = this.#parts;
    const marginMs = options.promiseMs + options.graceMs;
    return history.recent(topic, { sinceMs, marginMs, most: MOST_TOLD }, this.#nowMs());
  }

  #nowMs(): number {
    return this.#parts.node.config.clock.now();
  }
}
