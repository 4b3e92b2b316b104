/**
 * Something that runs until it is closed, by a call or by a signal of the process.
 */
export abstract class Closable<Report> {
  /**
   * Settles as `close` does, whoever calls it, a signal included: `await handle.closed` is where a program
   * that serves goes on to its end.
   */
  readonly closed: Promise<Report>;
  readonly #settleClosed: (closing: Promise<Report>) => void;
  readonly #signals = new Set<NodeJS.Signals>();
  #closing: Promise<Report> | undefined;
  #isClosed = false;

  constructor() {
    let settle!: (closing: Promise<Report>) => void;
    this.closed = new Promise((resolve) => (settle = resolve));
    this.closed.catch(() => {}); // who does not wait for it does not care
    this.#settleClosed = settle;
  }

  abstract close(): Promise<Report>;

  /** What is told about a close that failed and that nobody called. */
  protected abstract closingFailed(error: unknown): void;

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

  /** Runs `finish` in the first call; later ones join it. */
  protected closeOnce(finish: () => Promise<Report>): Promise<Report> {
    if (this.#closing === undefined) {
      this.#closing = this.#finish(finish);
      this.#settleClosed(this.#closing);
    }
    return this.#closing;
  }

  protected get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  readonly #processOnSignal = (): void => {
    this.close().catch((error: unknown) => this.closingFailed(error));
  };

  async #finish(finish: () => Promise<Report>): Promise<Report> {
    try {
      return await finish();
    } finally {
      this.#isClosed = true;
      for (const signal of this.#signals) process.off(signal, this.#processOnSignal);
      this.#signals.clear();
    }
  }
}
