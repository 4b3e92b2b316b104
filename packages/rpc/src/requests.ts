import {
  definePlugin,
  HANDLED,
  PeerError,
  type Connection,
  type DisconnectReason,
  type Hooks,
  type PeerNode,
} from '@pea2pea/core';
import {
  describe,
  invalidConfig,
  LogThrottle,
  requireFunction,
  requireSignal,
  requireTimeout,
} from '@pea2pea/core/authoring';
import { aborted, Calls, disconnected, rejected, type CallsContext } from './calls.js';
import type { RequestCounters, Tally } from './counters.js';
import { Deadlines } from './deadlines.js';
import { isForUs, readEnvelope, requestOf } from './envelope.js';
import { isMethod, type Method } from './method.js';
import { resolveOptions, type RequestsOptions } from './options.js';
import { Serving, type Handler, type ServingContext } from './serving.js';

/** What happens again and again writes one line in so long. */
const LOG_INTERVAL_MS = 1_000;

/** How one call is made. */
export interface CallOptions {
  /** Gives the call up when it aborts. The peer does not hear of it. */
  readonly signal?: AbortSignal;
  /** In milliseconds. @default `timeoutMs` of the plugin */
  readonly timeoutMs?: number;
}

/** What `Requests.call` takes after the method: params may be left out where the method has none. */
export type CallArguments<SentParams> = undefined extends SentParams
  ? [params?: SentParams, options?: CallOptions]
  : [params: SentParams, options?: CallOptions];

/** Methods as functions; see `Requests.client`. */
export type Client<Api> = {
  readonly [Name in keyof Api]: Api[Name] extends Method<unknown, infer Result, infer SentParams>
    ? (...args: CallArguments<SentParams>) => Promise<Result>
    : never;
};

/** The two directions of one connection. */
interface Channel {
  readonly calls: Calls;
  readonly serving: Serving;
}

/** Serves the requests for one method. */
export type RequestHandler<Params, SentResult> = (
  params: Params,
  connection: Connection,
) => SentResult | Promise<SentResult>;

/**
 * Requests and responses over the connections of a node, as JSON-RPC 2.0 objects (https://www.jsonrpc.org/specification)
 * that the node's codec carries. Both sides may call and serve. {@link requests} makes it.
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
 * note: `@OnRequest(add)` of `@pea2pea/rpc/decorators` has a method of an annotated peer, session or plugin serve.
 * note: messages that are not JSON-RPC objects pass by, to the other plugins and the peer.
 */
