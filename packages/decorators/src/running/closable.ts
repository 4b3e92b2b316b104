import { defer, markHandled, requireKnown, requireTimeout } from '@pea2pea/core/authoring';

/**
 * Something that runs until it is closed, by a call or by a signal of the process.
 */
export abstract class Closable<Report> {
  /**
   * Settles as `close` does, whoever calls it, a signal included: `await handle.closed` is where a program
   * that serves goes on to its end.
   */
  readonly closed: Promise<Report>;
  readonly #closed = defer<Report>();
  #closing: Promise<Report> | undefined;
  #isClosed = false;
  #wasToldToDrain = false;

  constructor() {
    this.closed = markHandled(this.#closed.promise); // who does not wait for it does not care
  }

  abstract close(): Promise<Report>;

  abstract drain(): Promise<unknown>;

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
    if (!this.#isClosed) for (const signal of signals) listen(signal, this.#onSignal);
    return this;
  }

  /**
   * Drains when the process gets one of `signals`, and closes at once when it gets another: `handle.drainOn('SIGTERM')`.
   * Otherwise as {@link closeOn}.
   */
  drainOn(...signals: readonly NodeJS.Signals[]): this {
    if (!this.#isClosed) for (const signal of signals) listen(signal, this.#onDrainSignal);
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  protected get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * Runs `finish` in the first call; later ones join it.
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG when `timeoutMs` makes no sense; then nothing is closed
   */
  protected closeOnce(
    options: { readonly timeoutMs?: number },
    finish: () => Promise<Report>,
  ): Promise<Report> {
    if (this.#closing !== undefined) return this.#closing;
    try {
      requireKnown('the options of close()', options, ['timeoutMs']);
      if (options.timeoutMs !== undefined) requireTimeout('timeoutMs', options.timeoutMs);
    } catch (error) {
      return Promise.reject(error);
    }
    // Known before `finish` begins: what it calls may call `close`, and joins.
    this.#closing = this.closed;
    this.#closed.resolve(this.#finish(finish));
    return this.#closing;
  }

  readonly #onSignal = (): void => {
    this.close().catch((error: unknown) => this.closingFailed(error));
  };

  readonly #onDrainSignal = (): void => {
    const ending = this.#wasToldToDrain ? this.close() : this.drain();
    this.#wasToldToDrain = true;
    ending.catch((error: unknown) => this.closingFailed(error));
  };

  async #finish(finish: () => Promise<Report>): Promise<Report> {
    try {
      return await finish();
    } finally {
      this.#isClosed = true;
      forget(this.#onSignal);
      forget(this.#onDrainSignal);
    }
  }
}

/** Who closes on which signal: one listener of the process for all, so that there may be many of them. */
const closing = new Map<
  NodeJS.Signals,
  { readonly closes: Set<() => void>; readonly listener: () => void }
>();

function listen(signal: NodeJS.Signals, close: () => void): void {
  let entry = closing.get(signal);
  if (entry === undefined) {
    const closes = new Set<() => void>();
    const listener = (): void => {
      for (const each of closes) each();
    };
    closing.set(signal, (entry = { closes, listener }));
    process.on(signal, listener);
  }
  entry.closes.add(close);
}

function forget(close: () => void): void {
  for (const [signal, { closes, listener }] of closing) {
    closes.delete(close);
    if (closes.size > 0) continue;
    process.off(signal, listener);
    closing.delete(signal);
  }
}
