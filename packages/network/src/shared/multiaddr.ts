import { PeerError, SocketAddress } from '@pea2pea/core';
import { describe, parseIp } from '@pea2pea/core/authoring';
import { networkError } from './errors.js';
import { canonicalPeerId } from './peer-id.js';

/** The longest text that is read, in characters. */
const MAX_TEXT = 512;

const REMEDY =
  "write '/ip4/<address>/tcp/<port>/p2p/<peer id>', with ip6, dns, dns4 or dns6 in the place of ip4, and without the end where any peer will do";

/** What is not dialled, and what to do instead. */
const OTHERS: Readonly<Record<string, string>> = {
  dnsaddr: 'it stands for addresses in TXT records: ask for them with a source of the discovery plugin',
  'p2p-circuit': 'a relay is not dialled: give the address of the peer itself',
};

/** What a multiaddr says: where to dial, and the peer id that must be there. */
interface Read {
  readonly address: SocketAddress;
  readonly peerId: string | undefined;
}

/**
 * Reads `/ip4/…/tcp/…`, `/ip6/…/tcp/…`, `/ip6zone/…/ip6/…/tcp/…`, `/dns/…/tcp/…`, `/dns4/…/tcp/…`, `/dns6/…/tcp/…`, each with `/p2p/<peer id>` or
 * without: names and their values after slashes, of https://github.com/multiformats/multiaddr/blob/master/protocols.csv.
 *
 * @throws {PeerError} P2P_ERR_INVALID_ADDRESS
 */
export function parseMultiaddr(text: string): Read {
  if (text.length > MAX_TEXT) throw invalid(text);
  const parts = text.split('/');
  if (parts.shift() !== '') throw invalid(text);
  const host = readHost(text, parts);
  const [tcp, port, p2p, peerId, ...rest] = parts;
  if (tcp !== 'tcp' || !/^\d{1,5}$/.test(port ?? '')) throw invalid(text, tcp);
  const address = new SocketAddress(host, Number(port));
  if (p2p === undefined) return { address, peerId: undefined };
  // `ipfs` is the older name of `p2p`.
  const canonical = /^(p2p|ipfs)$/.test(p2p) ? canonicalPeerId(peerId ?? '') : undefined;
  if (canonical === undefined || rest.length > 0)
    throw invalid(text, canonical === undefined ? p2p : rest[0]);
  return { address, peerId: canonical };
}

/**
 * Writes what {@link parseMultiaddr} reads.
 * @throws {PeerError} P2P_ERR_NO_MULTIADDR for a path, for a name with a slash, and for an identity that is not a peer id
 */
export function formatMultiaddr(address: SocketAddress, identity: string | undefined): string {
  if (address.path !== undefined || address.host.includes('/')) {
    throw networkError('P2P_ERR_NO_MULTIADDR', `${address} is neither an IP address nor a name`);
  }
  const place = `${formatHost(address.host)}/tcp/${address.port}`;
  if (identity === undefined) return place;
  // Two forms of one id would be two identities.
  if (canonicalPeerId(identity) !== identity) {
    throw networkError('P2P_ERR_NO_MULTIADDR', `the identity ${describe(identity)} is not a peer id`);
  }
  return `${place}/p2p/${identity}`;
}

/** Takes the host off the front of `parts`. */
function readHost(text: string, parts: string[]): string {
  const zone = parts[0] === 'ip6zone' ? parts.splice(0, 2)[1] : undefined;
  const [protocol = '', value = ''] = parts.splice(0, 2);
  const host = zone === undefined ? value : `${value}%${zone}`;
  const family = parseIp(host)?.version;
  const isHost =
    protocol === 'ip4'
      ? family === 4 && !value.includes(':') && zone === undefined
      : protocol === 'ip6'
        ? value.includes(':') && !value.includes('%') && family !== undefined
        : /^dns[46]?$/.test(protocol) && value !== '' && family === undefined && zone === undefined;
  if (!isHost) throw invalid(text, protocol);
  return host;
}

function formatHost(host: string): string {
  const ip = parseIp(host);
  if (ip === undefined) return `/dns/${host}`;
  if (ip.version === 4) return `/ip4/${host}`;
  const [bare, zone] = host.split('%');
  return zone === undefined ? `/ip6/${bare}` : `/ip6zone/${zone}/ip6/${bare}`;
}

function invalid(text: string, protocol = ''): PeerError {
  const remedy = Object.hasOwn(OTHERS, protocol) ? OTHERS[protocol]! : REMEDY;
  return new PeerError(
    'P2P_ERR_INVALID_ADDRESS',
    `${describe(text)} is not a multiaddr that can be dialled`,
    {
      remedy,
    },
  );
}
