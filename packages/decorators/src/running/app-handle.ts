import type { CloseReport, DrainOptions, DrainReport, Logger } from '@pea2pea/core';
import type { Container, ServiceIdentifier } from 'inversify';
import { nameOfClass, type PeerClass } from '../declarations/peer-class.js';
import { notInApp } from './app-peers.js';
import { Closable } from './closable.js';
import type { ClassOf } from './node-of.js';
import type { PeerHandle } from './peer-handle.js';

/** An application that is up, and what it takes to end it. */
export interface RunningApp {
  readonly container: Container;
  readonly handles: ReadonlyMap<PeerClass, PeerHandle<object>>;
  readonly logger: Logger;
  stop(options: { readonly timeoutMs?: number }): Promise<CloseReport[]>;
}

/** A running application: its peers, its services, and the way to end them all. {@link createApp} returns one. */
export class AppHandle extends Closable<CloseReport[]> {
  readonly #running: RunningApp;

  constructor(running: RunningApp) {
    super();
    this.#running = running;
  }

  /** The handles of its peers, in the order of `peers`. */
  get peers(): readonly PeerHandle<object>[] {
    return [...this.#running.handles.values()];
  }

  /** The handle of a peer of this application. @throws {PeerError} P2P_ERR_NOT_A_PEER when it is not one */
  peer<T extends object, Args extends readonly unknown[]>(target: ClassOf<T, Args>): PeerHandle<T, Args> {
    const handle = this.#running.handles.get(target);
    if (handle === undefined) throw notInApp(nameOfClass(target));
    return handle as PeerHandle<T, Args>;
  }

  /**
   * What the application's container has for `service`.
   * @throws what inversify throws when it has none, or makes it asynchronously
   */
  get<S>(service: ServiceIdentifier<S>): S {
    return this.#running.container.get(service);
  }

  /**
   * Ends the application. Resolves with the reports of the peers' nodes, in the order of `peers`.
   *
   * ```text
   *   services, last first: @OnStop, disposed of -> peers, last first: closed -> all else that the application's
   *   container made, in the reverse order of its making
   * ```
   *
   * note: calling it again joins the first call.
   * @default timeoutMs the `closeTimeoutMs` of each peer; it bounds each peer and each disposal by itself
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG when an option makes no sense; all stays up
   * @throws what an `@OnStop` or a disposal throws, the first of them; all is closed nevertheless
   */
  override close(options: { readonly timeoutMs?: number } = {}): Promise<CloseReport[]> {
    return this.closeOnce(options, () => this.#running.stop(options));
  }

  /**
   * Ends the application in peace: its peers drain together, see `PeerNode.drain`, while its services are up; then it closes.
   * Resolves with the reports of the peers' nodes, in the order of `peers`.
   *
   * note: {@link close} ends the waiting.
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG when an option makes no sense; all stays up
   * @throws what {@link close} throws
   */
  override async drain(options: DrainOptions = {}): Promise<DrainReport[]> {
    const reports = await Promise.all(
      this.peers.map(({ node }) => node.drain({ ...options, keepOpen: true })),
    );
    if (options.keepOpen === true) return reports;
    const closed = await this.close();
    return reports.map((report, index) => ({ ...report, close: closed[index] }));
  }

  protected override closingFailed(error: unknown): void {
    this.#running.logger.error({ err: error }, 'closing failed');
  }
}
