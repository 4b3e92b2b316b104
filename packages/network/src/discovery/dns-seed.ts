import { Resolver } from 'node:dns/promises';
import { SocketAddress } from '@pea2pea/core';
import {
  describe,
  invalidConfig,
  requireBoolean,
  requireKnown,
  requireMethods,
} from '@pea2pea/core/authoring';
import { networkError } from '../shared/errors.js';
import { PeerAddress } from '../shared/peer-address.js';
import type { DiscoverySource } from './source.js';

/** What asks for records: a `Resolver` of `node:dns/promises`, or one of yours. */
export interface DnsResolver {
  /** The IPv4 addresses of a name. */
  resolve4(name: string): Promise<string[]>;
  /** The IPv6 addresses of a name. */
  resolve6(name: string): Promise<string[]>;
  /** The TXT records of a name, each in the pieces that it came in. */
  resolveTxt(name: string): Promise<string[][]>;
}

/** Options of {@link dnsSeed}. */
export interface DnsSeedOptions {
  /** What asks for records. @default a `Resolver` of `node:dns/promises` with the servers of the system */
  readonly resolver?: DnsResolver;
  /** Whether addresses of local networks are taken; for names that only such networks know. @default false */
  readonly local?: boolean;
}

/** How much of the TXT records is read, in characters, and how many addresses of each kind. */
const MAX_TXT = 16_384;
const MAX_ADDRESSES = 256;

/** In milliseconds, for each of two tries; `timeoutMs` of the plugin ends it in any case. */
const TIMEOUT_MS = 3_000;

/**
 * A name that stands for several peers, by records of DNS: each IPv4 and IPv6 address of it with the port, and each
 * `<identity>@host:port` or multiaddr in its TXT records, with white space between them.
 *
 * ```text
 * seed.example.org.  A    203.0.113.7
 * seed.example.org.  AAAA 2001:db8::7
 * seed.example.org.  TXT  "9f2c…@198.51.100.4:4000"
 * ```
 *
 * note: `'seed.example.org:4000'` asks for all of them, `'seed.example.org'` for TXT records alone.
 * note: it asks servers, as `dns.resolve` does, and does not read `/etc/hosts`. DNS proves nothing: an identity from it is as good as the server that told it.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when `name` is not one, or for an option
 */
export function dnsSeed(name: string, options: DnsSeedOptions = {}): DiscoverySource {
  requireKnown('the options of dnsSeed', options, ['resolver', 'local']);
  const { resolver: given, local = false } = options;
  requireBoolean('local', local);
  if (given !== undefined) requireMethods('resolver', given, ['resolve4', 'resolve6', 'resolveTxt']);
  const { host, port } = readName(name);
  return {
    name: `dns ${host}`,
    local,
    async find(signal) {
      const resolver = given ?? cancelledBy(signal);
      const asked = [resolver.resolveTxt(host).then(fromTxt)];
      if (port !== undefined) {
        const withPort = (ips: readonly string[]): PeerAddress[] =>
          ips.slice(0, MAX_ADDRESSES).map((ip) => new PeerAddress(new SocketAddress(ip, port)));
        asked.push(resolver.resolve4(host).then(withPort), resolver.resolve6(host).then(withPort));
      }
      return merged(host, await Promise.allSettled(asked));
    },
  };
}

function readName(name: string): { readonly host: string; readonly port: number | undefined } {
  try {
    const hasPort = /:\d+$/.test(name);
    const address = hasPort ? SocketAddress.from(name) : new SocketAddress(name, 1);
    if (address.isIp || address.path !== undefined || address.port === 0) throw new Error('it is not a name');
    return { host: address.host, port: hasPort ? address.port : undefined };
  } catch (cause) {
    throw invalidConfig(`${describe(name)} is not a name to ask DNS for`, cause);
  }
}

function cancelledBy(signal: AbortSignal): DnsResolver {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: 2 });
  signal.addEventListener('abort', () => resolver.cancel(), { once: true });
  return resolver;
}

/** The addresses in TXT records. `dnsaddr=` is how libp2p begins its own. */
function fromTxt(records: readonly (readonly string[])[]): PeerAddress[] {
  const text = records
    .slice(0, MAX_ADDRESSES)
    .map((pieces) => pieces.join(''))
    .join('\n');
  return text
    .slice(0, MAX_TXT)
    .split(/\s+/)
    .slice(0, MAX_ADDRESSES)
    .flatMap((line) => {
      try {
        return [PeerAddress.from(line.replace(/^dnsaddr=/, ''))];
      } catch {
        return []; // a name has other TXT records, too
      }
    });
}

/** A place whose identity is known is left out without it. @throws {PeerError} P2P_ERR_NO_RECORDS when nothing was found, and not all had a reply */
function merged(host: string, results: readonly PromiseSettledResult<PeerAddress[]>[]): PeerAddress[] {
  const found = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
  const failure = results.find((result) => result.status === 'rejected');
  if (found.length === 0 && failure !== undefined) {
    throw networkError('P2P_ERR_NO_RECORDS', `DNS has no addresses of ${host}`, { cause: failure.reason });
  }
  const named = new Set(
    found.filter(({ identity }) => identity !== undefined).map(({ address }) => String(address)),
  );
  return found.filter(({ identity, address }) => identity !== undefined || !named.has(String(address)));
}
