import {
  invalidConfig,
  MAX_TIMER_MS,
  requireFunction,
  requireInteger,
  requireKnown,
  requireMethods,
} from '@pea2pea/core/authoring';
import { PeerAddress, type PeerAddressLike } from '../shared/peer-address.js';
import { memoryStore, type Store } from '../store/store.js';
import { MAX_LISTED, MAX_LISTENS } from './messages.js';
import type { DhtRecord } from './record.js';

/** Every option of {@link kademlia} that has a default, with it. Times are in milliseconds. */
export const KADEMLIA_DEFAULTS = {
  seeds: [],
  addresses: [],
  k: 20,
  alpha: 3,
  paths: 3,
  perGroup: 10,
  queryTimeoutMs: 5_000,
  slowMs: 1_000,
  lookUpTimeoutMs: 60_000,
  maxQueries: 120,
  maxConnections: 32,
  idleMs: 15_000,
  requestsPerSecond: 50,
  refreshEveryMs: 10 * 60_000,
  replicateEveryMs: 60 * 60_000,
  republishEveryMs: 60 * 60_000,
  valueTtlMs: 24 * 60 * 60_000,
  providerTtlMs: 24 * 60 * 60_000,
  maxValueBytes: 4_096,
  maxValues: 1_024,
  maxValuesBytes: 4 * 1_024 * 1_024,
  maxValuesPerGroup: 256,
  maxProviders: 4_096,
  maxProvidersPerKey: 32,
  maxProvidersPerGroup: 1_024,
  maxPublished: 1_024,
} as const;

/** Options of {@link kademlia}. */
export interface KademliaOptions {
  /** The identity of this node, as its peers see it: a string, or a function that returns one when the node starts. */
  readonly localIdentity: string | (() => string);
  /** Nodes to begin with; those of the `addressBook` plugin are tried, too, where it is there. @default none */
  readonly seeds?: readonly PeerAddressLike[];
  /** Where this node can be dialled besides the places at which it listens: through a port mapping. At most 4 of both. @default none */
  readonly addresses?: readonly PeerAddressLike[];
  /** Where the contacts are kept across restarts: `fileStore('contacts.json')`. @default nowhere */
  readonly store?: Store;
  /** Contacts in a bucket, and nodes that keep a value: an integer from 1 to 64. The same in the whole network. @default 20 */
  readonly k?: number;
  /** Queries of a look-up that are under way at once: an integer from 1 up. @default 3 */
  readonly alpha?: number;
  /** Paths of a look-up that share no contact: an integer from 1 up. @default 3 */
  readonly paths?: number;
  /**
   * Contacts of one group of addresses in the routing table; a fifth of it in a bucket, and half of it are asked in a look-up. Local
   * networks do not count. Set it to Infinity where all nodes are in one data centre.
   * @default 10
   */
  readonly perGroup?: number;
  /** How long a contact has to be reached and to reply, in milliseconds. @default 5000 */
  readonly queryTimeoutMs?: number;
  /** After how long a query does not keep others waiting, in milliseconds. @default 1000 */
  readonly slowMs?: number;
  /** How long a look-up may take, in milliseconds; then what has come is the result. @default 60000 */
  readonly lookUpTimeoutMs?: number;
  /** Queries of a look-up at most. @default 120 */
  readonly maxQueries?: number;
  /** Connections that this plugin dials and keeps for its queries. @default 32 */
  readonly maxConnections?: number;
  /** How long such a connection is kept after its last query, in milliseconds. @default 15000 */
  readonly idleMs?: number;
  /** Requests of one peer that are served, a second; twice as many at once. @default 50 */
  readonly requestsPerSecond?: number;
  /** How often contacts are looked for in each bucket, in milliseconds. @default 600000: ten minutes */
  readonly refreshEveryMs?: number;
  /** How often a node that keeps a value stores it at the nodes that are closest then, unless another one did. @default 3600000: an hour */
  readonly replicateEveryMs?: number;
  /** How often what this node has put and provides is stored again, in milliseconds. @default 3600000: an hour */
  readonly republishEveryMs?: number;
  /** How long a value is kept that nobody puts again, in milliseconds. @default 86400000: a day */
  readonly valueTtlMs?: number;
  /** How long a provider is kept that does not say so again, in milliseconds. @default 86400000: a day */
  readonly providerTtlMs?: number;
  /** The longest value that is put, kept or taken, in bytes. @default 4096 */
  readonly maxValueBytes?: number;
  /** Values that are kept for others. @default 1024 */
  readonly maxValues?: number;
  /** About how many bytes of memory they take together. @default 4194304 */
  readonly maxValuesBytes?: number;
  /** How many of them peers of one group of addresses may store; in a local network, one peer. @default 256 */
  readonly maxValuesPerGroup?: number;
  /** Entries of providers that are kept for others. @default 4096 */
  readonly maxProviders?: number;
  /** Providers of one key; a quarter of them of one group. @default 32 */
  readonly maxProvidersPerKey?: number;
  /** Entries of peers of one group of addresses; in a local network, of one peer. @default 1024 */
  readonly maxProvidersPerGroup?: number;
  /** Values and keys that this node stores again and again. @default 1024 */
  readonly maxPublished?: number;
  /**
   * Whether a value is one of this application, besides being authentic: asked before one is kept, and before one is returned. It must
   * return at once.
   * @default all are
   */
  readonly accepts?: (record: DhtRecord, key: string) => boolean;
}

