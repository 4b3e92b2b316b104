import type { CloseReport, PeerNode, SocketAddress } from '@pea2pea/core';

/** A peer that is up, with its node, and the count of messages that no method took. */
export interface RunningPeer<T> {
  readonly peer: T;
  readonly node: PeerNode<unknown>;
  readonly unmatched: { readonly count: number };
}

/**
 * A running peer: the instance, its node, and the way to end both. {@link createPeer} and {@link startPeer} answer one.
 */
export class PeerHandle<T extends object> {
  /** The instance of the annotated class. */
  readonly peer: T;
  /** Its node: `connect`, `broadcast`, `connections`. Untyped, as the class does not tell what its codec carries. */
  readonly node: PeerNode<unknown>;
  /**
   * Settles as {@link close} does, whoever calls it, a signal included: `await handle.closed` is where a program
   * that serves goes on to its end.
   */
  readonly closed: Promise<CloseReport>;
  readonly #settleClosed: (closing: Promise<CloseReport>) => void;
  readonly #unmatched: { readonly count: number };
  readonly #dispose: () => Promise<void>;
  readonly #signals = new Set<NodeJS.Signals>();
  #closing: Promise<CloseReport> | undefined;
  #isClosed = false;

  constructor(running: RunningPeer<T>, dispose: () => Promise<void> = () => Promise.resolve()) {
    this.peer = running.peer;
    this.node = running.node;
    this.#unmatched = running.unmatched;
    this.#dispose = dispose;
    let settle!: (closing: Promise<CloseReport>) => void;
    this.closed = new Promise((resolve) => (settle = resolve));
    this.closed.catch(() => {}); // who does not wait for it does not care
    this.#settleClosed = settle;
  }

  /** Where the node listens now. */
  get address(): SocketAddress | undefined {
    return this.node.address;
  }

  /**
   * How many messages no method took, over all connections: dropped with `unmatched: 'ignore'`, else each the end of
   * its connection, unless `@OnError` kept it. It only rises.
   */
  get unmatched(): number {
    return this.#unmatched.count;
  }

  /**
   * Closes the node, then disposes of what was made for the peer: its `@preDestroy` runs when no hook will be
   * called any more. Answers what the node reports.
   *
   * note: calling it again joins the first call.
   * @default timeoutMs `closeTimeoutMs` of the configuration; it bounds the node, not `@preDestroy`
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG when `timeoutMs` makes no sense
   * @throws what a `@preDestroy` throws; the node is closed nevertheless
   */
  close(options?: { readonly timeoutMs?: number }): Promise<CloseReport> {
    if (this.#closing !== undefined) return this.#closing;
    const nodeClosed = this.node.close(options);
    if (this.node.state === 'idle' || this.node.state === 'open') return nodeClosed; // refused: bad options
    this.#closing = this.#finish(nodeClosed);
    this.#settleClosed(this.#closing);
    return this.#closing;
  }

  /**
   * Closes when the process gets one of `signals`: `handle.closeOn('SIGINT', 'SIGTERM')`. The process then ends by
   * itself if nothing else keeps it.
   *
   * note: a signal that is listened to does not end the process, and a repeated one joins the first. The listeners go
   * when `close` is done, whoever called it; from then on a signal does what it does by default.
   */
  closeOn(...signals: readonly NodeJS.Signals[]): this {
    for (const signal of signals) {
      if (this.#isClosed || this.#signals.has(signal)) continue;
      this.#signals.add(signal);
      process.on(signal, this.#processOnSignal);
    }
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  readonly #processOnSignal = (): void => {
    this.close().catch((error: unknown) => {
      this.node.config.logger.error({ node: this.node.name, error }, 'closing on a signal failed');
    });
  };

  async #finish(nodeClosed: Promise<CloseReport>): Promise<CloseReport> {
    try {
      const report = await nodeClosed;
      await this.#dispose();
      return report;
    } finally {
      this.#isClosed = true;
      for (const signal of this.#signals) process.off(signal, this.#processOnSignal);
      this.#signals.clear();
    }
  }
}
