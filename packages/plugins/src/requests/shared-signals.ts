interface Shared {
  readonly callbacks: Set<() => void>;
  readonly listener: () => void;
}

/** One listener for all that wait on a signal: Node warns of a leak where one has more than ten. */
export class SharedSignals {
  readonly #shared = new Map<AbortSignal, Shared>();

  /** Calls `onAbort` when the signal aborts, which it has not yet. */
  add(signal: AbortSignal, onAbort: () => void): void {
    let shared = this.#shared.get(signal);
    if (shared === undefined) {
      const callbacks = new Set<() => void>();
      const listener = (): void => callbacks.forEach((callback) => callback());
      shared = { callbacks, listener };
      this.#shared.set(signal, shared);
      signal.addEventListener('abort', listener);
    }
    shared.callbacks.add(onAbort);
  }

  /** It waits no more; the last one takes the listener away. Harmless twice. */
  delete(signal: AbortSignal, onAbort: () => void): void {
    const shared = this.#shared.get(signal);
    if (shared === undefined) return;
    shared.callbacks.delete(onAbort);
    if (shared.callbacks.size > 0) return;
    this.#shared.delete(signal);
    signal.removeEventListener('abort', shared.listener);
  }
}
