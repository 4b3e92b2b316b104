import type { CounterName } from '../contracts/counters.js';
import { diagnostics } from '../contracts/diagnostics.js';
import type { PeerErrorCode } from '../errors/error-table.js';
import { entryOf } from '../errors/error-registry.js';
import { PeerError } from '../errors/errors.js';
import type { SocketAddress } from '../net/socket-address.js';
import type { Link, TransportListener } from '../contracts/transport.js';
import type { Kernel } from '../connection/kernel.js';
import { CancellationSource } from '../authoring/cancellation.js';
import { LogThrottle } from '../authoring/log-throttle.js';
import { WaitingLine } from '../mechanisms/waiting-line.js';
import { defer, markHandled, type Deferred } from '../authoring/deferred.js';
import type { ConnectionContext } from '../contracts/connection-context.js';
import type { PeerConnection } from '../connection/connection.js';
import type { Accepted } from './accept-arguments.js';
import { discard } from '../connection/foreign-stream.js';
import { setUpConnection, shuttingDown } from './connection-setup.js';

const ACCEPT_ERROR_LOG_INTERVAL_MS = 1_000;

/** What a link was brought along with, and who waits for its connection. */
interface Brought {
  readonly context: ConnectionContext;
  readonly parallel: boolean;
  readonly outcome: Deferred<PeerConnection>;
}

/**
 * The inbound side: takes links from the transport and starts their setup.
 *
 * Node cannot stop accepting while it listens. Links beyond the setup budget, or beyond the share of their address
 * group, wait in a line, which is `listenBacklog` long and `handshakeTimeoutMs` patient; beyond that
 * they are reset, and counted. INVARIANT: bounded-setups, fair-shares.
 */
