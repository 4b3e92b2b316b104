import type { Cancellation } from '../contracts/cancellation.js';
import type { PeerError } from '../contracts/errors.js';

/**
 * Cancels work that is under way. An AbortController costs more than the rest of a setup: this one makes
 * its own only for those who ask for the signal.
 */
export class CancellationSource implements Cancellation {
  #reason: PeerError | undefined;
  /** In the order in which they are called; seldom more than one at a time. */
  readonly #listeners: (() => void)[] = [];
  #controller: AbortController | undefined;

  get reason(): PeerError | undefined {
    return this.#reason;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** The first call counts. */
  cancel(reason: PeerError): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    for (const listener of this.#listeners.splice(0)) callApart(listener);
    this.#controller?.abort(reason);
  }

  throwIfCancelled(): void {
    if (this.#reason !== undefined) throw this.#reason;
  }

  add(listener: () => void): void {
    this.#listeners.push(listener);
  }

  remove(listener: () => void): void {
    const index = this.#listeners.indexOf(listener);
    if (index !== -1) this.#listeners.splice(index, 1);
  }
}

/** As events of an AbortSignal do: one that throws keeps no other from being called, and is an uncaught exception. */
export function callApart(listener: () => void): void {
  try {
    listener();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}

/** Settles like `work`, or rejects when it is cancelled; `work` is then left to itself. */
export function orCancelled<T>(cancellation: Cancellation, work: () => PromiseLike<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    cancellation.throwIfCancelled();
    const onCancel = (): void => reject(cancellation.reason!);
    cancellation.add(onCancel);
    const settled = (): void => cancellation.remove(onCancel);
    work().then(
      (value) => (settled(), resolve(value)),
      (error: Error) => (settled(), reject(error)),
    );
  });
}
