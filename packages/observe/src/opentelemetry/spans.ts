import { AsyncLocalStorage } from 'node:async_hooks';
import { tracingChannel } from 'node:diagnostics_channel';
import {
  context,
  diag,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Span,
  type SpanOptions,
  type Tracer,
} from '@opentelemetry/api';
import type { Connection, Direction, OfNode, SocketAddress, TracedDiagnostic } from '@pea2pea/core';
import { describe, readData } from '@pea2pea/core/authoring';
import {
  addressAttributes,
  CONNECTION,
  DIRECTION,
  errorAttributes,
  extraAttributes,
  NODE,
  RPC_METHOD,
  RPC_REQUEST_ID,
  RPC_SYSTEM,
  RPC_VERSION,
  servedErrorAttributes,
} from './attributes.js';
import type { ResolvedOptions } from './options.js';
import { spanContextOf, traceContextOf, type TraceContext } from './span-context.js';
import { isOver } from '../metrics/times.js';
import type { AnyNode } from '../snapshot/observed.js';

interface NodeEvent extends TracedDiagnostic, OfNode {}
interface DialEvent extends NodeEvent {
  readonly address: SocketAddress;
}
interface HandshakeEvent extends DialEvent {
  readonly direction: Direction;
}
interface ConnectionEvent extends NodeEvent {
  readonly connection: Connection;
}
interface RequestEvent extends ConnectionEvent {
  readonly method: string;
  readonly version: string;
}
interface CallEvent extends RequestEvent {
  trace: TraceContext | undefined;
}
interface ServeEvent extends RequestEvent {
  readonly id: string | number | bigint | null | undefined;
  readonly trace: TraceContext | undefined;
}

/** How the events of a tracing channel become spans. */
interface Traced<Event extends NodeEvent> {
  readonly channel: string;
  readonly begin: (event: Event) => Span;
  /** What the error of an event says about its kind. */
  readonly errorOf: (error: unknown, reach: 'any') => Attributes;
  /** Whether the work runs in the context of its span. */
  readonly isActive: boolean;
}

/** The spans of some nodes. */
export class Spans {
  readonly #tracer: Tracer;
  readonly #options: ResolvedOptions;
  readonly #nodes: ReadonlySet<number>;
  readonly #ends: (() => void)[] = [];
  /**
   * The span of the dial that a handshake belongs to. A dial does not run in the context of its span: what a socket tells later runs in
   * the context in which it was made, and all that the connection ever does would belong to the dial.
   */
  readonly #dials = new AsyncLocalStorage<Context>();

  constructor(tracer: Tracer, nodes: readonly AnyNode[], options: ResolvedOptions) {
    this.#tracer = tracer;
    this.#options = options;
    this.#nodes = new Set(nodes.map(({ inside }) => inside.id));
    const { dials, handshakes, requests, messages } = options.spans;
    if (dials) this.#traceDials();
    if (handshakes) this.#traceHandshakes();
    if (requests) this.#traceRequests();
    if (messages) this.#traceMessages();
  }

