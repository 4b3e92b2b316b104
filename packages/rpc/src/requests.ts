import {
  definePlugin,
  PeerError,
  PLUGIN_STATE,
  type Connection,
  type DisconnectReason,
  type HANDLED,
  type Hooks,
  type PeerNode,
} from '@pea2pea/core';
import {
  describe,
  disconnected,
  invalidConfig,
  LogThrottle,
  rejected,
  requireFunction,
  requireMethods,
} from '@pea2pea/core/authoring';
import { CallBatch } from './call-batch.js';
import { PEER_ENDED } from './calls.js';
import { resolveTerms, type CallArguments, type CallOptions } from './call-options.js';
import { Channel, isForUs, type ChannelContext } from './channel.js';
import type { RequestCounters, Tally } from './counters.js';
import { Deadlines } from './deadlines.js';
import { rpcDiagnostics, tracedCall } from './diagnostics.js';
import { requestOf } from './envelope.js';
import type { Handler } from './handler.js';
import { isMethod, type Method } from './method.js';
import { resolveOptions, type RequestsOptions, type ResolvedOptions } from './options.js';
import type { RequestContext } from './request-context.js';
import { traceContextIn, withTrace, type TraceContext } from './trace-context.js';
import { underWay } from './under-way.js';
import { CONNECTION, type RequestWire } from './wire.js';

/** The interval in which repeated events write one line to the log. */
const LOG_INTERVAL_MS = 1_000;

/** The arguments of `Requests.notify` after the method. */
export type NotifyArguments<SentParams> = undefined extends SentParams
  ? [params?: SentParams, options?: Pick<CallOptions, 'trace'>]
  : [params: SentParams, options?: Pick<CallOptions, 'trace'>];

/** The methods of a peer as functions; see `Requests.client`. */
export type Client<Api> = {
  readonly [Name in keyof Api]: Api[Name] extends Method<unknown, infer Result, infer SentParams>
    ? (...args: CallArguments<SentParams>) => Promise<Result>
    : never;
};

/**
 * A function that serves the requests for one method: it takes the params and returns the result, or throws. The third
 * argument has the id of the request, a signal, and a way to tell progress.
 */
export type RequestHandler<Params, SentResult> = (
  params: Params,
  connection: Connection,
  request: RequestContext,
) => SentResult | Promise<SentResult>;

/**
 * Requests and responses over the connections of a node. They are JSON-RPC 2.0 objects
 * (https://www.jsonrpc.org/specification), which the node's codec carries. Both sides may call and serve.
 * {@link requests} makes it.
 *
 * ```ts
 * const add = method<{ a: number; b: number }, number>('add');
 *
 * const node = new PeerNode({ codec: json() }).use(requests({ timeoutMs: 2_000 }));
 * node.plugin(requests).serve(add, ({ a, b }) => a + b);
 *
 * await other.plugin(requests).call(connection, add, { a: 1, b: 2 }); // 3
 * ```
 *
 * note: in an annotated peer, session or plugin, mark the methods that serve with `@OnRequest(add)` from
 * `@pea2pea/rpc/decorators`.
 * note: messages that are not JSON-RPC objects go on to the other plugins and the peer.
 */