export class Requests implements Hooks<unknown> {
  static readonly plugin = { name: 'requests' };
  readonly #node: PeerNode<unknown>;
  readonly #timeoutMs: number;
  readonly #context: CallsContext & ServingContext;
  readonly #counters: Tally = {
    served: 0,
    refused: 0,
    unsentResponses: 0,
    lateResponses: 0,
    unknownResponses: 0,
  };
  /** Of connections that have not ended, from their first request or call on. */
  readonly #channels = new Map<Connection, Channel>();

  /** By the name of what they serve. */
  readonly #handlers = new Map<string, Handler>();

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
  constructor(node: PeerNode<unknown>, options: RequestsOptions = {}) {
    const { timeoutMs, maxPending, maxConcurrent } = resolveOptions(options);
    const { clock } = node.config;
    this.#node = node;
    this.#timeoutMs = timeoutMs;
    this.#context = {
      maxPending,
      maxConcurrent,
      handlers: this.#handlers,
      counters: this.#counters,
      deadlines: new Deadlines(clock),
      logger: node.logger.child({ plugin: 'requests' }),
      ignoredLog: new LogThrottle(clock, LOG_INTERVAL_MS),
      now: () => clock.now(),
    };
  }

  /**
   * Serves the requests for `served` with `handler`, from now on.
   *
   * note: requests are served side by side, begun in the order of their arrival; none holds up a message.
   * note: a `RequestError` that it throws is what the caller is told. Anything else is an 'internal error' to the caller,
   * and a line in our log.
   * note: once the connection has ended nobody hears the result; `connection.signal` tells.
   * @param name of the handler, for log lines. @default that of the method
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG for what `method()` did not make, a handler that is not a function, and a
   * name that is served already
   */
  serve<Params, SentResult>(
    served: Method<Params, unknown, unknown, SentResult>,
    handler: RequestHandler<Params, SentResult>,
    name: string = served.name,
  ): this {
    if (!isMethod(served))
      throw invalidConfig(`\`served\` must be made by method(), not ${describe(served)}`);
    requireFunction('handler', handler);
    if (this.#handlers.has(served.name)) throw invalidConfig(`'${served.name}' is served already`);
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
   * Asks the peer, and resolves with its answer. Params and result are of the types of `method`.
   *
   * note: nothing breaks if nobody awaits the answer.
   * note: a call that is given up, by its deadline or its signal, may still be served; its response is ignored.
   * note: responses to several calls come in any order.
   * note: in a message method of the same connection, do not await it: that holds up the response. In a handler of
   * requests it is fine.
   * @throws {PeerError} P2P_ERR_REQUEST_FAILED, a `RequestError`, when the peer answers with an error;
   * P2P_ERR_REQUEST_TIMEOUT, P2P_ERR_ABORTED, P2P_ERR_TOO_MANY_REQUESTS;
   * P2P_ERR_INVALID_RESPONSE when the result is not what its schema takes, or the response none;
   * P2P_ERR_DISCONNECTED, with the `DisconnectReason` as `cause`, when the connection ends first;
   * P2P_ERR_QUEUE_FULL, P2P_ERR_ENCODE_FAILED and what the encoder throws, when it cannot be sent;
   * P2P_ERR_INVALID_CONFIG for a `timeoutMs` that makes no sense, a `signal` that is not one, or the connection of another node
   */
  call<Result, SentParams>(
    connection: Connection,
    method: Method<unknown, Result, SentParams>,
    ...[params, options = {}]: CallArguments<SentParams>
  ): Promise<Result> {
    try {
      const { signal, timeoutMs = this.#timeoutMs } = options;
      requireTimeout('timeoutMs', timeoutMs);
      if (signal !== undefined) requireSignal('signal', signal);
      if (signal?.aborted === true) throw aborted(method, signal);
      const { calls } = this.#channelOf(connection);
      return calls.call(method, params, { signal, timeoutMs }) as Promise<Result>;
    } catch (error) {
      return rejected(error);
    }
  }

  /**
   * Tells the peer, which does not answer: resolves when the bytes were handed to the operating system.
   *
   * note: nothing breaks if nobody awaits the answer.
   * @throws {PeerError} what `Connection.send` rejects with
   */
  notify<SentParams>(
    connection: Connection,
    method: Method<unknown, unknown, SentParams>,
    ...[params]: undefined extends SentParams ? [params?: SentParams] : [params: SentParams]
  ): Promise<void> {
    return connection.send(requestOf(undefined, method.name, params));
  }

  /**
   * The methods of a peer as functions: `call` with the first two arguments filled in.
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

  /** Calls that wait for a response now, over all connections. */
  get pending(): number {
    return sum(this.#channels.values(), ({ calls }) => calls.size);
  }

  /** Requests of peers that are being served now, over all open connections. */
  get running(): number {
    return sum(this.#channels.values(), ({ serving }) => serving.running);
  }

  /** What happened so far, over all connections, ended ones included. */
  get counters(): RequestCounters {
    return this.#counters;
  }

  /** Takes what is JSON-RPC; the connection's next message does not wait for what comes of it. */
  onMessage(message: unknown, connection: Connection): typeof HANDLED | undefined {
    if (!isForUs(message)) return undefined;
    const incoming = readEnvelope(message);
    const { calls, serving } = this.#channelOf(connection);
    switch (incoming.kind) {
      case 'request':
        serving.take(incoming);
        break;
      case 'response':
        calls.answer(incoming.id, incoming.answer);
        break;
      case 'invalid':
        serving.refuseInvalid(incoming);
        break;
    }
    return HANDLED;
  }

  /** @throws {PeerError} P2P_ERR_DISCONNECTED; P2P_ERR_INVALID_CONFIG for the connection of another node */
  #channelOf(connection: Connection): Channel {
    const known = this.#channels.get(connection);
    if (known !== undefined) return known;
    const { signal, address } = connection;
    if (signal.aborted) throw disconnected(connection, signal.reason as DisconnectReason);
    if (this.#node.connections.get(address) !== connection) {
      const what = `\`connection\` with ${address} is not one of the node ${this.#node.config.name}, whose Requests these are`;
      throw new PeerError('P2P_ERR_INVALID_CONFIG', what);
    }
    const calls = new Calls(connection, this.#context);
    const channel = { calls, serving: new Serving(connection, this.#context) };
    this.#channels.set(connection, channel);
    signal.addEventListener(
      'abort',
      () => {
        this.#channels.delete(connection);
        calls.end(signal.reason as DisconnectReason);
        if (this.#channels.size === 0) this.#context.deadlines.rest();
      },
      { once: true },
    );
    return channel;
  }
}

/** {@link Requests} with options: `node.use(requests({ … }))`, or among the `plugins` of a peer. */
export const requests = definePlugin(Requests);

function sum<T>(all: Iterable<T>, numberOf: (one: T) => number): number {
  let total = 0;
  for (const one of all) total += numberOf(one);
  return total;
}
