import { isPromise, whenSettled } from '../authoring/thenable.js';
import { traced } from '../authoring/traced.js';
import { diagnostics } from '../contracts/diagnostics.js';
import type { HandlerTimes } from '../mechanisms/handler-times.js';
import type { InnerConnection } from './inner-connection.js';
import type { NodeContext } from './node-context.js';
import { Pulls } from './pulls.js';
import type { MessageSource, Receiver } from './receiver.js';

type MessageHook = NonNullable<NodeContext['hooks']['message']>;

/** What is told of the promise of a handler. */
interface Settle {
  readonly handled: () => void;
  readonly failed: (error: unknown) => void;
}

/** Hands messages to the `onMessage` hooks of the node. */
export class MessageHooks implements Receiver {
  readonly isBusyAtFirst = false;
  readonly countsBytes = false;
  /** Whether the promise of a handler is pending. */
  isWorking = false;
  readonly #node: NodeContext;
  readonly #connection: InnerConnection;
  readonly #source: MessageSource;
  readonly #call: MessageHook;
  readonly #times: HandlerTimes;
  #settle: Settle | undefined;
  #isTraced = false;

  constructor(node: NodeContext, connection: InnerConnection, source: MessageSource, call: MessageHook) {
    this.#node = node;
    this.#connection = connection;
    this.#source = source;
    this.#call = call;
    this.#times = node.handlerTimes;
  }

  /** Whether somebody traces is asked once for all messages that come at once. */
  begin(): void {
    this.#isTraced = diagnostics.message.hasSubscribers;
  }

  take(message: unknown): boolean {
    const call = this.#call;
    try {
      // INVARIANT: message-order. The next message waits for the promise of this one.
      const isWatched = this.#isTraced || this.#times.left > 0;
      const result = isWatched ? this.#watch(message) : call(message, this.#connection);
      if (!isPromise(result)) return false;
      this.#settle ??= this.#makeSettle();
      whenSettled(result, this.#settle.handled, this.#settle.failed);
      this.isWorking = true;
      return true;
    } catch (error) {
      this.#threw(error);
      return false;
    }
  }

  #watch(message: unknown): unknown {
    const call = this.#isTraced ? () => this.#trace(message) : () => this.#call(message, this.#connection);
    return this.#times.left > 0 ? this.#times.time(this.#connection, call) : call();
  }

  #trace(message: unknown): unknown {
    const connection = this.#connection;
    const event = { ...this.#node.about, connection, message };
    return traced(diagnostics.message, event, () => this.#call(message, connection));
  }

  isBusyWith(): boolean {
    return true;
  }

  end(): void {}

  stop(): void {}

  /** Made when the first handler returns a promise, and kept: not one a message, and none while idle. */
  #makeSettle(): Settle {
    const handled = (): void => {
      this.isWorking = false;
      this.#source.goOn();
    };
    const failed = (error: unknown): void => {
      this.#threw(error);
      handled();
    };
    return { handled, failed };
  }

  #threw(error: unknown): void {
    const verdict = this.#node.hookThrew('onMessage', error, this.#connection);
    // After a frame error nothing can be sent, which is all that many handlers throw for.
    if (verdict !== 'keep' && !this.#source.decoding.hasFrameError) {
      this.#connection.endFor({ origin: 'reading', cause: 'handler-error', error });
      return;
    }
    const why =
      verdict === 'keep' ? 'onError keeps the connection' : 'the connection is ending for a bad frame';
    this.#node.logFault(error, this.#connection, `onMessage threw; ${why}`);
  }
}

/** Who takes the messages of a connection of `node`. */
export function receiverOf(node: NodeContext, connection: InnerConnection, source: MessageSource): Receiver {
  const { message } = node.hooks;
  if (message === undefined) return new Pulls(node, connection, source);
  return new MessageHooks(node, connection, source, message);
}
