import { peerFields } from '../contracts/peer-fields.js';
import { ProgressWatch } from '../mechanisms/progress-watch.js';
import type { InnerConnection } from './inner-connection.js';
import type { NodeContext } from './node-context.js';

/** A handler that keeps messages of its own connection waiting for longer is told about, once. */
const LONG_HANDLER_MS = 10_000;

/** Looks out, for one connection, for a handler that keeps messages waiting: perhaps it waits for one of them. */
export class HandlerWatch {
  #progress: ProgressWatch | undefined;
  #hasTold = false;

  /** `waitingBytes`: what waits for a handler that is busy; 0 where nothing does. */
  look(node: NodeContext, connection: InnerConnection, waitingBytes: number, nowMs: number): void {
    if (waitingBytes === 0) {
      this.#progress = undefined;
      return;
    }
    const { messagesReceived } = connection.stats;
    this.#progress ??= new ProgressWatch(nowMs, messagesReceived);
    const durationMs = nowMs - this.#progress.movedAtMs(nowMs, messagesReceived);
    if (this.#hasTold || durationMs < LONG_HANDLER_MS) return;
    this.#hasTold = true;
    node.logger.warn(
      { ...peerFields(connection), waitingBytes, durationMs },
      'onMessage has not settled for long, and messages of its connection wait for it; ' +
        'a handler that awaits another message of its own connection waits for ever',
    );
  }
}