export class Requests implements Hooks<unknown> {
  /** Its name among the plugins of a node. */
  static readonly plugin = { name: 'requests' };
  readonly #node: PeerNode<unknown>;
  readonly #options: ResolvedOptions;
  readonly #context: ChannelContext;
  readonly #counters: Tally = {
    served: 0,
    refused: 0,
    unsentResponses: 0,
    lateResponses: 0,
    unknownResponses: 0,
  };
  /** The channels of connections that have not ended, from their first request or call on. */
  readonly #channels = new Map<Connection, Channel>();
  /** By the name of the method that they serve. */
  readonly #handlers = new Map<string, Handler>();
  #isClosing = false;

  /**
   * @param wire what requests go out by, for plugins that bring a protocol of their own. @default the messages of the node
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
   */
  constructor(node: PeerNode<unknown>, options: RequestsOptions = {}, wire: RequestWire = CONNECTION) {
    const resolved = resolveOptions(options);
    requireMethods('wire', wire, ['send', 'trySend', 'with']);
    const { clock, outboundQueueBytes } = node.config;
    const isClosing = (): boolean => this.#isClosing;
    this.#node = node;
    this.#options = resolved;
    this.#context = {
      ...resolved,
      about: { node: node.name, nodeId: node.inside.id },
      wire,
      batchBytes: outboundQueueBytes,
      handlers: this.#handlers,
      counters: this.#counters,
      deadlines: new Deadlines(clock),
      logger: node.logger.child({ plugin: 'requests' }),
      ignoredLog: new LogThrottle(clock, LOG_INTERVAL_MS),
      refusedLog: new LogThrottle(clock, LOG_INTERVAL_MS),
      batchLog: new LogThrottle(clock, LOG_INTERVAL_MS),
      now: () => clock.now(),
      nextTurn: (callback) => void clock.nextTurn(callback),
      get isClosing() {
        return isClosing();
      },
    };
  }

  /**
   * Serves the requests for `served` with `handler`, from now on.
   *
   * note: requests are served concurrently, started in the order of their arrival; messages do not wait for them.
   * note: a `RequestError` that `handler` throws is sent to the caller. For any other error the caller gets an internal
   * error without details, and the error is logged here.
   * note: once the connection has ended, the result cannot be sent; `connection.signal` aborts then.
   * @param name of the handler, for log lines. @default that of the method
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG when `served` was not made by `method()`, `handler` is not a function, or the
   * method is served already
   */
  serve<Params, SentResult>(
    served: Method<Params, unknown, unknown, SentResult>,
    handler: RequestHandler<Params, SentResult>,
    name: string = served.name,
  ): this {
    if (!isMethod(served))
      throw invalidConfig(`\`served\` must be made by method(), not ${describe(served)}`);
    requireFunction('handler', handler);
    if (this.#handlers.has(served.name)) throw invalidConfig(`the method '${served.name}' is served already`);
    const log = new LogThrottle(this.#node.config.clock, LOG_INTERVAL_MS);
    this.#handlers.set(served.name, {
      name,
      method: served,
      call: handler,
      log,
    });
    return this;
  }

  /**
   * Sends a request, and resolves with the peer's result. `method` has the types of params and result.
   *
   * note: the promise may be ignored: its rejection is never unhandled.
   * note: a call that ended by its deadline or its signal may still be served, although the peer is told, as the `dialect` has
   * it; its response is ignored.
   * note: where `maxPending` calls are under way, it waits, unless `whenPendingFull` is `'refuse'`.
   * note: several calls may be responded to in any order.
   * note: do not await it in a message handler of the same connection, which the response would have to wait for. In a
   * handler of requests it is fine.
   * @throws {PeerError} P2P_ERR_REQUEST_FAILED, a `RequestError`, when the peer responds with an error;
   * P2P_ERR_REQUEST_TIMEOUT, P2P_ERR_ABORTED, P2P_ERR_TOO_MANY_REQUESTS;
   * P2P_ERR_INVALID_RESPONSE when the response is not valid, or its result does not match its schema;
   * P2P_ERR_DISCONNECTED, with the `DisconnectReason` as `cause`, when the connection or the half of the peer ends first;
   * P2P_ERR_SENT_AFTER_END when this side has ended its half; P2P_ERR_QUEUE_FULL, P2P_ERR_ENCODE_FAILED and what the encoder throws, when it cannot be sent;
   * P2P_ERR_INVALID_CONFIG for an invalid `timeoutMs` or `signal`, or the connection of another node
   */
  call<Result, SentParams>(
    connection: Connection,
    method: Method<unknown, Result, SentParams>,
    ...[params, options = {}]: CallArguments<SentParams>
  ): Promise<Result> {
    try {
      const terms = resolveTerms(options, method, this.#options.timeoutMs);
      return this.#channelOf(connection).calls.call(method, params, terms) as Promise<Result>;
    } catch (error) {
      return rejected(error);
    }
  }

  /**
   * Sends a notification, which has no response. Resolves when the bytes were handed to the operating system.
   *
   * note: the promise may be ignored: its rejection is never unhandled.
   * @throws {PeerError} whatever `Connection.send` rejects with
   */
  notify<SentParams>(
    connection: Connection,
    method: Method<unknown, unknown, SentParams>,
    ...[params, options]: NotifyArguments<SentParams>
  ): Promise<void> {
    const { version, dialect } = this.#options;
    const trace = options?.trace === undefined ? undefined : traceContextIn(options.trace);
    const send = (final: TraceContext | undefined): Promise<void> =>
      this.#context.wire.send(
        connection,
        withTrace(requestOf(version, undefined, method.name, params), final, dialect.trace),
      );
    if (!rpcDiagnostics.call.hasSubscribers) return send(trace);
    const about = { ...this.#context.about, connection, method: method.name, version };
    return tracedCall({ ...about, isNotification: true, trace }, send);
  }

  /**
   * Begins a batch: calls and notifications that go out as one list.
   *
   * @throws {PeerError} P2P_ERR_DISCONNECTED when the connection has ended; P2P_ERR_INVALID_CONFIG for the connection of
   * another node, or where `version` is `'1.0'`, which has no batches
   */
  batch(connection: Connection): CallBatch {
    const { version, maxBatch, maxPending, timeoutMs } = this.#options;
    if (version === '1.0') throw invalidConfig('JSON-RPC 1.0 has no batches: send the requests one by one');
    const { calls } = this.#channelOf(connection);
    return new CallBatch(calls, Math.min(maxBatch, maxPending), (options, method) =>
      resolveTerms(options, method, timeoutMs),
    );
  }

  /**
   * Returns the methods of a peer as functions: `call` with its first two arguments filled in.
   *
   * ```ts
   * const { add, subtract } = requests.client(connection, { add: addMethod, subtract: subtractMethod });
   * await add({ a: 1, b: 2 });
   * ```
   */
  client<const Api extends Readonly<Record<string, Method>>>(connection: Connection, api: Api): Client<Api> {
    const functions = Object.entries(api).map(([name, method]) => [
      name,
      (...args: CallArguments<unknown>) => this.call(connection, method, ...args),
    ]);
    return Object.freeze(Object.fromEntries(functions)) as Client<Api>;
  }

  /** How many calls wait for a response now, over all connections. */
  get pending(): number {
    return sum(this.#channels.values(), ({ calls }) => calls.size);
  }

  /** How many requests of peers are being served now, over all open connections. */
  get running(): number {
    return sum(this.#channels.values(), ({ serving }) => serving.running);
  }

  /** How many requests of peers wait for a slot now, over all open connections. */
  get waiting(): number {
    return sum(this.#channels.values(), ({ serving }) => serving.waiting);
  }

  /** Counters over all connections so far, including those that have ended. */
  get counters(): RequestCounters {
    return this.#counters;
  }

  /** What snapshots show: requests under way, in both directions and by method, and the counters. */
  [PLUGIN_STATE](): unknown {
    const { running, waiting, pending } = this;
    return {
      running,
      waiting,
      pending,
      methods: this.#handlers.size,
      underWay: underWay(this.#channels.values(), this.#handlers),
      ...this.#counters,
    };
  }

  /** Handles messages that are JSON-RPC. The next message of the connection waits only where requests have to wait. */
  onMessage(message: unknown, connection: Connection): typeof HANDLED | Promise<typeof HANDLED> | undefined {
    const known = this.#channels.get(connection);
    if (!isForUs(message, this.#options, known?.calls)) return undefined;
    return (known ?? this.#channelOf(connection)).receive(message);
  }

  /** No response comes any more: calls that wait for one reject. */
  onPeerEnd(connection: Connection): void {
    this.#channels.get(connection)?.calls.end(PEER_ENDED);
  }

  /** The node drains: as when it closes. */
  onDrain(): void {
    this.#isClosing = true;
  }

  /** The node closes: requests under way are finished, new ones are refused with -32001. */
  onStop(): void {
    this.#isClosing = true;
  }

  /** @throws {PeerError} P2P_ERR_DISCONNECTED when it has ended; P2P_ERR_INVALID_CONFIG for the connection of another node */
  #channelOf(connection: Connection): Channel {
    const known = this.#channels.get(connection);
    if (known !== undefined) return known;
    const { signal, address } = connection;
    if (signal.aborted) throw disconnected(connection, signal.reason as DisconnectReason);
    if (!this.#node.connections.all(address).includes(connection)) {
      const what = `\`connection\` with ${address} is not a connection of ${this.#node.config.name}, the node of these requests`;
      throw new PeerError('P2P_ERR_INVALID_CONFIG', what);
    }
    if (this.#context.wire.with(connection) === undefined) {
      throw new PeerError('P2P_ERR_UNSUPPORTED', `${address} does not speak the protocol of these requests`);
    }
    const channel = new Channel(connection, this.#context);
    this.#channels.set(connection, channel);
    signal.addEventListener(
      'abort',
      () => {
        this.#channels.delete(connection);
        channel.end(signal.reason as DisconnectReason);
        if (this.#channels.size === 0) this.#context.deadlines.rest();
      },
      { once: true },
    );
    return channel;
  }
}

/** Lists {@link Requests} among the plugins of a node, `node.use(requests({ … }))`, or of a peer. */
export const requests = definePlugin(Requests);

function sum<T>(all: Iterable<T>, numberOf: (one: T) => number): number {
  let total = 0;
  for (const one of all) total += numberOf(one);
  return total;
}
