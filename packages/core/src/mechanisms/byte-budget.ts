/** What each may still hold where the limit is exceeded: enough for a small message that came in two parts. */
const BEYOND_LIMIT = 1024;

/**
 * The bytes that a node holds in one direction, over all its connections, against one limit.
 *
 * ```text
 *   0 ............... limit / 2 ................. limit
 *   everybody may grow | those above an equal share of the first half wait
 * ```
 *
 * From half of the limit on the budget is tight, and whoever holds more than an equal share waits. Those below their
 * share go on, so nobody is held up by what others hold; together they stay within the second half.
 */
export class ByteBudget {
  /** In bytes. */
  readonly limit: number;
  /** Those that wait, the longest waiting first, with what is called once they may go on. */
  protected readonly waiting = new Map<BudgetAccount, () => void>();
  /** From here on the budget is tight. */
  readonly #half: number;
  #used = 0;
  #holders = 0;
  /** What those that wait hold, at least: nobody among them is below a smaller share. */
  #leastWaiting = Infinity;

  constructor(limit: number) {
    this.limit = limit;
    this.#half = limit / 2;
  }

  /** Bytes that are held now. */
  get used(): number {
    return this.#used;
  }

  /** Whether there is so little left that those above their share wait. */
  get isTight(): boolean {
    return this.#used > this.#half;
  }

  /** What each of those that hold anything may hold while the budget is tight. */
  get share(): number {
    const equal = this.#half / Math.max(this.#holders, 1);
    // Those that came first had larger shares: their sum is bounded here.
    return this.#used > this.limit ? Math.min(equal, BEYOND_LIMIT) : equal;
  }

  /** An account for one connection. Setting its bytes back to 0 closes it. */
  account(): BudgetAccount {
    return new BudgetAccount(this);
  }

  /** For {@link BudgetAccount} alone: one that holds bytes holds so many more. */
  grow(delta: number): void {
    this.#used += delta;
  }

  /** For {@link BudgetAccount} alone. */
  change(before: number, after: number): void {
    const wasExceeded = this.#used > this.limit;
    this.#used += after - before;
    if (before === 0) this.#holders++;
    else if (after === 0) this.#holders--;
    if (after < before) this.shrunk(after === 0 || (wasExceeded && this.#used <= this.limit));
  }

  /** Calls `onRelief` once `account` is not above its share of a tight budget any more. Asking again replaces it. */
  waitForRelief(account: BudgetAccount, onRelief: () => void): void {
    this.waiting.set(account, onRelief);
    this.#leastWaiting = Math.min(this.#leastWaiting, account.bytes);
  }

  /** `account` does not want to grow now: it waits no longer. */
  leave(account: BudgetAccount): void {
    this.waiting.delete(account);
  }

  /** Less is held than before. Shares have grown where a holder is gone, or the limit is exceeded no more. */
  protected shrunk(sharesGrew: boolean): void {
    if (this.waiting.size > 0 && (!this.isTight || sharesGrew)) this.#relieve();
  }

  /** Lets those go on who wait for room. */
  protected wake(account: BudgetAccount): void {
    const onRelief = this.waiting.get(account);
    this.waiting.delete(account);
    onRelief?.();
  }

  #relieve(): void {
    if (this.isTight && this.share < this.#leastWaiting) return;
    this.#leastWaiting = Infinity;
    // One at a time: each of them may fill the budget again.
    for (const account of [...this.waiting.keys()]) {
      if (account.isOverShare) this.#leastWaiting = Math.min(this.#leastWaiting, account.bytes);
      else this.wake(account);
    }
  }
}

/** The bytes that one connection holds, as part of a {@link ByteBudget}. */
export class BudgetAccount {
  readonly #budget: ByteBudget;
  #bytes = 0;

  constructor(budget: ByteBudget) {
    this.#budget = budget;
  }

  get bytes(): number {
    return this.#bytes;
  }

  set bytes(bytes: number) {
    this.add(bytes - this.#bytes);
  }

  /** So many more bytes, or fewer where `delta` is negative. */
  add(delta: number): void {
    if (delta === 0) return;
    const before = this.#bytes;
    this.#bytes = before + delta;
    // One more message of many: nobody comes, goes or is relieved by it.
    if (before > 0 && delta > 0) this.#budget.grow(delta);
    else this.#budget.change(before, this.#bytes);
  }

  /** Whether the budget is tight and this holds more than its share. */
  get isOverShare(): boolean {
    return this.#budget.isTight && this.#bytes > this.#budget.share;
  }

  /** See {@link ByteBudget.waitForRelief}. */
  waitForRelief(onRelief: () => void): void {
    this.#budget.waitForRelief(this, onRelief);
  }

  /** See {@link ByteBudget.leave}. */
  leave(): void {
    this.#budget.leave(this);
  }
}
