import type { ResolvedConfig } from '../contracts/config.js';
import type { SocketAddress } from '../contracts/socket-address.js';
import type { Link } from '../contracts/transport.js';
import { ConnectionTable } from './connection-table.js';
import type { Disconnect, PeerConnection } from './connection.js';
import { NodeContext } from './node-context.js';

/** What the flows of one node share: who is connected, and what is under way. */
export class Kernel extends NodeContext {
  readonly table: ConnectionTable<PeerConnection>;
  /** Links that are not closed yet. */
  readonly links = new Set<Link>();
  /** Setups and dials under way, each ready to be aborted. */
  readonly setups = new Set<AbortController>();
  /** Ends a connection, unless it is ending already; see `flows/teardown.ts`. */
  readonly disconnect: Disconnect;
  /** Where the node listens, to know itself when it is dialled. */
  listenAddress: SocketAddress | undefined;

  constructor(config: ResolvedConfig, disconnect: Disconnect) {
    super(config);
    this.table = new ConnectionTable(config);
    this.disconnect = disconnect;
  }

  /** The kernel owns `link` from here on. */
  own(link: Link): void {
    this.links.add(link);
    link.stream.once('close', () => this.links.delete(link));
  }
}
