import type { Duplex } from 'node:stream';
import { requireKnown } from './authoring/checks.js';
import { defer, markHandled } from './authoring/deferred.js';
import type { Connection } from './contracts/connection.js';
import { diagnostics } from './contracts/diagnostics.js';
import type { NodeConfig, ResolvedConfig } from './contracts/config.js';
import { PeerError } from './errors/errors.js';
import type { Hooks } from './contracts/hooks.js';
import type { Logger } from './contracts/logger.js';
import type { Heuristics } from './contracts/counters.js';
import type { PluginKey, PluginUse } from './contracts/plugin.js';
import { SocketAddress, type AddressLike } from './net/socket-address.js';
import type { NodeInside } from './contracts/inside.js';
import type { NodeState } from './contracts/node-state.js';
import type { Stats } from './contracts/stats.js';
import { PeerConnection } from './connection/connection.js';
import { TableView, type ConnectionsView } from './connection/connections-view.js';
import { discard } from './connection/foreign-stream.js';
import { Kernel } from './connection/kernel.js';
import { checkAccept, type AcceptOptions } from './flows/accept-arguments.js';
import { checkConnect } from './flows/connect-arguments.js';
import { checkListen, type ListenOptions } from './flows/listen-arguments.js';
import { dial, type ConnectOptions } from './flows/dialer.js';
import type { DrainOptions, DrainReport } from './flows/drain.js';
import { Ending } from './flows/ending.js';
import { Inside } from './flows/inside.js';
import { Listener } from './flows/listener.js';
import type { CloseReport } from './flows/shutdown.js';
import { shuttingDown } from './flows/connection-setup.js';
import { disconnect } from './flows/teardown.js';
import { encodeOnce, excluded } from './flows/broadcast.js';
import { detach, renegotiate } from './flows/renegotiation.js';
import { chainHooks, requireHooks } from './mechanisms/hook-chain.js';
import { Life } from './mechanisms/life.js';
import { isPluginUse, PluginList } from './mechanisms/plugin-list.js';
import { resolveConfig } from './resolve-config.js';

/**
 * A node: it listens, dials, and owns the life of every connection.
 *
 * ```ts
 * const node = new PeerNode({ codec: lines() }).use({ onMessage: (line, from) => void from.trySend(line) });
 * await node.listen({ host: '127.0.0.1', port: 4000 });
 * ```
 */
export class PeerNode<In, Out = In> {
  /** All options, defaults filled in; frozen. */
  readonly config: ResolvedConfig<In, Out>;
  /** The connections that are open or closing, by address. */
  readonly connections: ConnectionsView<In, Out>;
  readonly #kernel: Kernel;
  readonly #listener: Listener;
  readonly #hooks: Hooks<In, Out>[] = [];
  readonly #plugins = new PluginList();
  readonly #life: Life;
  readonly #ending: Ending;
  #isOpen = false;
  #starting: Promise<void> | undefined;

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
  constructor(config: NodeConfig<In, Out>) {
    this.config = resolveConfig(config);
    const kernel: Kernel = new Kernel(this.config, {
      disconnect: (connection, reason) => disconnect(kernel, connection, reason),
      renegotiate: (connection, hook, options) => renegotiate(kernel, connection, hook, options),
      detach: (connection) => detach(kernel, connection),
    });
    this.#kernel = kernel;
    this.#listener = new Listener(kernel);
    this.#life = new Life(kernel.clock, kernel.logger, this.config.startTimeoutMs);
    this.#ending = new Ending(kernel, this.#listener, this.#life);
    this.connections = new TableView<In, Out>(kernel.table);
    const { maxConnecting = 0 } = config;
    if (maxConnecting > this.config.maxConnecting) {
      kernel.logger.debug({ maxConnecting }, 'maxConnecting is clamped to maxConnections');
    }
    if (diagnostics.nodeMade.hasSubscribers) {
      diagnostics.nodeMade.publish({ ...kernel.about, counters: this.heuristics, stats: this.stats });
    }
  }

  /** The name of the node, for logs and channels. */
  get name(): string {
    return this.config.name;
  }

  /** Where the node is in its life. */
  get state(): NodeState {
    return this.#ending.state ?? (this.#isOpen ? 'open' : 'idle');
  }

