import { contextKey } from '@pea2pea/core';
import type { ChaosMessage } from './message.js';

/** A message of a sender, and which of its codecs encoded it. */
interface Queued {
  readonly number: number;
  readonly variant: number;
}

/**
 * One direction of one connection: the numbers of the messages that were queued on it, and not handled
 * by the other side yet. What arrives must be a prefix of what was queued, with nothing left out.
 */
export class StreamLog {
  /** The sender. */
  readonly from: string;
  /** Whether the sender can be sent what is not a message. */
  readonly takesBlocks: boolean;
  #queued: Queued[] = [];
  #head = 0;
  #closed = false;
  /** The sender has ended its half, and the system has all of it. */
  isOut = false;
  /** Whether somebody reads on who is not the node. */
  isKept = false;

  constructor(from: string, takesBlocks: boolean) {
    this.from = from;
    this.takesBlocks = takesBlocks;
  }

  queued(number: number, variant = 0): void {
    if (!this.#closed) this.#queued.push({ number, variant });
  }

  /** Why `number` should not have come now; undefined where it should. `mayDrop`: the receiver drops when it is full. */
  received({ from, number, variant = 0 }: ChaosMessage, mayDrop: boolean): string | undefined {
    if (from !== this.from) return `a message of ${from} came over a connection with ${this.from}`;
    let at = this.#head;
    while (at < this.#queued.length && this.#queued[at]!.number !== number) at++;
    if (at === this.#queued.length) return `message ${number} of ${from} was never queued, or came before`;
    const queued = this.#queued[at]!;
    const skipped = at - this.#head;
    this.#head = at + 1;
    if (this.#head > 256) {
      this.#queued = this.#queued.slice(this.#head);
      this.#head = 0;
    }
    if (queued.variant !== variant)
      return `message ${number} of ${from} was encoded by codec ${variant}, the connection had ${queued.variant}`;
    if (skipped === 0 || mayDrop) return undefined;
    return `message ${number} of ${from} came, but ${skipped} that were queued before it did not`;
  }

  /** How many messages were queued that did not come. */
  get left(): number {
    return this.#queued.length - this.#head;
  }

  /** Nobody reads any more. */
  close(): void {
    if (this.isKept) return;
    this.#closed = true;
    this.#queued = [];
    this.#head = 0;
  }
}

/** What the handshake leaves behind: both directions of the connection. */
export interface StreamLogs {
  readonly own: StreamLog;
  readonly peer: StreamLog;
}

export const streamLogs = contextKey<StreamLogs>('stream logs');

/** Logs between the greeting that announces them and the one who hears it. */
export class StreamLogExchange {
  readonly #announced = new Map<number, StreamLog>();
  #lastSerial = 0;

  announce(from: string, takesBlocks = false): { serial: number; log: StreamLog } {
    const log = new StreamLog(from, takesBlocks);
    const serial = ++this.#lastSerial;
    this.#announced.set(serial, log);
    return { serial, log };
  }

  /** The log that was announced as `serial`; each is claimed once. */
  claim(serial: number): StreamLog | undefined {
    const log = this.#announced.get(serial);
    this.#announced.delete(serial);
    return log;
  }

  /** Nobody is left who could claim one. */
  clear(): void {
    this.#announced.clear();
  }
}
