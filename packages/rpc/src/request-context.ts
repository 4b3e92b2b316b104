import type { RequestId } from './envelope.js';
import type { TraceContext } from './trace-context.js';

/** What a method may know of the request that it serves: its third argument. */
export interface RequestContext {
  /** The id that the peer gave it; undefined for a notification. */
  readonly id: RequestId | undefined;
  /**
   * Aborts when nobody waits for the result any more: the peer has cancelled the request (with a PeerError of
   * P2P_ERR_ABORTED as `reason`), or the connection is ending (with its `DisconnectReason`). Made on first use.
   *
   * note: a peer that has ended its half may still be reading: the connection, and this signal, wait for the method.
   */
  readonly signal: AbortSignal;
  /**
   * What the peer said about the trace that the request belongs to; undefined where it said nothing, or nothing that W3C Trace
   * Context allows, or the `dialect` has no place for it.
   */
  readonly trace: TraceContext | undefined;
  /**
   * Tells the caller how far the method is; returns false where it did not ask, the `dialect` has no such thing, or the
   * outbound queue is full.
   */
  progress(value: unknown): boolean;
}
