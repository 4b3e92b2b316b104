import type { Clock, Timer } from '../contracts/clock.js';
import { afterPoll } from './overdue.js';

/** Something that may have been silent for too long. Its methods must not throw. */
export interface Sweepable {
  /** Bytes that are held for it. Of those that are judged in one turn, who holds most is judged first. */
  readonly heldBytes: number;
  /** Looked at every so often: whether it has been silent for too long, as far as was heard until now. */
  isOverdue(nowMs: number): boolean;
  /** Ends it, if that is still so now that whatever had come by `polledAtMs` has been heard. */
  judge(nowMs: number, polledAtMs: number): void;
  /** The process stood still for that long, which is not to count as silence. */
  forgive(durationMs: number): void;
}

const SHORTEST_INTERVAL_MS = 10;
const LONGEST_INTERVAL_MS = 1_000;

/**
 * One coarse timer for the idle and write timeouts of all connections of a node. It runs only while
 * there is somebody to look after, and costs nothing per message: each connection keeps counters
 * and compares them with those of the last sweep. Those that seem overdue are judged after the next
 * poll of the sockets. INVARIANT: clock-after-socket.
 *
 * A sweep that comes late tells of a standstill of the process. That does not count as silence of peers: some wait for what could not
 * be sent meanwhile, and what comes in many pieces waits for us.
 *
 * note: a timeout is noticed up to a quarter of it late, two seconds at most.
 * note: it watches, and keeps no process alive.
 */
export class Sweeper {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #members = new Set<Sweepable>();
  readonly #suspects = new Set<Sweepable>();
  #timer: Timer | undefined;
  #judgement: Timer | undefined;
  /** When the next sweep is due. */
  #dueMs = 0;

  /** `timeoutsMs`: all that are to be noticed; 0 means never. */
  constructor(clock: Clock, timeoutsMs: readonly number[]) {
    this.#clock = clock;
    const shortest = Math.min(...timeoutsMs.filter((timeout) => timeout > 0));
    this.#intervalMs = Math.round(
      Math.min(LONGEST_INTERVAL_MS, Math.max(SHORTEST_INTERVAL_MS, shortest / 8)),
    );
  }

  /** Watches `member`. */
  add(member: Sweepable): void {
    this.#members.add(member);
    this.#timer ??= this.#wait();
  }

  /** Ends the watch; harmless where there is none. */
  remove(member: Sweepable): void {
    this.#members.delete(member);
    this.#suspects.delete(member);
    if (this.#suspects.size === 0) {
      this.#judgement?.cancel();
      this.#judgement = undefined;
    }
    if (this.#members.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #wait(): Timer {
    this.#dueMs = this.#clock.now() + this.#intervalMs;
    return this.#clock.setTimeout(this.#sweep, this.#intervalMs, { keepsAlive: false });
  }

  readonly #sweep = (): void => {
    const nowMs = this.#clock.now();
    const lateMs = nowMs - this.#dueMs;
    if (lateMs > this.#intervalMs) for (const member of this.#members) member.forgive(lateMs);
    for (const member of this.#members) if (member.isOverdue(nowMs)) this.#suspects.add(member);
    if (this.#suspects.size > 0) this.#judgement ??= afterPoll(this.#clock, this.#judge);
    this.#timer = this.#wait();
  };

  readonly #judge = (polledAtMs: number): void => {
    this.#judgement = undefined;
    const nowMs = this.#clock.now();
    // INVARIANT: two-budgets. Where it is enough that those that hold most are ended, the others stay.
    const suspects = [...this.#suspects].sort((a, b) => b.heldBytes - a.heldBytes);
    for (const suspect of suspects) if (this.#suspects.delete(suspect)) suspect.judge(nowMs, polledAtMs);
  };
}
