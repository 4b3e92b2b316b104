/** An address of libp2p, of the one kind that this example knows: `/ip4/127.0.0.1/tcp/4001/p2p/12D3KooW…`. */
export interface Multiaddr {
  readonly host: string;
  readonly port: number;
  readonly peerId: string | undefined;
}

export function parseMultiaddr(text: string): Multiaddr {
  const match = /^\/ip[46]\/([^/]+)\/tcp\/(\d+)(?:\/p2p\/([^/]+))?$/.exec(text);
  if (match === null) throw new Error(`${text} is no address that this example knows`);
  return { host: match[1]!, port: Number(match[2]), peerId: match[3] };
}

export function formatMultiaddr({ host, port, peerId }: Multiaddr): string {
  return `/ip4/${host}/tcp/${port}${peerId === undefined ? '' : `/p2p/${peerId}`}`;
}