  /**
   * The logger of the configuration with the name of the node in every line, for what is built on the node. It never
   * throws, whatever the one underneath does.
   */
  get logger(): Logger {
    return this.#kernel.logger;
  }

  /** Where it listens now: of several places the first. */
  get address(): SocketAddress | undefined {
    return this.#kernel.listening[0];
  }

  /** All addresses at which it listens now, in the order in which they were asked for. */
  get listening(): readonly SocketAddress[] {
    return this.#kernel.listening;
  }

  /** Connections being set up, both directions. */
  get connecting(): number {
    return this.#kernel.table.connecting;
  }

  /** Traffic over all connections, those that ended included. */
  get stats(): Stats {
    return this.#kernel.traffic;
  }

  /** Counts of what hooks cannot see. */
  get heuristics(): Readonly<Heuristics> {
    return this.#kernel.heuristics;
  }

  /** Bytes held over all connections, both directions together; `maxBufferedBytes` bounds each of them. */
  get bufferedBytes(): number {
    return this.#kernel.inbound.used + this.#kernel.outbound.used;
  }

  /** What of the node only pages and exporters ask for: `snapshot` of `@pea2pea/observe` has all of it as plain data. */
  get inside(): NodeInside {
    return new Inside(this.#kernel, this.#listener, this.#plugins, this.#ending);
  }

  /** Whether a connection with the peer at `address` is being set up. @throws {PeerError} P2P_ERR_INVALID_ADDRESS */
  isConnecting(address: AddressLike): boolean {
    return this.#kernel.table.isConnecting(SocketAddress.from(address));
  }

  /**
   * Adds hooks, or a plugin; those of several calls run in the order of the calls, `onDisconnect` and `onStop` in reverse.
   *
   * note: a plugin is made now, with this node and its options: {@link plugin} returns it.
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG for a hook that is not a function, and as the plugin says,
   * P2P_ERR_INVALID_PLUGIN for one that is there already, P2P_ERR_ALREADY_STARTED after the start
   */
  use(hooks: Hooks<In, Out> | PluginUse): this {
    const isPlugin = isPluginUse(hooks);
    if (!isPlugin) requireHooks(hooks);
    if (this.state !== 'idle') {
      throw new PeerError('P2P_ERR_ALREADY_STARTED', `the node ${this.name} has started`);
    }
    if (isPlugin) return this.#usePlugin(hooks);
    this.#plugins.add(hooks);
    this.#hooks.push(hooks);
    return this;
  }

  /**
   * The plugin that this node uses: `node.plugin(bans).ban('203.0.113.7')`. It is found by what {@link definePlugin}
   * returned, or by its class, which may be a base of it; of several the first.
   * @throws {PeerError} P2P_ERR_MISSING_PLUGIN, P2P_ERR_INVALID_PLUGIN for what is neither
   */
  plugin<T extends object>(key: PluginKey<T>): T {
    return this.#plugins.find(key);
  }

  /**
   * Starts the node without listening: from here on hooks are fixed, and `onStart` hooks run. Calling it again joins the
   * first call; the first `listen` or `connect` does it, too.
   *
   * note: a start that fails closes the node.
   * @throws {PeerError} P2P_ERR_PLUGIN_ORDER, P2P_ERR_MISSING_PLUGIN, P2P_ERR_START_TIMEOUT, P2P_ERR_SHUTTING_DOWN
   * @throws what an `onStart` throws
   */
  async start(): Promise<void> {
    if (this.#ending.state !== undefined) throw shuttingDown(this.#kernel);
    this.#open();
    await (this.#begin() ?? this.#starting);
  }

  /**
   * Listens; resolves with the address, which has the port that was picked where 0 was asked for. Further calls make it listen at
   * further places.
   *
   * note: can be switched off ({@link stopListening}) and on again, any number of times.
   * @throws {PeerError} P2P_ERR_NO_LISTEN_ADDRESS, P2P_ERR_INVALID_ADDRESS, P2P_ERR_ALREADY_LISTENING where it listens there already,
   * P2P_ERR_INVALID_CONFIG naming the option, P2P_ERR_LISTEN_FAILED, P2P_ERR_UNSUPPORTED, P2P_ERR_SHUTTING_DOWN,
   * else as {@link start}
   */
  async listen(options: ListenOptions = {}): Promise<SocketAddress> {
    const { address, isUsual } = checkListen(options, this.config);
    if (this.#ending.state !== undefined) throw shuttingDown(this.#kernel);
    this.#open();
    const { places } = this.#listener;
    const bound = await places.start(address, isUsual, () => this.#ending.state !== undefined);
    if (this.#starting === undefined) await places.settled(); // `onStart` hooks find all listeners that were asked for at once
    await this.#begin();
    return bound;
  }

  /**
   * Stops listening, at `address` or everywhere; connections and setups live on. The port is free, and the file of a Unix socket
   * removed, when this resolves. False where it did not listen.
   * @throws {PeerError} P2P_ERR_INVALID_ADDRESS
   */
  async stopListening(address?: AddressLike): Promise<boolean> {
    const which = address === undefined ? undefined : SocketAddress.from(address);
    await this.#listener.places.settled();
    return this.#listener.stop(which).stopped > 0;
  }

  /**
   * Connects; resolves when the connection is usable. It does not wait for `onConnect` to finish.
   *
   * note: a name is resolved first; the connection's address is the IP address.
   * @throws {PeerError} P2P_ERR_INVALID_ADDRESS, P2P_ERR_INVALID_CONFIG naming the option, P2P_ERR_SELF_CONNECT, P2P_ERR_ALREADY_CONNECTED,
   * P2P_ERR_ALREADY_CONNECTING, P2P_ERR_TOO_MANY_CONNECTIONS, P2P_ERR_TOO_MANY_CONNECTIONS_PER_IP,
   * P2P_ERR_TOO_MANY_CONNECTING, P2P_ERR_CONNECT_FAILED, P2P_ERR_CONNECT_TIMEOUT, P2P_ERR_HANDSHAKE_FAILED,
   * P2P_ERR_HANDSHAKE_REJECTED, P2P_ERR_HANDSHAKE_TIMEOUT, P2P_ERR_HANDSHAKE_ENDED, P2P_ERR_ABORTED,
   * P2P_ERR_SHUTTING_DOWN, else as {@link start}
   */
  connect(address: AddressLike, options: ConnectOptions = {}): Promise<Connection<In, Out>> {
    return markHandled(this.#connect(address, options));
  }

  /**
   * Takes a connected stream as a peer that has dialled: an HTTP upgrade, a socket of another server, the standard streams of
   * a process. Resolves when the connection is usable.
   *
   * ```ts
   * httpServer.on('upgrade', (request, socket, head) => void node.accept(socket, { head }));
   * ```
   *
   * note: all that holds for inbound peers holds for this one: limits, the waiting line, `onAccept`, handshakes.
   * note: the node owns the stream from here, and destroys it also where this rejects.
   * @throws {PeerError} P2P_ERR_INVALID_ADDRESS where the stream has no remote address and none was given,
   * P2P_ERR_INVALID_CONFIG naming the option; P2P_ERR_ALREADY_CONNECTED, P2P_ERR_ALREADY_CONNECTING, P2P_ERR_TOO_MANY_CONNECTIONS,
   * P2P_ERR_TOO_MANY_INBOUND, P2P_ERR_TOO_MANY_CONNECTIONS_PER_IP, P2P_ERR_TOO_MANY_CONNECTING, P2P_ERR_HANDSHAKE_FAILED,
   * P2P_ERR_HANDSHAKE_REJECTED, P2P_ERR_HANDSHAKE_TIMEOUT, P2P_ERR_HANDSHAKE_ENDED, P2P_ERR_SHUTTING_DOWN, else as {@link start}
   */
  accept(stream: Duplex, options: AcceptOptions = {}): Promise<Connection<In, Out>> {
    return markHandled(this.#accept(stream, options));
  }

  /**
   * Ends a connection that is given, or all with an address: see {@link Connection.disconnect}.
   * False where there is none, or where each teardown had begun.
   * @throws {PeerError} P2P_ERR_INVALID_ADDRESS
   */
  async disconnect(target: AddressLike | Connection<In, Out>, why?: string | PeerError): Promise<boolean> {
    const connections =
      target instanceof PeerConnection ? [target] : this.connections.all(target as AddressLike);
    const ended = await Promise.all(connections.map((connection) => connection.disconnect(why)));
    return ended.includes(true);
  }

  /**
   * Queues `message` for every open connection, but those in `except`; returns for how many.
   *
   * note: connections whose queue is full are skipped.
   * note: a codec that `statelessEncoder` encodes once for all.
   * @throws {PeerError} the encoder's own, P2P_ERR_ENCODE_FAILED for anything else that it throws; P2P_ERR_INVALID_CONFIG for
   * options that nobody knows
   */
  broadcast(
    message: Out,
    options?: { readonly except?: Connection<In, Out> | Iterable<Connection<In, Out>> },
  ): number {
    if (options !== undefined) requireKnown('the options of broadcast()', options, ['except']);
    const except = excluded(options?.except);
    const send = encodeOnce(this.#kernel, message);
    let queued = 0;
    for (const connection of this.#kernel.table) {
      if (connection.state === 'open' && !except.has(connection.id) && send(connection)) queued++;
    }
    return queued;
  }

  /**
   * Aborts when {@link close} begins, with P2P_ERR_SHUTTING_DOWN as `reason`: for what is built on the node and has
   * timers of its own. Made on first use.
   */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /**
   * Ends the node: listener, setups, what `onStart` began, then all connections at once with the reason `shutdown`.
   * Resolves within `timeoutMs`, and a quarter of a second for the system to close what was cut, whatever
   * user code does; the report names what had to be cut.
   *
   * note: calling it again joins the first call.
   * note: may be called from inside a hook. An `onDisconnect` that awaits it waits for itself and is
   * cut off at its own timeout.
   * @default timeoutMs `closeTimeoutMs` of the configuration
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG when `timeoutMs` makes no sense
   */
  close(options: { readonly timeoutMs?: number } = {}): Promise<CloseReport> {
    return this.#ending.close(options);
  }

  /**
   * Ends the node in peace: it is not ready any more (`state` is `draining`), then stops listening, lets handlers, requests and all
   * that {@link Connection.hold} announced finish, and closes. `onDrain` hooks hear of it.
   *
   * note: connections of inbound peers end when nobody works for them; those that this side dialled, with the node, as handlers
   * may need them until then. Nothing else is refused: handlers may dial.
   * note: messages that wait for a handler are not handled any more.
   * note: `close()` ends the waiting. Calling it again joins the first call; the options of that hold.
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
   */
  drain(options: DrainOptions = {}): Promise<DrainReport> {
    return this.#ending.drain(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #connect(address: AddressLike, options: ConnectOptions): Promise<Connection<In, Out>> {
    const target = checkConnect(address, options);
    if (!this.#ending.hasBegun) {
      this.#open();
      const starting = this.#begin();
      if (starting !== undefined) await starting;
    }
    return (await dial(this.#kernel, target, options)) as Connection<unknown> as Connection<In, Out>;
  }

  async #accept(stream: Duplex, options: AcceptOptions): Promise<Connection<In, Out>> {
    const accepted = checkAccept(stream, options);
    try {
      if (!this.#ending.hasBegun) {
        this.#open();
        const starting = this.#begin();
        if (starting !== undefined) await starting;
      }
    } catch (error) {
      discard(() => accepted.link.reset());
      throw error;
    }
    return (await this.#listener.accept(accepted)) as Connection<unknown> as Connection<In, Out>;
  }

  #usePlugin({ class: Class, options }: PluginUse): this {
    this.#plugins.requireNew(Class);
    return this.use(new Class(this as never, ...(options as never)));
  }

  /** Fixes the hooks. @throws {PeerError} P2P_ERR_PLUGIN_ORDER, P2P_ERR_MISSING_PLUGIN; they can be mended then */
  #open(): void {
    if (this.#isOpen) return;
    this.#plugins.checkOrder();
    this.#kernel.hooks = chainHooks(this.#hooks);
    this.#isOpen = true;
  }

  /** Runs `onStart` hooks, once. Undefined for later calls, which do not wait, as a hook may make them. */
  #begin(): Promise<void> | undefined {
    if (this.#starting !== undefined) return undefined;
    // Known before anything begins: what begins may connect, and joins.
    const starting = defer();
    this.#starting = starting.promise;
    const beginning = this.#life.start(this.#hooks);
    if (beginning === undefined) {
      this.#kernel.hasStarted = true;
      starting.resolve();
      return undefined;
    }
    beginning.then(
      () => {
        this.#kernel.hasStarted = true;
        starting.resolve();
      },
      async (error: Error) => {
        await this.close();
        starting.reject(error);
      },
    );
    return starting.promise;
  }
}
