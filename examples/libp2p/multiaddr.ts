import { isIPv4, isIPv6 } from 'node:net';

/** An address of libp2p, of the kinds that this example knows: `/ip4/127.0.0.1/tcp/4001/p2p/12D3KooW…`, `/ip6/::1/…`. */
export interface Multiaddr {
  readonly host: string;
  readonly port: number;
  readonly peerId: string | undefined;
}

export function parseMultiaddr(text: string): Multiaddr {
  const match = /^\/ip([46])\/([^/]+)\/tcp\/(\d{1,5})(?:\/p2p\/([^/]+))?$/.exec(text);
  const [, family, host = '', port, peerId] = match ?? [];
  const isHost = family === '4' ? isIPv4(host) : isIPv6(host) && !host.includes('%');
  if (!isHost || Number(port) > 65_535) throw new Error(`${text} is no address that this example knows`);
  return { host, port: Number(port), peerId };
}

export function formatMultiaddr({ host, port, peerId }: Multiaddr): string {
  return `/ip${isIPv6(host) ? 6 : 4}/${host}/tcp/${port}${peerId === undefined ? '' : `/p2p/${peerId}`}`;
}
