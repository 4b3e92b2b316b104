import type { Connection } from '@pea2pea/core';
import { BoundedMap, peerFields, type PluginEvents } from '@pea2pea/core/authoring';
import type { PeerNode } from '@pea2pea/core';
import { networkError } from '../shared/errors.js';
import type { Account } from './account.js';
import type { ResolvedGossip } from './options.js';
import { GossipPeer } from './peer.js';

/** What a peer loses for what it does. */
export const GOSSIP_FAULTS = {
  /** A message that could not be decoded, was not signed as it must, or was rejected by `validate`. */
  invalid: 25,
  /** A graft before the back-off after a prune was over. */
  graftInBackoff: 10,
  /** A message that it said it has, and did not send when asked. */
  brokenPromise: 5,
  /** More frames between two heartbeats than are looked at; once for each. */
  flood: 5,
} as const;

/** A fault in {@link GOSSIP_FAULTS}. */
export type GossipFault = keyof typeof GOSSIP_FAULTS;

/** The events of `Gossip.events`. */
export interface GossipEvents {
  /** The connection of a peer ends for its score; `fault` was the last one. */
  ended: [{ readonly connection: Connection; readonly fault: GossipFault; readonly score: number }];
}

/** At which part of `minScore` what ends for a peer. */
const [NO_GOSSIP, NO_MESSAGES] = [0.1, 0.5];
/** Penalties are forgiven by half in a minute. */
const HALF_LIFE_MS = 60_000;
const RETAINED = { maxEntries: 4_096, forMs: 10 * 60_000 };

/** Scores of peers, and their consequences. */
export class Judge {
  readonly #node: PeerNode<unknown>;
  readonly #options: ResolvedGossip;
  readonly #account: Account;
  readonly #events: PluginEvents<GossipEvents>;
  /** Penalties of identities that have gone. */
  readonly #retained = new BoundedMap<{ readonly penalty: number; readonly untilMs: number }>({
    maxEntries: RETAINED.maxEntries,
    isOver: ({ untilMs }, nowMs) => untilMs <= nowMs,
  });

  constructor(
    node: PeerNode<unknown>,
    options: ResolvedGossip,
    account: Account,
    events: PluginEvents<GossipEvents>,
  ) {
    this.#node = node;
    this.#options = options;
    this.#account = account;
    this.#events = events;
  }

  /** A peer, with the penalty that it left with. */
  meet(connection: Connection): GossipPeer {
    const { identity } = connection;
    const nowMs = this.#node.config.clock.now();
    const retained = identity === undefined ? undefined : this.#retained.get(identity, nowMs);
    return new GossipPeer(connection, retained?.penalty ?? 0);
  }

  /** A peer has gone. */
  part({ connection: { identity }, penalty }: GossipPeer): void {
    if (identity === undefined || penalty < 1) return;
    const nowMs = this.#node.config.clock.now();
    this.#retained.set(identity, { penalty, untilMs: nowMs + RETAINED.forMs }, nowMs);
  }

  /** What a peer lost, and whether its connection ends. */
  penalize(peer: GossipPeer, fault: GossipFault): void {
    peer.penalize(GOSSIP_FAULTS[fault]);
    const { connection, score } = peer;
    if (score > this.#options.minScore || connection.state !== 'open') return;
    this.#account.count('ended');
    const what = `the gossip score of ${connection.address} is ${score.toFixed(1)}, after: ${fault}`;
    void connection.disconnect(networkError('P2P_ERR_GOSSIP_ABUSE', what));
    this.#node.logger.info(
      { ...peerFields(connection), fault },
      'a peer misuses gossip, and its connection ends',
    );
    this.#events.emit('ended', { connection, fault, score });
  }

  /** A heartbeat. */
  renew(peers: Iterable<GossipPeer>): void {
    const factor = 0.5 ** (this.#options.heartbeatMs / HALF_LIFE_MS);
    for (const peer of peers) peer.renew(factor);
  }

  /** Whether it is told which messages there are, and asked for those that it has. */
  gossipsWith({ score }: GossipPeer): boolean {
    return score >= NO_GOSSIP * this.#options.minScore;
  }

  /** Whether it is sent messages. */
  sendsTo({ score }: GossipPeer): boolean {
    return score >= NO_MESSAGES * this.#options.minScore;
  }
}
