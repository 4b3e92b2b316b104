import { diagnostics } from '../contracts/diagnostics.js';
import type { InnerConnection } from './inner-connection.js';
import type { NodeContext } from './node-context.js';
import type { Reader } from './reader.js';
import { showBytes } from './show-bytes.js';

/** Counts what a handshake of an open connection reads and writes, and bounds what it holds. INVARIANT: bounded-memory. */
export class HandshakeMeter {
  readonly #node: NodeContext;
  readonly #connection: InnerConnection;
  readonly #reader: Reader;

  constructor(node: NodeContext, connection: InnerConnection, reader: Reader) {
    this.#node = node;
    this.#connection = connection;
    this.#reader = reader;
  }

  received(bytes: Uint8Array): void {
    this.#reader.received(bytes);
  }

  /** Before they are: shows them to those who watch. */
  sends(bytes: Uint8Array | string): void {
    if (!diagnostics.bytesSent.hasSubscribers) return;
    showBytes(
      'bytesSent',
      this.#node,
      this.#connection,
      typeof bytes === 'string' ? Buffer.from(bytes) : bytes,
    );
  }

  sent(size: number): void {
    this.#connection.stats.bytesSent += size;
    this.#node.traffic.bytesSent += size;
  }

  /** So many reads were served. */
  served(count: number): void {
    this.#reader.handshakeReads += count;
  }

  /** `size` bytes are received and not read, and no more are wanted. */
  holds(size: number): void {
    const { account } = this.#reader;
    account.bytes = size;
    account.leave();
  }

  /** `size` bytes are, and more are wanted. Whether they may come; where not, `ask` is called once they may. */
  mayReceive(size: number, ask: () => void): boolean {
    const { account, completed } = this.#reader;
    account.bytes = size;
    return account.mayGrow(completed, ask);
  }
}
