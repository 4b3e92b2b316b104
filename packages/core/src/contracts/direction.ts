/** Who opened the connection: `'inbound'` the peer, `'outbound'` this node. */
export type Direction = 'inbound' | 'outbound';
