import type { Clock, Timer } from '../contracts/clock.js';
import { BudgetAccount, ByteBudget } from './byte-budget.js';
import { overdue } from './overdue.js';

const SHORTEST_TURN_MS = 10;
const LONGEST_TURN_MS = 250;
/** Turns in the time that a frame has. */
const TURNS = 40;

/**
 * A budget where one of those above their share goes on all the same, or frames that are all half complete would wait
 * for each other. It has the seat, for a turn; then it waits again, and the next one has it.
 *
 * ```text
 *   seat <- a b c d e <- who comes, and who had a turn
 *           |       `- every other turn goes to those that have had the seat least, and of them to the newest: many who
 *           |          complete nothing hold up none that has just come
 *           `- the other turns go to those that wait longest: nobody is passed over for ever
 * ```
 *
 * note: beyond the limit a turn goes on, unless somebody waits, and the others without them were within it. So the limit can
 * be exceeded by one frame (of at most the limit), and by what arrives at once, a chunk for each.
 * note: a budget has a timer while somebody waits for the seat, and no other.
 */
export class SeatedBudget extends ByteBudget {
  readonly #clock: Clock;
  readonly #turnMs: number;
  #holder: SeatedAccount | undefined;
  /** Since when it has the seat, or has completed a frame in it. */
  #sinceMs = 0;
  #turn: Timer | undefined;
  #favoursLongest = false;

  /** `patienceMs`: how long those above their share are given to complete a frame. */
  constructor(limit: number, clock: Clock, patienceMs: number) {
    super(limit);
    this.#clock = clock;
    this.#turnMs = Math.max(SHORTEST_TURN_MS, Math.min(LONGEST_TURN_MS, patienceMs / TURNS));
  }

  override account(): SeatedAccount {
    return new SeatedAccount(this);
  }

  /** Whether `account` has the seat. */
  hasSeat(account: SeatedAccount): boolean {
    return account === this.#holder;
  }

