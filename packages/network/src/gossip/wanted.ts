import { MAX_OUTSTANDING, type GossipPeer } from './peer.js';
import type { MessageId } from './publication.js';

/** A message that peers have, and this node does not. */
interface Want {
  readonly id: MessageId;
  /** The first that named it; it counts in {@link GossipPeer.named}. */
  readonly by: GossipPeer;
  /** Those that have it and were not asked in vain. */
  sources: GossipPeer[];
  /** It may come by itself until then. */
  readonly dueMs: number;
  /** The peer that was asked, and until when it has time. */
  asked: { readonly peer: GossipPeer; untilMs: number } | undefined;
}

const MAX_SOURCES = 4;
/** After so many times `promiseMs` nobody asks any more. */
const PATIENCE = 10;

/** What the next round of requests is. */
export interface Round {
  readonly asks: ReadonlyMap<GossipPeer, MessageId[]>;
  /** Those that did not send what they were asked for. */
  readonly broken: ReadonlySet<GossipPeer>;
  /** How many messages nobody sent. */
  readonly lost: number;
}

/** The messages that peers have named, and that are asked for where they do not come by themselves. */
export class Wanted {
  readonly #options: { readonly graceMs: number; readonly promiseMs: number; readonly maxWanted: number };
  readonly #wants = new Map<MessageId, Want>();

  constructor(options: { readonly graceMs: number; readonly promiseMs: number; readonly maxWanted: number }) {
    this.#options = options;
  }

  get size(): number {
    return this.#wants.size;
  }

  /** A peer has named a message. Returns false where there is no room for one more. */
  add(id: MessageId, peer: GossipPeer, nowMs: number): boolean {
    const known = this.#wants.get(id);
    if (known !== undefined) {
      if (known.sources.length < MAX_SOURCES && !known.sources.includes(peer)) known.sources.push(peer);
      return true;
    }
    const { maxWanted, graceMs } = this.#options;
    // Nobody takes all places with messages that there are not.
    if (this.#wants.size >= maxWanted || peer.named >= maxWanted / 4) return false;
    peer.named++;
    this.#wants.set(id, { id, by: peer, sources: [peer], dueMs: nowMs + graceMs, asked: undefined });
    return true;
  }

  /** The message has come. Returns those that have it, and whether it was asked for; undefined where nobody had named it. */
  settle(id: MessageId): { readonly sources: readonly GossipPeer[]; readonly wasAsked: boolean } | undefined {
    const want = this.#wants.get(id);
    if (want === undefined) return undefined;
    const { asked, sources } = want;
    if (asked !== undefined) asked.peer.window = Math.min(asked.peer.window + 1, MAX_OUTSTANDING);
    this.#forget(want);
    return { sources, wasAsked: asked !== undefined };
  }

  /** A request could not be sent. */
  unask(ids: readonly MessageId[], peer: GossipPeer): void {
    for (const id of ids) {
      const want = this.#wants.get(id);
      if (want?.asked?.peer === peer) this.#release(want);
    }
  }

  /** A peer has gone. */
  leave(peer: GossipPeer): void {
    for (const want of this.#wants.values()) {
      if (want.asked?.peer === peer) this.#release(want);
      want.sources = want.sources.filter((one) => one !== peer);
      if (want.sources.length === 0) this.#forget(want);
    }
  }

  /** The requests that are due now. */
  round(nowMs: number): Round {
    const asks = new Map<GossipPeer, MessageId[]>();
    const broken = new Set<GossipPeer>();
    let lost = 0;
    for (const want of this.#wants.values()) {
      if (this.#isBroken(want, nowMs)) {
        const { peer } = want.asked!;
        this.#release(want);
        want.sources = want.sources.filter((one) => one !== peer);
        peer.askAgainAtMs = nowMs + this.#options.promiseMs;
        if (!broken.has(peer)) peer.window = Math.max(1, peer.window >> 1);
        broken.add(peer);
      }
      if (want.asked !== undefined || nowMs < want.dueMs) continue;
      const isOver = nowMs - want.dueMs > PATIENCE * this.#options.promiseMs;
      if (want.sources.length === 0 || isOver) {
        lost++;
        this.#forget(want);
        continue;
      }
      const peer = want.sources.find((one) => one.outstanding < one.window && nowMs >= one.askAgainAtMs);
      if (peer === undefined) continue;
      want.asked = { peer, untilMs: nowMs + this.#options.promiseMs };
      peer.outstanding++;
      const ids = asks.get(peer);
      if (ids === undefined) asks.set(peer, [want.id]);
      else ids.push(want.id);
    }
    return { asks, broken, lost };
  }

  #isBroken({ asked }: Want, nowMs: number): boolean {
    if (asked === undefined || nowMs < asked.untilMs) return false;
    const { connection } = asked.peer;
    // It may be among what waits for a handler of ours.
    if (!connection.isHeldBack && connection.waitingBytes === 0) return true;
    asked.untilMs = nowMs + this.#options.promiseMs;
    return false;
  }

  #release(want: Want): void {
    if (want.asked !== undefined) want.asked.peer.outstanding--;
    want.asked = undefined;
  }

  #forget(want: Want): void {
    this.#wants.delete(want.id);
    want.by.named--;
    if (want.asked !== undefined) want.asked.peer.outstanding--;
  }
}
