import { requireBoolean, requireKnown, requireTimeout } from '../authoring/checks.js';
import { defer } from '../authoring/deferred.js';
import type { Kernel } from '../connection/kernel.js';
import type { Life } from '../mechanisms/life.js';
import { shuttingDown } from './connection-setup.js';
import { Drain, type DrainOptions, type DrainReport } from './drain.js';
import type { Listener } from './listener.js';
import { closeNode, type CloseReport } from './shutdown.js';

/** Longer than most handlers take; with `closeTimeoutMs`, shorter than Kubernetes waits before it kills. */
const DRAIN_TIMEOUT_MS = 20_000;

/** How a node ends: once, whoever asks for it, and however often. */
export class Ending {
  readonly #kernel: Kernel;
  readonly #listener: Listener;
  readonly #life: Life;
  #state: 'draining' | 'closing' | 'closed' | undefined;
  #drain: Drain | undefined;
  #draining: Promise<Omit<DrainReport, 'close'>> | undefined;
  #closing: Promise<CloseReport> | undefined;
  #abort: AbortController | undefined;

  constructor(kernel: Kernel, listener: Listener, life: Life) {
    this.#kernel = kernel;
    this.#listener = listener;
    this.#life = life;
  }

  /** Undefined before it begins. */
  get state(): 'draining' | 'closing' | 'closed' | undefined {
    return this.#state;
  }

  /** Whether `close` was called. */
  get hasBegun(): boolean {
    return this.#closing !== undefined;
  }

  /** See `PeerNode.signal`. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.hasBegun) this.#abort.abort(shuttingDown(this.#kernel));
    }
    return this.#abort.signal;
  }

  /** See `PeerNode.close`. */
  close(options: { readonly timeoutMs?: number }): Promise<CloseReport> {
    let timeoutMs: number;
    try {
      requireKnown('the options of close()', options, ['timeoutMs']);
      ({ timeoutMs = this.#kernel.config.closeTimeoutMs } = options);
      requireTimeout('timeoutMs', timeoutMs);
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.#closing !== undefined) return this.#closing;
    this.#state = 'closing';
    // Before anything ends: listeners on a signal, of a connection or our own, may call close() again, and join it.
    const closing = defer<CloseReport>();
    this.#closing = closing.promise;
    this.#drain?.cut();
    closeNode(this.#kernel, this.#listener, this.#life, timeoutMs).then(
      (report) => {
        this.#state = 'closed';
        closing.resolve(report);
      },
      (error: Error) => closing.reject(error),
    );
    this.#abort?.abort(shuttingDown(this.#kernel));
    return this.#closing;
  }

  /** See `PeerNode.drain`. */
  async drain(options: DrainOptions): Promise<DrainReport> {
    requireKnown('the options of drain()', options, ['timeoutMs', 'delayMs', 'keepOpen']);
    const { timeoutMs = DRAIN_TIMEOUT_MS, delayMs = 0, keepOpen = false } = options;
    requireTimeout('timeoutMs', timeoutMs);
    requireTimeout('delayMs', delayMs, { min: 0 });
    requireBoolean('keepOpen', keepOpen);
    this.#draining ??= this.#beginDrain({ timeoutMs, delayMs, keepOpen });
    const drained = await this.#draining;
    const close = keepOpen && !this.hasBegun ? undefined : await this.close({});
    return { ...drained, close };
  }

  #beginDrain(options: Required<DrainOptions>): Promise<Omit<DrainReport, 'close'>> {
    // Who closes has drained, as far as that goes.
    if (this.hasBegun) return Promise.resolve({ elapsedMs: 0, cut: [] });
    this.#state = 'draining';
    this.#drain = new Drain(this.#kernel, this.#listener, options);
    return this.#drain.run();
  }
}
