import type { Random } from '@pea2pea/core';
import type { ResolvedGossip } from './options.js';
import type { GossipPeer } from './peer.js';

/** A peer of a mesh. */
export interface Member {
  readonly peer: GossipPeer;
  /** It wants to be told which messages there are, rather than be sent them. */
  isLazy: boolean;
  /** It was asked to send no whole messages: others are faster. */
  isChoked: boolean;
  /** How many of its last messages had come from others before. */
  repeats: number;
}

/** After so many messages in a row that others had sent before, a peer is choked. */
const REPEATS = 3;
/** How many are kept for their scores where there are too many; others are kept at random, so that nobody has the mesh for good. */
const KEPT_FOR_SCORE = 4;

/**
 * The peers that a node passes the messages of a topic on to at once, and gets them from. Links are mutual: both sides take each other in
 * with a graft, and part with a prune.
 *
 * ```text
 *   minDegree  fewer: more are grafted, to `degree`
 *   maxDegree  more: some are pruned, to `degree`, and those with the best scores stay
 * ```
 */
export class Mesh {
  readonly #members = new Map<GossipPeer, Member>();

  get size(): number {
    return this.#members.size;
  }

  get(peer: GossipPeer): Member | undefined {
    return this.#members.get(peer);
  }

  members(): IterableIterator<Member> {
    return this.#members.values();
  }

  add(peer: GossipPeer): void {
    this.#members.set(peer, { peer, isLazy: false, isChoked: false, repeats: 0 });
  }

  /** Returns whether it was there. */
  delete(peer: GossipPeer): boolean {
    return this.#members.delete(peer);
  }

  clear(): void {
    this.#members.clear();
  }

  /** Members that send whole messages, as far as this side says. */
  get eager(): number {
    let count = 0;
    for (const { isChoked } of this.#members.values()) if (!isChoked) count++;
    return count;
  }

  /** A message of a member was new. */
  onFirst(peer: GossipPeer): void {
    const member = this.#members.get(peer);
    if (member !== undefined) member.repeats = 0;
  }

  /** A message of a member had come before. Returns whether the member is choked now, and has to be told. */
  onRepeat(peer: GossipPeer, minEager: number): boolean {
    const member = this.#members.get(peer);
    if (member === undefined || member.isChoked || ++member.repeats < REPEATS) return false;
    if (this.eager <= minEager) return false;
    member.isChoked = true;
    return true;
  }

  /** Members that are unchoked because too few send whole messages, and have to be told. */
  unchoke(minEager: number, random: Random): GossipPeer[] {
    const missing = minEager - this.eager;
    if (missing <= 0) return [];
    const choked = shuffled(
      [...this.#members.values()].filter(({ isChoked }) => isChoked),
      random,
    );
    return choked.slice(0, missing).map((member) => this.#unchoke(member));
  }

  /** A member whose message had to be fetched is faster than those that send by themselves. Returns whether it has to be told. */
  unchokeOne(peer: GossipPeer): boolean {
    const member = this.#members.get(peer);
    if (member?.isChoked !== true) return false;
    this.#unchoke(member);
    return true;
  }

  #unchoke(member: Member): GossipPeer {
    member.isChoked = false;
    member.repeats = 0;
    return member.peer;
  }

  /** Those that have to go: for their scores, and because there are too many. */
  surplus({ degree, maxDegree, minOutbound }: ResolvedGossip, random: Random): GossipPeer[] {
    const bad = [...this.#members.keys()].filter(({ score }) => score < 0);
    const good = shuffled(
      [...this.#members.keys()].filter(({ score }) => score >= 0),
      random,
    );
    if (good.length <= maxDegree) return bad;
    const best = [...good].sort((one, other) => other.score - one.score).slice(0, KEPT_FOR_SCORE);
    const outbound = good.filter(isOutbound).slice(0, minOutbound);
    const kept = new Set([...new Set([...outbound, ...best, ...good])].slice(0, degree));
    return [...bad, ...good.filter((peer) => !kept.has(peer))];
  }

  /** The candidates to be taken in. */
  wanted(
    candidates: readonly GossipPeer[],
    { degree, minDegree, minOutbound }: ResolvedGossip,
    random: Random,
  ): GossipPeer[] {
    const others = shuffled(
      candidates.filter((peer) => !this.#members.has(peer)),
      random,
    );
    const wanted = this.size < minDegree ? others.slice(0, degree - this.size) : [];
    const outbound = [...this.#members.keys(), ...wanted].filter(isOutbound).length;
    const more = others.filter((peer) => isOutbound(peer) && !wanted.includes(peer));
    return [...wanted, ...more.slice(0, Math.max(0, minOutbound - outbound))];
  }
}

export function isOutbound({ connection }: GossipPeer): boolean {
  return connection.direction === 'outbound';
}

/** In another order. */
export function shuffled<T>(list: readonly T[], random: Random): T[] {
  const all = [...list];
  for (let index = all.length - 1; index > 0; index--) {
    const other = Math.floor(random.next() * (index + 1));
    [all[index], all[other]] = [all[other]!, all[index]!];
  }
  return all;
}