  close(): void {
    for (const end of this.#ends.splice(0)) end();
  }

  #traceDials(): void {
    const spans = this.#trace<DialEvent>({
      channel: 'pea2pea:dial',
      begin: (event) => this.#start('pea2pea dial', SpanKind.CLIENT, context.active(), this.#about(event)),
      errorOf: errorAttributes,
      isActive: false,
    });
    const { start } = tracingChannel('pea2pea:dial');
    start.bindStore(this.#dials, (event) => {
      const span = spans(event as DialEvent);
      return span === undefined ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, span);
    });
    this.#ends.push(() => void start.unbindStore(this.#dials));
  }

  #traceHandshakes(): void {
    this.#trace<HandshakeEvent>({
      channel: 'pea2pea:handshake',
      begin: (event) => {
        const { direction } = event;
        const parent = direction === 'outbound' ? this.#dials.getStore() : undefined;
        const attributes = { ...this.#about(event), [DIRECTION]: direction };
        return this.#start('pea2pea handshake', SpanKind.INTERNAL, parent ?? ROOT_CONTEXT, attributes);
      },
      errorOf: errorAttributes,
      isActive: false,
    });
  }

  #traceRequests(): void {
    this.#trace<CallEvent>({
      channel: 'pea2pea:rpc:call',
      begin: (event) => {
        const attributes = this.#aboutRequest(event);
        const span = this.#start(event.method, SpanKind.CLIENT, context.active(), attributes);
        // One that the call was given stays.
        if (this.#options.sendTraceContext) event.trace ??= traceContextOf(span.spanContext());
        return span;
      },
      errorOf: errorAttributes,
      isActive: false,
    });
    this.#trace<ServeEvent>({
      channel: 'pea2pea:rpc:serve',
      begin: (event) => {
        const { id } = event;
        const attributes = this.#aboutRequest(event);
        if (id !== undefined && id !== null) attributes[RPC_REQUEST_ID] = String(id);
        const { peerTraceContext } = this.#options;
        const remote = event.trace === undefined ? undefined : spanContextOf(event.trace);
        const links =
          remote !== undefined && peerTraceContext === 'link' ? { links: [{ context: remote }] } : {};
        const parent =
          remote !== undefined && peerTraceContext === 'parent'
            ? trace.setSpanContext(ROOT_CONTEXT, remote)
            : ROOT_CONTEXT;
        return this.#start(event.method, SpanKind.SERVER, parent, attributes, links);
      },
      errorOf: servedErrorAttributes,
      isActive: true,
    });
  }

  #traceMessages(): void {
    this.#trace<ConnectionEvent>({
      channel: 'pea2pea:message',
      begin: (event) =>
        this.#start('pea2pea message', SpanKind.CONSUMER, ROOT_CONTEXT, this.#aboutConnection(event)),
      errorOf: errorAttributes,
      isActive: true,
    });
  }

  /** @returns the span of an event that has begun. */
  #trace<Event extends NodeEvent>(traced: Traced<Event>): (event: Event) => Span | undefined {
    const spans = new WeakMap<NodeEvent, Span>();
    const begin = (event: Event): Span | undefined => {
      const known = spans.get(event);
      if (known !== undefined || !this.#nodes.has(event.nodeId)) return known;
      return harmless(() => {
        const span = traced.begin(event);
        spans.set(event, span);
        if (traced.isActive) runWithin(event, trace.setSpan(context.active(), span));
        return span;
      });
    };
    const finish = (event: Event): void => {
      const span = spans.get(event);
      if (span === undefined) return;
      spans.delete(event);
      harmless(() => {
        if ('error' in event) fail(span, event.error, traced.errorOf(event.error, 'any'));
        span.end();
      });
    };
    const subscribers = {
      start: (event: unknown) => void begin(event as Event),
      end: (event: unknown) => {
        if (isOver(event as Event)) finish(event as Event);
      },
      asyncStart: () => {},
      asyncEnd: (event: unknown) => finish(event as Event),
      error: () => {},
    };
    const channel = tracingChannel(traced.channel);
    channel.subscribe(subscribers);
    this.#ends.push(() => void channel.unsubscribe(subscribers));
    return begin;
  }

  #start(
    name: string,
    kind: SpanKind,
    parent: Context,
    attributes: Attributes,
    more: SpanOptions = {},
  ): Span {
    return this.#tracer.startSpan(name, { kind, attributes, ...more }, parent);
  }

  #about({ node, address }: Pick<DialEvent, 'node' | 'address'>): Attributes {
    return { [NODE]: node, ...(this.#options.addresses && addressAttributes(address)) };
  }

  #aboutConnection({ node, connection }: ConnectionEvent): Attributes {
    return {
      ...this.#about({ node, address: connection.address }),
      [CONNECTION]: connection.id,
      ...extraAttributes(this.#options, connection),
    };
  }

  #aboutRequest(event: RequestEvent): Attributes {
    return {
      [RPC_SYSTEM]: 'jsonrpc',
      [RPC_METHOD]: event.method,
      [RPC_VERSION]: event.version,
      ...this.#aboutConnection(event),
    };
  }
}

/** Has the work of an event run in `within`. */
function runWithin(event: TracedDiagnostic, within: Context): void {
  const { around } = event;
  event.around = (run) => context.with(within, around === undefined ? run : () => around(run));
}

/** No code of a foreign value runs: see INVARIANT: foreign-values-are-harmless. */
function fail(span: Span, error: unknown, attributes: Attributes): void {
  const message = describe(error);
  span.setAttributes(attributes);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
  const stack = readData(error, 'stack');
  span.addEvent('exception', {
    'exception.type': String(attributes['error.type']),
    'exception.message': message,
    ...(typeof stack === 'string' && { 'exception.stacktrace': stack }),
  });
}

/** A sampler or a processor of the user may throw, and what a subscriber throws ends the process. */
function harmless<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    diag.error(`@pea2pea/observe: a span failed: ${describe(error)}`);
    return undefined;
  }
}
