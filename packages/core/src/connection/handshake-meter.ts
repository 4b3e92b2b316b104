import type { Traffic } from '../mechanisms/traffic.js';
import type { NodeContext } from './node-context.js';
import type { Reader } from './reader.js';

/** Counts what a handshake of an open connection reads and writes, and bounds what it holds. INVARIANT: bounded-memory. */
export class HandshakeMeter {
  readonly #node: NodeContext;
  readonly #stats: Traffic;
  readonly #reader: Reader;

  constructor(node: NodeContext, stats: Traffic, reader: Reader) {
    this.#node = node;
    this.#stats = stats;
    this.#reader = reader;
  }

  received(size: number): void {
    this.#reader.countBytes(size);
  }

  sent(size: number): void {
    this.#stats.bytesSent += size;
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
