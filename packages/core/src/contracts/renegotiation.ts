import type { Codec } from './codec.js';
import type { Handshake } from './handshake.js';

/** What is done with the raw stream of an open connection, as in `onHandshake`; what it returns is what `renegotiate` resolves with. */
export type RenegotiateHook<T = unknown> = (handshake: Handshake) => T | PromiseLike<T>;

/** How to renegotiate. */
export interface RenegotiateOptions {
  /**
   * What makes messages of the bytes afterwards.
   *
   * note: the types of the connection are those of its node, whatever this is: give the node the types of both.
   * @default the codec that the connection has; a new decoder and encoder in any case
   */
  readonly codec?: Codec<unknown, never>;
  /** Bounds the whole of it, in milliseconds. @default `handshakeTimeoutMs` of the node */
  readonly timeoutMs?: number;
}
