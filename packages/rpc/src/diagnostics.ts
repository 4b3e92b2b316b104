import { tracingChannel, type TracingChannel } from 'node:diagnostics_channel';
import type { Connection, OfNode } from '@pea2pea/core';
import { markHandled, traced } from '@pea2pea/core/authoring';
import type { RequestId, RpcVersion } from './envelope.js';
import { traceContextIn, type TraceContext } from './trace-context.js';

// Without type parameters: the declarations of Node 26 have them in another order than those before.
/** The types of {@link rpcDiagnostics}. */
export interface RpcDiagnostics {
  /** {@link CallDiagnostic}; a tracing channel around a call, from its making until it settles, or a notification until it was sent. */
  readonly call: TracingChannel;
  /** {@link ServeDiagnostic}; a tracing channel around the method that serves a request, the validation of its params included. */
  readonly serve: TracingChannel;
}

/**
 * The tracing channels of `node:diagnostics_channel` for requests: `pea2pea:rpc:call`, `pea2pea:rpc:serve`. Names are public API.
 *
 * note: a request for a method that nobody serves is not published, so `method` is always a name of this side.
 */
export const rpcDiagnostics: RpcDiagnostics = {
  call: tracingChannel('pea2pea:rpc:call'),
  serve: tracingChannel('pea2pea:rpc:serve'),
};

/** A call to a peer begins, ends or fails: the channel tells which. */
export interface CallDiagnostic extends OfNode {
  /** The connection with the peer. */
  readonly connection: Connection;
  /** The name of the method. */
  readonly method: string;
  /** The version of JSON-RPC that it is made in. */
  readonly version: RpcVersion;
  /** Whether it has no response. */
  readonly isNotification: boolean;
  /**
   * The trace context that goes to the peer, if the `dialect` has a place for it. A subscriber of `start` may set it; one that is
   * malformed is not sent.
   */
  trace: TraceContext | undefined;
}

/** A request of a peer is served, done or failed: the channel tells which. */
export interface ServeDiagnostic extends OfNode {
  /** The connection with the peer. */
  readonly connection: Connection;
  /** The name of the method. */
  readonly method: string;
  /** The version of JSON-RPC that it was made in. */
  readonly version: RpcVersion;
  /** The id that the peer gave it; undefined for a notification. */
  readonly id: RequestId | undefined;
  /** What the peer said about the trace that it belongs to. */
  readonly trace: TraceContext | undefined;
}

/** Begins a call as `rpcDiagnostics.call` traces it. Ask for subscribers before. */
export function tracedCall<T>(
  event: CallDiagnostic,
  begin: (trace: TraceContext | undefined) => Promise<T>,
): Promise<T> {
  const call = traced(rpcDiagnostics.call, event, () => begin(traceContextIn(event.trace)));
  void markHandled(call);
  return call;
}
