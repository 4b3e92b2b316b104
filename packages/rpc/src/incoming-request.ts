import type { DisconnectReason, PeerError } from '@pea2pea/core';
import type { Batch } from './batch.js';
import type { RequestId, RpcVersion } from './envelope.js';
import type { Handler } from './handler.js';
import type { RequestContext } from './request-context.js';
import type { TraceContext } from './trace-context.js';

/** A request as it was read; a notification, if its id is undefined. */
export interface ReceivedRequest {
  readonly version: RpcVersion;
  readonly id: RequestId | undefined;
  readonly method: string;
  readonly params: object | undefined;
}

/** Who serves a request, and is told what its method asks for. */
export interface RequestOwner {
  hasSignal(request: IncomingRequest): void;
  progress(request: IncomingRequest, value: unknown): boolean;
}

/** A request of the peer, from its arrival to its response. */
export class IncomingRequest implements RequestContext {
  readonly version: RpcVersion;
  readonly id: RequestId | undefined;
  readonly method: string;
  readonly params: object | undefined;
  readonly trace: TraceContext | undefined;
  /** Where its response goes; undefined: it is sent alone. */
  readonly batch: Batch | undefined;
  readonly #owner: RequestOwner;
  /** Set when its method is called. */
  handler: Handler | undefined;
  /** Whether the connection waits for it: it has no slot yet, or has an id and its method returned a promise; nobody cancelled it. */
  isAwaited = false;
  isCancelled = false;
  #controller: AbortController | undefined;
  /** Why it was given up, for a method that asks late. */
  #reason: PeerError | DisconnectReason | undefined;

  constructor(
    owner: RequestOwner,
    batch: Batch | undefined,
    request: ReceivedRequest,
    trace: TraceContext | undefined,
  ) {
    this.#owner = owner;
    this.batch = batch;
    this.version = request.version;
    this.id = request.id;
    this.method = request.method;
    this.params = request.params;
    this.trace = trace;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
      else this.#owner.hasSignal(this);
    }
    return this.#controller.signal;
  }

  abort(reason: PeerError | DisconnectReason): void {
    this.#reason ??= reason;
    this.#controller?.abort(reason);
  }

  /** Whether its method asked for the signal. */
  get isWatched(): boolean {
    return this.#controller !== undefined;
  }

  progress(value: unknown): boolean {
    return this.#owner.progress(this, value);
  }
}
