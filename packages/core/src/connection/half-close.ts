import type { Duplex } from 'node:stream';
import { markHandled } from '../authoring/deferred.js';
import { isPromise, whenSettled } from '../authoring/thenable.js';
import { peerFields } from '../contracts/peer-fields.js';
import { endWritable } from './foreign-stream.js';
import type { InnerConnection } from './inner-connection.js';
import type { NodeContext } from './node-context.js';
import type { Writer } from './writer.js';

/** A connection, as far as the ends of its halves go. */
export interface HalvedConnection extends InnerConnection {
  readonly stream: Duplex;
  readonly writer: Writer;
  /** The handshake that the connection is for now. */
  readonly handshake: { readonly over: Promise<void> } | undefined;
}

/**
 * The ends of the two halves of one connection, where one comes before the other. Made with the first of them.
 *
 * ```text
 *   end()            flush -> our FIN; reading goes on
 *   the peer's FIN   messages before it -> onPeerEnd -> work under way -> the connection ends
 *                                                                        `- where it is half open: with our FIN
 * ```
 */
export class HalfClose {
  readonly #node: NodeContext;
  readonly #connection: HalvedConnection;
  /** The reader looks again whether the connection may end. */
  readonly #onChange: () => void;
  #ended: Promise<void> | undefined;
  /** Whether our FIN is with the operating system. */
  #isOut = false;
  /** About `onPeerEnd`. */
  #telling: 'not yet' | 'under way' | 'done' = 'not yet';

  constructor(node: NodeContext, connection: HalvedConnection, onChange: () => void) {
    this.#node = node;
    this.#connection = connection;
    this.#onChange = onChange;
  }

  /** Whether {@link end} was called. */
  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  /** As `Connection.end`. */
  end(): Promise<void> {
    return (this.#ended ??= markHandled(this.#end()));
  }

  /** Whether the connection may end, as all that came before the end of the peer's half was handled. INVARIANT: halves-end-apart. */
  mayEnd(): boolean {
    if (this.#telling === 'not yet') this.#tell();
    if (this.#telling !== 'done') return false;
    // INVARIANT: work-ends-first. The peer may still wait for what our work will send, as long as that can be sent.
    if (this.#connection.stream.destroyed) return true;
    if (this.#connection.isHeld) return false;
    return this.hasEnded ? this.#isOut : !this.#node.config.halfOpen;
  }

  async #end(): Promise<void> {
    const connection = this.#connection;
    const { writer } = connection;
    writer.refuseMore();
    await Promise.resolve(); // an encoder may have called this: its message goes out, too
    await connection.handshake?.over; // INVARIANT: exact-byte
    await writer.finish();
    if (writer.isEnded || !(await this.#endStream(connection.stream))) throw connection.endError();
    this.#isOut = true;
    this.#node.logger.debug(peerFields(connection), 'this side has ended its half');
    this.#onChange();
  }

  async #endStream(stream: Duplex): Promise<boolean> {
    try {
      return await endWritable(stream);
    } catch (error) {
      this.#connection.writingFailed(error); // somebody brought that stream along
      return false;
    }
  }

  /** Runs `onPeerEnd`. INVARIANT: hook-hurts-its-own. */
  #tell(): void {
    const { config, hooks, logger } = this.#node;
    this.#telling = 'under way';
    if (config.halfOpen) logger.debug(peerFields(this.#connection), 'the peer has ended its half');
    try {
      const result = hooks.peerEnd?.(this.#connection);
      if (isPromise(result)) whenSettled(result, this.#told, this.#failed);
      else this.#telling = 'done';
    } catch (error) {
      this.#telling = 'done';
      this.#threw(error);
    }
  }

  readonly #told = (): void => {
    this.#telling = 'done';
    this.#onChange();
  };

  readonly #failed = (error: unknown): void => {
    this.#threw(error);
    this.#told();
  };

  #threw(error: unknown): void {
    const verdict = this.#node.hookThrew('onPeerEnd', error, this.#connection);
    if (verdict === 'keep') {
      this.#node.logFault(error, this.#connection, 'onPeerEnd threw; onError keeps the connection');
    } else {
      this.#connection.endFor({ origin: 'reading', cause: 'handler-error', error });
    }
  }
}
