import { SocketAddress } from '@pea2pea/core';
import {
  describe,
  invalidConfig,
  MAX_TIMER_MS,
  requireBoolean,
  requireFunction,
  requireInteger,
  requireKnown,
} from '@pea2pea/core/authoring';
import { PeerAddress } from '../shared/peer-address.js';
import { multicastLink, type MdnsLink, type MdnsLinkEvents } from './link.js';

/** Every option of {@link mdns} that has a default, with it. Times are in milliseconds. */
export const MDNS_DEFAULTS = {
  service: '_pea2pea._tcp',
  announce: true,
  queryEveryMs: 60_000,
  maxPerSecond: 100,
  acceptPerMinute: 60,
  port: 5_353,
} as const;

/** Options of {@link mdns}. */
export interface MdnsOptions {
  /**
   * Who this node is, in the form of `connection.identity` of its peers: with `noise`, `staticKey.publicKey.toString('hex')`. It is told to everybody
   * in the network.
   * @default no identity is told
   */
  readonly identity?: string;
  /** What is looked for: programs that should not find each other have different ones. `_<at most 15 letters, digits and hyphens>._tcp`. @default '_pea2pea._tcp' */
  readonly service?: string;
  /** Whether this node is told of, besides looking for others. @default true */
  readonly announce?: boolean;
  /** The own IPv4 address in the network to use. @default all networks of this machine; what is sent goes to that of the default route */
  readonly interface?: string;
  /** How often to ask who is there, in milliseconds, half of it random, and more often after the start; not where another node has asked just now. At least 1000. @default 60000: a minute */
  readonly queryEveryMs?: number;
  /** How many packets are looked at, a second, of all senders together; twice as many at once. At least 1. @default 100 */
  readonly maxPerSecond?: number;
  /** How many addresses that are new to the book are taken, a minute, and at once. At least 1. @default 60 */
  readonly acceptPerMinute?: number;
  /** The UDP port; another one for tests. @default 5353 */
  readonly port?: number;
  /** What opens the link; for tests and other libraries. @default one over `multicast-dns` */
  readonly open?: (events: MdnsLinkEvents) => MdnsLink;
}

/** The options with every default filled in. */
export type ResolvedMdnsOptions = Required<Omit<MdnsOptions, 'identity' | 'interface'>> &
  Pick<MdnsOptions, 'identity' | 'interface'>;

/** RFC 6763, section 7: a name of RFC 6335, section 5.1, after an underscore. */
const SERVICE = /^_(?=[a-z\d-]{0,14}[a-z])(?!.*--)[a-z\d]([a-z\d-]{0,13}[a-z\d])?\._tcp$/;

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option; P2P_ERR_UNSUPPORTED when the library is not installed */
export function resolveMdnsOptions(options: MdnsOptions): ResolvedMdnsOptions {
  requireKnown('the options of mdns', options, [
    ...Object.keys(MDNS_DEFAULTS),
    'identity',
    'interface',
    'open',
  ]);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const resolved = { ...MDNS_DEFAULTS, ...given } as Omit<ResolvedMdnsOptions, 'open'>;
  const { identity, service, port, interface: own } = resolved;
  if (typeof service !== 'string' || !SERVICE.test(service)) {
    throw invalidConfig(`\`service\` must be like '_pea2pea._tcp', not ${describe(service)}`);
  }
  requireBoolean('announce', resolved.announce);
  requireInteger('queryEveryMs', resolved.queryEveryMs, { min: 1_000, max: MAX_TIMER_MS });
  requireInteger('maxPerSecond', resolved.maxPerSecond, { min: 1 });
  requireInteger('acceptPerMinute', resolved.acceptPerMinute, { min: 1 });
  requireInteger('port', port, { min: 1, max: 65_535 });
  try {
    if (identity !== undefined) new PeerAddress('127.0.0.1:1', identity);
    if (own !== undefined && !/^[\d.]+$/.test(own)) throw new Error('it is not an IPv4 address');
    if (own !== undefined) new SocketAddress(own, port);
  } catch (cause) {
    throw invalidConfig(`\`identity\` or \`interface\` of mdns is not one: ${describe(cause)}`, cause);
  }
  const open = options.open ?? multicastLink({ port, interface: own });
  requireFunction('open', open);
  return { ...resolved, open };
}
