import type { CounterName } from '../contracts/counters.js';
import type { PeerErrorCode } from '../errors/error-table.js';
import { entryOf } from '../errors/error-registry.js';
import { PeerError } from '../errors/errors.js';
import type { SocketAddress } from '../net/socket-address.js';
import type { Link } from '../contracts/transport.js';
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
import { ListeningPlaces } from './listening-places.js';

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
  /** Where the node listens. */
  readonly places: ListeningPlaces;
  readonly #kernel: Kernel;
  /** Links that wait, paused, for a setup slot. */
  readonly #line: WaitingLine<Link>;
  readonly #acceptErrorLog: LogThrottle;
  /** Links that somebody brought along, and waits for. */
  readonly #brought = new Map<Link, Brought>();

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
    this.places = new ListeningPlaces(kernel, {
      onLink: (link) => {
        kernel.own(link);
        this.#onLink(link);
      },
      onPeerGone: () => void kernel.heuristics.goneBeforeAccept++,
      onAcceptError: (error) => this.#onAcceptError(error),
    });
    kernel.table.onSetupSlotFree = (group) => {
      if (group !== undefined) this.#line.reconsider(group);
      this.#admitWaiting();
    };
  }

  /** Links that wait for a setup slot. */
  get waiting(): number {
    return this.#line.size;
  }

  /**
   * Stops taking links, at one address or everywhere. Setups and connections live on; links that wait are reset where the
   * node listens nowhere any more. The inner promise, once the listeners closed, resolves when their last link has ended, too.
   */
  stop(address?: SocketAddress): { readonly stopped: number; readonly drained: Promise<unknown> } {
    const closing = this.places.stop(address);
    if (!this.#kernel.table.acceptsInbound) {
      for (const link of this.#line.clear()) this.#refuseByLimit(link, 'P2P_ERR_SHUTTING_DOWN');
    }
    return { stopped: closing.length, drained: Promise.all(closing) };
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
    const about = { address: link.address, direction: 'inbound', phase: 'handshaking' } as const;
    const setup = this.#kernel.track(cancellation, about, () =>
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
