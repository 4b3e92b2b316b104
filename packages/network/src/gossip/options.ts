import {
  invalidConfig,
  MAX_TIMER_MS,
  requireInteger,
  requireKnown,
  requireMethods,
  requireOneOf,
  requireString,
} from '@pea2pea/core/authoring';
import type { GossipSigner } from './signing.js';

/** Every option of {@link gossip} that has a default, with it. Times are in milliseconds. */
export const GOSSIP_DEFAULTS = {
  degree: 6,
  minDegree: 4,
  maxDegree: 12,
  minOutbound: 2,
  minEager: 2,
  gossipDegree: 6,
  floodPublish: 12,
  heartbeatMs: 1_000,
  graceMs: 200,
  promiseMs: 3_000,
  historyMs: 120_000,
  historyBytes: 4 * 1024 * 1024,
  seenMs: 300_000,
  maxSeen: 32_768,
  maxMessageBytes: 64 * 1024,
  maxQueuedBytes: 256 * 1024,
  maxWanted: 4_096,
  maxValidating: 64,
  maxTopics: 256,
  backoffMs: 60_000,
  ids: 'publication',
  minScore: -100,
} as const;

/** Options of {@link gossip}. All numbers are integers, and times are in milliseconds. */
export interface GossipOptions {
  /** How many peers of the mesh of a topic are wanted. @default 6 */
  readonly degree?: number;
  /** Below how many more are grafted; at most `degree`. @default 4 */
  readonly minDegree?: number;
  /** Above how many some are pruned; at least `degree`. @default 12 */
  readonly maxDegree?: number;
  /** How many of them this node has dialled, so that those who dial in cannot take all places; at most half of `degree`. @default 2 */
  readonly minOutbound?: number;
  /** From how many peers of the mesh whole messages come at least, where others only say which they have; at least 1. @default 2 */
  readonly minEager?: number;
  /** How many peers outside of the mesh are told with each heartbeat which messages there are. @default 6 */
  readonly gossipDegree?: number;
  /** To how many peers a message that this node publishes goes at once; at least 1. @default 12 */
  readonly floodPublish?: number;
  /** How often meshes are looked after; at least 100. @default 1000 */
  readonly heartbeatMs?: number;
  /** How long a message may still come by itself before a peer that has it is asked for it; at least 10. @default 200 */
  readonly graceMs?: number;
  /** How long a peer that has a message may take to send it when asked; at least 100. @default 3000 */
  readonly promiseMs?: number;
  /** How long a message is kept for peers that missed it, from its publication on. @default 120000: two minutes */
  readonly historyMs?: number;
  /** How many bytes of messages are kept, of all topics; the oldest go first. @default 4194304: 4 MiB */
  readonly historyBytes?: number;
  /** How long a message is remembered as seen; at least twice `historyMs`. @default 300000: five minutes */
  readonly seenMs?: number;
  /** How many messages are remembered as seen; the oldest go first. @default 32768 */
  readonly maxSeen?: number;
  /** The longest message in bytes, as its codec writes it; both ways. @default 65536 */
  readonly maxMessageBytes?: number;
  /** Above how many queued bytes a peer is slow: it is sent no message, and told later which ones there are. @default 262144: 256 KiB */
  readonly maxQueuedBytes?: number;
  /** How many messages that peers have, and this node does not, are remembered; of one peer at most a quarter. @default 4096 */
  readonly maxWanted?: number;
  /** How many messages are validated or handled at once, where that takes promises. @default 64 */
  readonly maxValidating?: number;
  /** How many topics this node has, and how many of a peer are remembered; at most 1024. @default 256 */
  readonly maxTopics?: number;
  /** How long a peer that was pruned stays out of a mesh. @default 60000: a minute */
  readonly backoffMs?: number;
  /**
   * What makes two messages the same: `'publication'`, so that each `publish` makes a new one; or `'content'`, so that what several nodes publish
   * alike is one.
   *
   * note: all nodes of a network use the same.
   * @default 'publication'
   */
  readonly ids?: 'publication' | 'content';
  /** A connection whose score falls to it is ended; below 0. @default -100 */
  readonly minScore?: number;
  /** Signs what this node publishes, and checks what others did: {@link ed25519Signer}. @default none: nobody knows who published */
  readonly signer?: GossipSigner;
  /** What nodes must have in common, so that networks do not mix: 1 to 100 characters. @default none, which is a network of its own */
  readonly network?: string;
}

/** The options with every default filled in. */
export type ResolvedGossip = Readonly<Record<Exclude<keyof typeof GOSSIP_DEFAULTS, 'ids'>, number>> & {
  readonly ids: 'publication' | 'content';
  readonly signer: GossipSigner | undefined;
  readonly network: string;
};

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function resolveGossip(options: GossipOptions): ResolvedGossip {
  requireKnown('the options of gossip', options, [...Object.keys(GOSSIP_DEFAULTS), 'signer', 'network']);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const all = { signer: undefined, network: '', ...GOSSIP_DEFAULTS, ...given } as ResolvedGossip;
  requireInteger('degree', all.degree, { min: 1, max: 1_000 });
  requireInteger('minDegree', all.minDegree, { min: 1, max: all.degree });
  requireInteger('maxDegree', all.maxDegree, { min: all.degree, max: 1_000 });
  requireInteger('minOutbound', all.minOutbound, { max: Math.floor(all.degree / 2) });
  requireInteger('minEager', all.minEager, { min: 1 });
  requireInteger('gossipDegree', all.gossipDegree);
  requireInteger('floodPublish', all.floodPublish, { min: 1 });
  requireInteger('heartbeatMs', all.heartbeatMs, { min: 100, max: MAX_TIMER_MS });
  requireInteger('graceMs', all.graceMs, { min: 10, max: MAX_TIMER_MS });
  requireInteger('promiseMs', all.promiseMs, { min: 100, max: MAX_TIMER_MS });
  requireInteger('historyMs', all.historyMs);
  requireInteger('historyBytes', all.historyBytes);
  requireInteger('maxSeen', all.maxSeen, { min: 1 });
  requireInteger('maxMessageBytes', all.maxMessageBytes, { min: 1, max: 2 ** 31 });
  requireInteger('maxQueuedBytes', all.maxQueuedBytes, { min: 1 });
  requireInteger('maxWanted', all.maxWanted, { min: 4 });
  requireInteger('maxValidating', all.maxValidating, { min: 1 });
  requireInteger('maxTopics', all.maxTopics, { min: 1, max: 1_024 });
  requireInteger('backoffMs', all.backoffMs, { max: MAX_TIMER_MS });
  requireOneOf('ids', all.ids, ['publication', 'content']);
  if (options.network !== undefined) requireString('network', options.network, { min: 1, max: 100 });
  if (!(Number.isFinite(all.minScore) && all.minScore < 0)) {
    throw invalidConfig('`minScore` must be a number below 0');
  }
  requireInteger('seenMs', all.seenMs);
  if (all.seenMs < 2 * all.historyMs) {
    throw invalidConfig(
      `\`seenMs\` must be at least twice \`historyMs\`, ${2 * all.historyMs}: what was forgotten would come again`,
    );
  }
  if (all.signer !== undefined) {
    requireMethods('signer', all.signer, ['sign', 'verify']);
    requireString('signer.identity', all.signer.identity, { min: 1, max: MAX_ORIGIN });
  }
  return all;
}

/** The longest identity of an origin, in characters of ASCII. */
export const MAX_ORIGIN = 128;