/** The options with every default filled in. */
export type ResolvedKademliaOptions = Readonly<
  Required<Omit<KademliaOptions, 'seeds' | 'addresses'>> & {
    seeds: readonly PeerAddress[];
    addresses: readonly string[];
  }
>;

const TIMES = [
  'queryTimeoutMs',
  'slowMs',
  'lookUpTimeoutMs',
  'idleMs',
  'refreshEveryMs',
  'replicateEveryMs',
  'republishEveryMs',
] as const;
const COUNTS = [
  'alpha',
  'paths',
  'maxQueries',
  'maxConnections',
  'requestsPerSecond',
  'valueTtlMs',
  'providerTtlMs',
  'maxValueBytes',
  'maxValues',
  'maxValuesBytes',
  'maxValuesPerGroup',
  'maxProviders',
  'maxProvidersPerKey',
  'maxProvidersPerGroup',
  'maxPublished',
] as const;

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function resolveKademliaOptions(options: KademliaOptions): ResolvedKademliaOptions {
  const known = [...Object.keys(KADEMLIA_DEFAULTS), 'localIdentity', 'store', 'accepts'];
  requireKnown('the options of kademlia', options, known);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const resolved = {
    store: memoryStore(),
    accepts: () => true,
    ...KADEMLIA_DEFAULTS,
    ...given,
  } as unknown as Required<KademliaOptions>;
  const { localIdentity } = resolved;
  if (typeof localIdentity !== 'string' && typeof localIdentity !== 'function') {
    throw invalidConfig('`localIdentity` must be a string or a function');
  }
  requireInteger('k', resolved.k, { min: 1, max: MAX_LISTED });
  for (const name of TIMES) requireInteger(name, resolved[name], { min: 1, max: MAX_TIMER_MS });
  for (const name of COUNTS) requireInteger(name, resolved[name], { min: 1 });
  if (resolved.perGroup !== Infinity) requireInteger('perGroup', resolved.perGroup, { min: 1 });
  requireFunction('accepts', resolved.accepts);
  requireMethods('store', resolved.store, ['load', 'save']);
  const addresses = readAddresses('addresses', resolved.addresses);
  if (addresses.length > MAX_LISTENS) throw invalidConfig(`\`addresses\` has more than ${MAX_LISTENS}`);
  return {
    ...resolved,
    seeds: readAddresses('seeds', resolved.seeds),
    addresses: addresses.map(({ address }) => address.toString()),
  };
}

function readAddresses(name: string, addresses: readonly PeerAddressLike[]): PeerAddress[] {
  if (!Array.isArray(addresses)) throw invalidConfig(`\`${name}\` must be an array of addresses`);
  return addresses.map((address) => {
    try {
      return PeerAddress.from(address as PeerAddressLike);
    } catch (cause) {
      throw invalidConfig(`\`${name}\` has one that is not an address`, cause);
    }
  });
}
