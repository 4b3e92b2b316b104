import type { Hold } from '../contracts/connection.js';
import { defer, type Deferred } from '../authoring/deferred.js';

/** The work that is under way for the peer of one connection: counted, and waited for. */
export class Holds {
  readonly #onFree: () => void;
  #count = 0;
  #over = false;
  /** Made for whoever waits. */
  #freed: Deferred | undefined;

  /** @param onFree called whenever the last hold was released */
  constructor(onFree: () => void) {
    this.#onFree = onFree;
  }

  /** Whether work is under way. */
  get isHeld(): boolean {
    return this.#count > 0;
  }

  /** Resolves when no work is under way, or {@link end} was called. */
  get freed(): Promise<void> {
    if (this.#count === 0 || this.#over) return Promise.resolve();
    return (this.#freed ??= defer()).promise;
  }

  take(): Hold {
    this.#count++;
    return new OneHold(this.#release);
  }

  /** Nobody is to wait any more. */
  end(): void {
    this.#over = true;
    this.#freed?.resolve();
  }

  readonly #release = (): void => {
    if (--this.#count > 0) return;
    this.#freed?.resolve();
    this.#freed = undefined;
    if (!this.#over) this.#onFree();
  };
}

class OneHold implements Hold {
  #release: (() => void) | undefined;

  constructor(release: () => void) {
    this.#release = release;
  }

  release(): void {
    const release = this.#release;
    this.#release = undefined;
    release?.();
  }
}
