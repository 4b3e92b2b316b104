import { diagnostics } from '../contracts/diagnostics.js';
import { PeerError, type PeerErrorCode } from '../contracts/errors.js';
import type { SocketAddress } from '../contracts/socket-address.js';
import type { Link, TransportListener } from '../contracts/transport.js';
import type { Timer } from '../contracts/clock.js';
import type { Kernel } from '../connection/kernel.js';
import { CancellationSource } from '../mechanisms/cancellation.js';
import { RateLimited } from '../mechanisms/rate-limited.js';
import { setUpConnection, shuttingDown } from './connection-setup.js';

const ACCEPT_ERROR_LOG_INTERVAL_MS = 1_000;

/** A link that waits, paused, for a setup slot. */
interface WaitingLink {
  readonly link: Link;
  readonly sinceMs: number;
}

/**
 * The inbound side: takes links from the transport and starts their setup.
 *
 * Node cannot stop accepting while it listens. Links beyond the setup budget (or while the node holds
 * too many bytes) wait in a line, which is `listenBacklog` long and `handshakeTimeoutMs` patient;
 * beyond that they are reset, and counted. INVARIANT: bounded-setups.
 */
export class Listener {
  readonly #kernel: Kernel;
  readonly #line: WaitingLink[] = [];
  readonly #acceptErrorLog: RateLimited;
  /** For the head of the line: all wait equally long, so it is the first to give up. */
  #patience: Timer | undefined;
  #transportListener: TransportListener | undefined;
  /** A start under way: a second one is refused, and a stop waits for it. */
  #starting: Promise<unknown> | undefined;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#acceptErrorLog = new RateLimited(kernel.clock, ACCEPT_ERROR_LOG_INTERVAL_MS);
    kernel.table.onSetupSlotFree = () => this.#admitWaiting();
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
        onLink: (link) => this.#onLink(link),
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
    for (const { link } of this.#line.splice(0)) {
      this.#kernel.heuristics.refusedByShutdown++;
      this.#refuse(link, 'P2P_ERR_SHUTTING_DOWN');
    }
    this.#watchHead();
    return { drained: listener?.close() ?? Promise.resolve() };
  }

  #onLink(link: Link): void {
    const { table, heuristics, config } = this.#kernel;
    this.#kernel.own(link);
    heuristics.accepted++;
    // INVARIANT: limits-before-hooks. Who has no chance is refused before waiting.
    const refusal = table.refusal(link.address);
    if (refusal !== undefined) {
      this.#refuseByLimit(link, refusal);
    } else if (!this.#mustWait() && this.#line.length === 0) {
      this.#setUp(link);
    } else if (this.#line.length < config.listenBacklog) {
      this.#line.push({ link, sinceMs: this.#kernel.clock.now() });
      this.#watchHead();
    } else {
      heuristics.waitingLineFull++;
      this.#refuse(link, 'waiting-line-full');
    }
  }

  #mustWait(): boolean {
    return this.#kernel.table.setupBudgetIsSpent || this.#kernel.budget.exceeded;
  }

  #setUp(link: Link): void {
    const slot = this.#kernel.table.reserve(link.address);
    if (typeof slot === 'string') {
      this.#refuseByLimit(link, slot);
      return;
    }
    const cancellation = new CancellationSource();
    // A setup that fails is counted and logged where it fails.
    void this.#kernel.track(cancellation, () =>
      setUpConnection(this.#kernel, { link, direction: 'inbound', slot, cancellation }),
    );
  }

  readonly #onRelief = (): void => this.#admitWaiting();

  #admitWaiting(): void {
    if (this.#line.length === 0) return;
    while (this.#line.length > 0 && !this.#mustWait()) {
      const { link } = this.#line.shift()!;
      if (!link.stream.destroyed) this.#setUp(link);
      else this.#kernel.heuristics.handshakeFailures++; // gone while it waited
    }
    this.#watchHead();
  }

  /** Keeps what wakes the line: the timer for its head, and the relief of the byte budget. */
  #watchHead(): void {
    this.#patience?.cancel();
    this.#patience = undefined;
    const head = this.#line[0];
    if (head === undefined) {
      this.#kernel.budget.forget(this.#onRelief);
      return;
    }
    if (this.#kernel.budget.exceeded) this.#kernel.budget.onRelief(this.#onRelief);
    const { handshakeTimeoutMs } = this.#kernel.config;
    const leftMs = head.sinceMs + handshakeTimeoutMs - this.#kernel.clock.now();
    this.#patience = this.#kernel.clock.setTimeout(this.#expireHead, Math.max(leftMs, 0));
  }

  readonly #expireHead = (): void => {
    const now = this.#kernel.clock.now();
    const { handshakeTimeoutMs } = this.#kernel.config;
    while (this.#line.length > 0 && now - this.#line[0]!.sinceMs >= handshakeTimeoutMs - 1) {
      const { link } = this.#line.shift()!;
      this.#kernel.heuristics.waitingLineTimeouts++;
      this.#refuse(link, 'waiting-line-timeout');
    }
    this.#watchHead();
  };

  #refuseByLimit(link: Link, code: PeerErrorCode): void {
    if (code === 'P2P_ERR_SHUTTING_DOWN') this.#kernel.heuristics.refusedByShutdown++;
    else this.#kernel.heuristics.refusedByLimit++;
    this.#refuse(link, code);
  }

  #refuse(link: Link, cause: string): void {
    link.reset();
    this.#kernel.logger.debug({ peer: link.address.toString(), cause }, 'inbound connection refused');
    if (diagnostics.connectionRefused.hasSubscribers) {
      const { name } = this.#kernel.config;
      diagnostics.connectionRefused.publish({
        node: name,
        address: link.address,
        direction: 'inbound',
        cause,
      });
    }
  }

  #onAcceptError(error: Error): void {
    this.#kernel.heuristics.acceptErrors++;
    this.#acceptErrorLog.run((suppressed) => {
      this.#kernel.logger.error({ error, suppressed }, 'accepting a connection failed');
    });
  }
}
