import { defer, type Deferred } from '../authoring/deferred.js';
import type { BudgetAccount } from '../mechanisms/byte-budget.js';

/** Those who wait for room in the queue of one connection. */
export class Drains {
  readonly #account: BudgetAccount;
  readonly #isFull: () => boolean;
  #waiters: Deferred[] = [];

  constructor(account: BudgetAccount, isFull: () => boolean) {
    this.#account = account;
    this.#isFull = isFull;
  }

  /** Resolves when there is room. */
  wait(): Promise<void> {
    const waiter = defer();
    this.#waiters.push(waiter);
    this.#waitForBudget();
    return waiter.promise;
  }

  /** Tells those who wait, if there is room. */
  readonly relieve = (): void => {
    if (this.#waiters.length === 0) return;
    if (this.#isFull()) this.#waitForBudget();
    else for (const waiter of this.take()) waiter.resolve();
  };

  /** Those who wait; they are the caller's from here. */
  take(): readonly Deferred[] {
    const waiters = this.#waiters;
    this.#waiters = [];
    return waiters;
  }

  /** They may wait for other connections to make room. */
  #waitForBudget(): void {
    if (this.#account.isOverShare) this.#account.waitForRelief(this.relieve);
  }
}