export class Listener {
  readonly #kernel: Kernel;
  /** Links that wait, paused, for a setup slot. */
  readonly #line: WaitingLine<Link>;
  readonly #acceptErrorLog: LogThrottle;
  #transportListener: TransportListener | undefined;
  /** Links that somebody brought along, and waits for. */
  readonly #brought = new Map<Link, Brought>();
  /** A start under way: a second one is refused, and a stop waits for it. */
  #starting: Promise<unknown> | undefined;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#acceptErrorLog = new LogThrottle(kernel.clock, ACCEPT_ERROR_LOG_INTERVAL_MS);
    const { listenBacklog, maxWaitingPerIp, handshakeTimeoutMs } = kernel.config;
    this.#line = new WaitingLine<Link>(
      kernel.clock,
      { places: listenBacklog, placesPerGroup: maxWaitingPerIp, patienceMs: handshakeTimeoutMs },
      (link, why) => {
        if (why === 'expired') this.#refuse(link, 'waiting-line-timeout', 'waitingLineTimeouts');
        else this.#refuse(link, 'waiting-line-full', 'waitingLineFull');
      },
    );
    kernel.table.onSetupSlotFree = (group) => {
      if (group !== undefined) this.#line.reconsider(group);
      this.#admitWaiting();
    };
  }

  get address(): SocketAddress | undefined {
    return this.#transportListener?.address;
  }

  /** @throws {PeerError} P2P_ERR_ALREADY_LISTENING, P2P_ERR_LISTEN_FAILED, P2P_ERR_UNSUPPORTED, P2P_ERR_SHUTTING_DOWN */
  async start(address: SocketAddress, isClosing: () => boolean): Promise<SocketAddress> {
    if (this.#starting !== undefined || this.#transportListener !== undefined) {
      throw new PeerError(
        'P2P_ERR_ALREADY_LISTENING',
        `the node already listens at ${this.address ?? address}`,
      );
    }
    const starting = this.#start(address, isClosing);
    this.#starting = starting;
    try {
      return await starting;
    } finally {
      this.#starting = undefined;
    }
  }

  async #start(address: SocketAddress, isClosing: () => boolean): Promise<SocketAddress> {
    const { transport, listenBacklog, reusePort, noDelay, keepAlive, name } = this.#kernel.config;
    const listener = await transport.listen(
      { address, backlog: listenBacklog, reusePort, noDelay, keepAlive },
      {
        onLink: (link) => {
          this.#kernel.own(link);
          this.#onLink(link);
        },
        onPeerGone: () => void this.#kernel.heuristics.goneBeforeAccept++,
        onAcceptError: (error) => this.#onAcceptError(error),
      },
    );
    if (isClosing()) {
      await listener.close();
      throw shuttingDown(this.#kernel);
    }
    this.#transportListener = listener;
    this.#kernel.listenAddress = listener.address;
    this.#kernel.table.acceptsInbound = true;
    this.#kernel.logger.info({ address: listener.address.toString() }, 'listening');
    if (diagnostics.listen.hasSubscribers) {
      diagnostics.listen.publish({ node: name, address: listener.address });
    }
    return listener.address;
  }

  /** Resolves when a start that is under way has ended, one way or the other. */
  async settled(): Promise<void> {
    await this.#starting?.catch(() => {});
  }

  /**
   * Stops taking links; those that wait are reset, setups and connections live on.
   * The inner promise, once the listener closed, resolves when its last link has ended, too.
   */
  stop(): { readonly drained: Promise<void> } {
    const listener = this.#transportListener;
    this.#transportListener = undefined;
    this.#kernel.listenAddress = undefined;
    this.#kernel.table.acceptsInbound = false;
    for (const link of this.#line.clear()) {
      this.#refuseByLimit(link, 'P2P_ERR_SHUTTING_DOWN');
    }
    return { drained: listener?.close() ?? Promise.resolve() };
  }

  /** Takes a link that somebody brought along, as any other. @throws {PeerError} why there is no connection */
  accept({ link, context, parallel }: Accepted): Promise<PeerConnection> {
    try {
      this.#kernel.own(link);
    } catch (error) {
      discard(() => link.reset());
      throw error;
    }
    const outcome = defer<PeerConnection>();
    this.#brought.set(link, { context, parallel, outcome });
    this.#onLink(link);
    return markHandled(outcome.promise);
  }

  #onLink(link: Link): void {
    const { table, heuristics } = this.#kernel;
    heuristics.accepted++;
    // INVARIANT: limits-before-hooks. Who has no chance is refused before waiting.
    const refusal = table.refusal(link.address, 'inbound', this.#brought.get(link)?.parallel);
    if (refusal !== undefined) {
      this.#refuseByLimit(link, refusal);
      return;
    }
    const group = table.groupOf(link.address);
    if (!this.#mustWait() && !this.#line.hasTurn && table.hasSetupShare(group)) {
      this.#setUp(link);
      return;
    }
    switch (this.#line.add(group, link)) {
      case 'added':
        this.#admitWaiting(); // passes over a group that has its share: it holds up nobody from now on
        break;
      case 'full':
        this.#refuse(link, 'waiting-line-full', 'waitingLineFull');
        break;
      case 'share-full':
        this.#refuse(link, 'waiting-line-share-full', 'waitingLineShareFull');
    }
  }

  #mustWait(): boolean {
    return !this.#kernel.table.hasInboundSetup;
  }

  #setUp(link: Link): void {
    const parallel = this.#brought.get(link)?.parallel;
    const slot = this.#kernel.table.reserve(link.address, 'inbound', parallel);
    if (typeof slot === 'string') {
      this.#refuseByLimit(link, slot);
      return;
    }
    const cancellation = new CancellationSource();
    const brought = this.#claim(link);
    const context = brought?.context;
    // A setup that fails is counted and logged where it fails.
    const setup = this.#kernel.track(cancellation, () =>
      setUpConnection(this.#kernel, {
        link,
        direction: 'inbound',
        slot,
        cancellation,
        ...(context !== undefined && { context }),
      }),
    );
    brought?.outcome.resolve(setup);
  }

  readonly #hasShare = (group: string): boolean => this.#kernel.table.hasSetupShare(group);

  #admitWaiting(): void {
    if (this.#line.size === 0) return;
    while (!this.#mustWait()) {
      const link = this.#line.take(this.#hasShare);
      if (link === undefined) break;
      if (!link.stream.destroyed) {
        this.#setUp(link);
      } else {
        this.#kernel.heuristics.handshakeFailures++; // gone while it waited
        this.#fail(link, 'P2P_ERR_HANDSHAKE_ENDED');
      }
    }
  }

  /** Who brought the link along, if anybody did. */
  #claim(link: Link): Brought | undefined {
    if (this.#brought.size === 0) return undefined;
    const brought = this.#brought.get(link);
    this.#brought.delete(link);
    return brought;
  }

  #fail(link: Link, code: PeerErrorCode): void {
    const outcome = this.#claim(link)?.outcome;
    outcome?.reject(
      code === 'P2P_ERR_SHUTTING_DOWN'
        ? shuttingDown(this.#kernel)
        : new PeerError(code, `cannot accept ${link.address}: ${entryOf(code)!.when}`),
    );
  }

  #refuseByLimit(link: Link, code: PeerErrorCode): void {
    const counter = code === 'P2P_ERR_SHUTTING_DOWN' ? 'refusedByShutdown' : 'refusedByLimit';
    this.#refuse(link, code, counter, code);
  }

  /** @param code what somebody is told who brought the link along */
  #refuse(
    link: Link,
    cause: string,
    counter: CounterName,
    code: PeerErrorCode = 'P2P_ERR_TOO_MANY_CONNECTING',
  ): void {
    discard(() => link.reset());
    this.#kernel.outcomes.refused(link.address, 'inbound', cause, counter);
    this.#fail(link, code);
  }

  #onAcceptError(error: Error): void {
    this.#kernel.heuristics.acceptErrors++;
    this.#acceptErrorLog.run((suppressed) => {
      this.#kernel.logger.error({ err: error, suppressed }, 'accepting a connection failed');
    });
  }
}