  /** See {@link SeatedAccount.mayGrow}. */
  mayGrow(account: SeatedAccount, completed: number, ask: () => void): boolean {
    if (!account.isOverShare) {
      this.leave(account);
      return true;
    }
    account.ask = ask;
    if (account.completed !== completed) {
      account.restart(completed, this.#clock.now());
      if (account === this.#holder) this.#sinceMs = account.quietSinceMs;
    }
    if (this.#holder?.isOverShare !== true) this.#give(account);
    if (account === this.#holder) return account.bytes < this.limit;
    account.look(this.#clock.now());
    this.waitForRelief(account, ask);
    this.#turn ??= this.#startTurn();
    return false;
  }

  /** `account` does not want to grow now: it waits no longer, and the seat goes on. */
  override leave(account: SeatedAccount): void {
    this.#stopWaiting(account);
    if (account !== this.#holder) return;
    this.#endTurn(this.#clock.now());
    this.#holder = undefined;
    const heir = this.#next(0);
    if (heir === undefined) return;
    this.#give(heir);
    heir.ask?.();
  }

  /** See {@link SeatedAccount.pressedForMs}. */
  pressedForMs(account: SeatedAccount, polledAtMs: number): number {
    if (account !== this.#holder) {
      // Beyond the limit somebody has to go, and waiting does not excuse one that had nothing to send in its turn.
      const isSilent = account.isQuiet && this.used > this.limit;
      return isSilent ? Math.max(account.pressedMs, polledAtMs - account.quietSinceMs) : account.pressedMs;
    }
    return account.seatedMs + Math.max(0, polledAtMs - this.#sinceMs);
  }

  protected override shrunk(sharesGrew: boolean): void {
    super.shrunk(sharesGrew);
    // Shares grow as others leave: whoever has the seat may need it no longer, however little it does itself.
    const holder = this.#holder;
    if (holder !== undefined && holder.bytes <= this.share) this.leave(holder);
  }

  /** Lets those go on who wait for room, and passes on a seat that is free. */
  protected override wake(account: BudgetAccount): void {
    super.wake(account);
    this.#stopTurnIfAlone();
  }

  #stopWaiting(account: SeatedAccount): void {
    if (this.waiting.delete(account)) this.#stopTurnIfAlone();
  }

  #stopTurnIfAlone(): void {
    if (this.#turn === undefined || this.waiting.size > 0) return;
    this.#turn.cancel();
    this.#turn = undefined;
  }

  #startTurn(): Timer {
    return overdue(this.#clock, this.#turnMs, this.#turnIsOver, { keepsAlive: false });
  }

  readonly #turnIsOver = (polledAtMs: number): void => {
    this.#turn = undefined;
    const holder = this.#holder;
    if (holder !== undefined) {
      this.#endTurn(polledAtMs);
      holder.turnIsOver(polledAtMs);
    }
    const heir = this.#next(this.used - this.limit);
    if (heir !== undefined) {
      this.#give(heir);
      heir.ask?.();
      holder?.ask?.(); // it waits now, after all others
    }
    if (this.waiting.size > 0) this.#turn ??= this.#startTurn();
  };

  /** What the holder has had the seat for counts from now on as of turns that are over. */
  #endTurn(nowMs: number): void {
    this.#holder!.seatedMs += Math.max(0, nowMs - this.#sinceMs);
    this.#sinceMs = nowMs;
  }

  #give(account: SeatedAccount): void {
    this.waiting.delete(account);
    this.#holder = account;
    this.#sinceMs = this.#clock.now();
    account.look(this.#sinceMs);
    this.#turn?.cancel();
    this.#turn = this.waiting.size > 0 ? this.#startTurn() : undefined;
  }

  /** The longest waiting first. */
  get #waiters(): Iterable<SeatedAccount> {
    return this.waiting.keys() as Iterable<SeatedAccount>; // those that `account` made
  }

  /** Who has the seat next, of those that hold more than so much. */
  #next(minBytes: number): SeatedAccount | undefined {
    let heir: SeatedAccount | undefined;
    for (const account of this.#waiters) {
      if (account.bytes <= minBytes) continue;
      if (heir === undefined || account.seatedMs <= heir.seatedMs) heir = account;
      if (this.#favoursLongest) break;
    }
    if (heir !== undefined) this.#favoursLongest = !this.#favoursLongest;
    return heir;
  }
}

/** An account of a {@link SeatedBudget}, with what is to be known about its turns in the seat. */
export class SeatedAccount extends BudgetAccount {
  readonly #budget: SeatedBudget;
  /** Frames that were complete when it was seen last. */
  completed = 0;
  /** How long it has had the seat since then, in turns that are over. */
  seatedMs = 0;
  /** Since when no byte of it has come, as far as it was allowed to. */
  quietSinceMs = 0;
  /** Whether none came in its last turn, nor since. */
  isQuiet = false;
  /** As of its last turn. */
  pressedMs = 0;
  /** Has it ask again whether it may grow. */
  ask: (() => void) | undefined;
  #seenBytes = 0;

  constructor(budget: SeatedBudget) {
    super(budget);
    this.#budget = budget;
  }

  get hasSeat(): boolean {
    return this.#budget.hasSeat(this);
  }

  /**
   * Whether this may grow; `completed` counts the frames that were complete. Where it may not, `ask` is called once it
   * may, and where it may for a turn, when that is over: then it is to ask again.
   */
  mayGrow(completed: number, ask: () => void): boolean {
    return this.#budget.mayGrow(this, completed, ask);
  }

  /**
   * How long this has been above its share without completing a frame, as far as that is the fault of the peer: it had
   * the seat, over all its turns, for so long; or it has sent nothing for so long, as was seen when it last had the seat.
   */
  pressedForMs(completed: number, polledAtMs: number): number {
    if (completed !== this.completed || !this.isOverShare) return 0;
    return this.#budget.pressedForMs(this, polledAtMs);
  }

  /** A frame was completed. */
  restart(completed: number, nowMs: number): void {
    this.completed = completed;
    this.seatedMs = 0;
    this.pressedMs = 0;
    this.#moved(nowMs);
  }

  /** Sees whether anything has come. */
  look(nowMs: number): void {
    if (this.bytes !== this.#seenBytes) this.#moved(nowMs);
  }

  /** A turn is over. Nothing is left in the socket of a holder from which nothing came in it. */
  turnIsOver(polledAtMs: number): void {
    this.isQuiet = this.bytes === this.#seenBytes;
    if (!this.isQuiet) this.#moved(polledAtMs);
    this.pressedMs = Math.max(this.seatedMs, polledAtMs - this.quietSinceMs);
  }

  #moved(nowMs: number): void {
    this.#seenBytes = this.bytes;
    this.quietSinceMs = nowMs;
    this.isQuiet = false;
  }
}
