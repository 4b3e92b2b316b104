import {
  HANDLED,
  PeerError,
  PeerNode,
  type Connection,
  type DisconnectReason,
  RateLimited,
} from '@pea2pea/core';
import {
  configured,
  MarkedMethods,
  OnMessage,
  Plugin,
  PluginOptions,
  type ConfiguredPlugin,
} from '@pea2pea/decorators';
import { aborted, Calls, disconnected, rejected, type CallsContext } from './calls.js';
import type { RequestCounters, Tally } from './counters.js';
import { Deadlines } from './deadlines.js';
import { isForUs, readEnvelope, requestOf, type Batch, type Envelope } from './envelope.js';
import { ON_REQUEST, type Method } from './method.js';
import { requireTimeout, resolveOptions, type RequestsOptions } from './options.js';
import { requireSignal } from '../shared/checks.js';
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

/** What `Requests.call` takes behind the method: params may be left out where the method has none. */
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

/**
 * Requests and responses over the connections of a peer, as JSON-RPC 2.0 objects (https://www.jsonrpc.org/specification)
 * that the peer's codec carries. Both sides may call and serve. Listed in the `plugins` of a peer, as itself or as
 * {@link requests}, it can be injected into the peer, its sessions and its services.
 *
 * ```ts
 * const add = method<{ a: number; b: number }, number>('add');
 *
 * @Peer({ codec: json(), plugins: [requests({ timeoutMs: 2_000 })] })
 * class Adder {
 *   @OnRequest(add)
 *   add({ a, b }: { a: number; b: number }) { return a + b; }
 * }
 *
 * await handle.get(Requests).call(connection, add, { a: 1, b: 2 }); // 3
 * ```
 *
 * note: messages that are no JSON-RPC objects pass by, to the other plugins and the peer.
 */
@Plugin({ inject: [PeerNode, MarkedMethods, PluginOptions] })
export class Requests {
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

  /**
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option; P2P_ERR_INVALID_DECORATOR when two methods serve the
   * same name
   */
  constructor(node: PeerNode<unknown>, methods: MarkedMethods, options: RequestsOptions) {
    const { timeoutMs, maxPending, maxConcurrent } = resolveOptions(options);
    const { clock } = node.config;
    this.#node = node;
    this.#timeoutMs = timeoutMs;
    this.#context = {
      maxPending,
      maxConcurrent,
      handlers: handlersOf(methods, () => new RateLimited(clock, LOG_INTERVAL_MS)),
      counters: this.#counters,
      deadlines: new Deadlines(clock),
      logger: node.logger.child({ plugin: 'requests' }),
      ignoredLog: new RateLimited(clock, LOG_INTERVAL_MS),
      now: () => clock.now(),
    };
  }

  /**
   * Asks the peer, and resolves with its answer. Params and result are of the types of `method`.
   *
   * note: nothing breaks if nobody awaits the answer.
   * note: a call that is given up, by its deadline or its signal, may still be served; its response is ignored.
   * note: responses to several calls come in any order.
   * note: in a message method of the same connection, do not await it: that holds up the response. In a method with
   * `@OnRequest` it is fine.
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
      requireTimeout(timeoutMs);
      if (signal !== undefined) requireSignal(signal);
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
  @OnMessage(isForUs)
  take(message: Envelope | Batch, connection: Connection): typeof HANDLED {
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

/** {@link Requests} with options, for the `plugins` of a peer. */
export function requests(options: RequestsOptions = {}): ConfiguredPlugin<Requests> {
  return configured(Requests, options);
}

/** @throws {PeerError} P2P_ERR_INVALID_DECORATOR when two serve the same name */
function handlersOf(methods: MarkedMethods, makeLog: () => RateLimited): Map<string, Handler> {
  const handlers = new Map<string, Handler>();
  for (const method of methods.of(ON_REQUEST)) {
    const { name } = method.value;
    const other = handlers.get(name);
    if (other !== undefined) {
      const what = `${other.method.name}() and ${method.name}() both serve '${name}'; leave one of them, or give it a method of another name`;
      throw new PeerError('P2P_ERR_INVALID_DECORATOR', what);
    }
    handlers.set(name, { method, log: makeLog() });
  }
  return handlers;
}

function sum<T>(all: Iterable<T>, numberOf: (one: T) => number): number {
  let total = 0;
  for (const one of all) total += numberOf(one);
  return total;
}
