import type { CloseReport, DrainOptions, DrainReport, PeerNode, SocketAddress } from '@pea2pea/core';
import type { Container, ServiceIdentifier } from 'inversify';
import { eachDespiteErrors } from '../wiring/each-despite-errors.js';
import type { PeerCaptives } from '../wiring/captive.js';
import type { Sessions } from '../wiring/sessions.js';
import { Closable } from './closable.js';
import type { NodeOf } from './node-of.js';
import { hostOf, within } from './within.js';

/** A peer that is up, and what it takes to end it. */
export interface RunningPeer<T> {
  readonly peer: T;
  readonly container: Container;
  readonly captives: PeerCaptives;
  readonly node: PeerNode<unknown>;
  readonly unmatched: { readonly count: number };
  readonly sessions: Sessions | undefined;
}

/**
 * A running peer: the instance, its node, and the way to end both. {@link createPeer} and {@link startPeer} return one.
 */
export class PeerHandle<
  T extends object,
  Args extends readonly unknown[] = readonly [],
> extends Closable<CloseReport> {
  /** The instance of the annotated class. */
  readonly peer: T;
  /** Its node: `connect`, `broadcast`, `connections`, typed as the class tells: see {@link NodeOf}. */
  readonly node: NodeOf<T, Args>;
  readonly #running: RunningPeer<T>;
  readonly #dispose: () => Promise<void>;

  constructor(running: RunningPeer<T>, dispose: () => Promise<void> = () => Promise.resolve()) {
    super();
    this.peer = running.peer;
    this.node = running.node;
    this.#running = running;
    this.#dispose = dispose;
    // Who closes the node by itself, from inside the peer for one, means all of it.
    running.node.signal.addEventListener('abort', this.#closeWithNode, { once: true });
  }

  /** Where the node listens now: of several places the first. */
  get address(): SocketAddress | undefined {
    return this.#running.node.address;
  }

  /** All addresses at which the node listens now. */
  get listening(): readonly SocketAddress[] {
    return this.#running.node.listening;
  }

  /**
   * How many messages no method took, over all connections: dropped with `unmatched: 'ignore'`, else each the end of
   * its connection, unless `@OnError` kept it. It only rises.
   */
  get unmatched(): number {
    return this.#running.unmatched.count;
  }

  /**
   * What the peer's container has for `service`: a plugin (`handle.get(Bans)`), or anything that is bound there.
   * @throws {PeerError} P2P_ERR_CAPTIVE_DEPENDENCY for a singleton that peers share and that depends on this one
   * @throws what inversify throws when it has none, or makes it asynchronously
   */
  get<S>(service: ServiceIdentifier<S>): S {
    this.#running.captives.check(service);
    return this.#running.container.get(service);
  }

  /**
   * Ends the peer. Resolves with what its node reports.
   *
   * ```text
   *   @OnStop: peer, then plugins in reverse -> connections ended -> sessions disposed of -> peer, plugins
   *   and their services disposed of, in the reverse order of their making
   * ```
   *
   * note: calling it again joins the first call.
   * note: not to be awaited by an `@OnStop` or a hook: it would wait for itself.
   * note: closing the node by itself (`PeerNode.close`) ends the peer, too.
   * @default timeoutMs `closeTimeoutMs` of the configuration; it bounds the closing of the node with `@OnStop`, then the
   * disposal; what takes longer is left to itself, with a line in the log
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG when an option makes no sense; the peer stays up
   * @throws what an `@OnStop` or a disposal throws, the first of them; all is closed nevertheless
   */
  override close(options: { readonly timeoutMs?: number } = {}): Promise<CloseReport> {
    return this.closeOnce(options, () => this.#finish(options));
  }

  /**
   * Ends the peer in peace: it is not ready any more, stops listening, lets handlers and requests finish, and closes as
   * {@link close} does, which ends the waiting. See `PeerNode.drain`.
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG when an option makes no sense; the peer stays up
   * @throws what {@link close} throws
   */
  override async drain(options: DrainOptions = {}): Promise<DrainReport> {
    const report = await this.#running.node.drain(options);
    if (options.keepOpen !== true) await this.close();
    return report;
  }

  protected override closingFailed(error: unknown): void {
    this.#running.node.logger.error({ err: error }, 'closing failed');
  }

  readonly #closeWithNode = (): void => {
    if (this.isClosing) return;
    this.close().catch((error: unknown) => this.closingFailed(error));
  };

  async #finish(options: { readonly timeoutMs?: number }): Promise<CloseReport> {
    const { node } = this.#running;
    const { timeoutMs = node.config.closeTimeoutMs } = options;
    let report!: CloseReport;
    await eachDespiteErrors([
      async () => {
        report = await node.close(options);
        if (report.stop.errors.length > 0) throw report.stop.errors[0];
      },
      () => within(hostOf(node), 'disposing', timeoutMs, this.#disposeOfAll()),
    ]);
    return report;
  }

  async #disposeOfAll(): Promise<void> {
    await this.#running.sessions?.settled();
    await this.#dispose();
  }
}
