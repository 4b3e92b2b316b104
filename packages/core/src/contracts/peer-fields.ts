import type { AnyConnection } from './connection.js';
import { shownIdentity } from './identity.js';

/** What every log line about a connection has: the address of the peer, the id of the connection, and who the peer is, if it has proved it. */
export function peerFields({ address, id, context }: AnyConnection): {
  readonly peer: string;
  readonly connection: number;
  readonly identity?: string;
} {
  const identity = shownIdentity(context);
  return { peer: address.toString(), connection: id, ...(identity !== undefined && { identity }) };
}
