import { PeerError } from '@pea2pea/core';
import { describe } from '@pea2pea/core/authoring';
import { ORDER, SimEvent } from './event-queue.js';
import { inMs, type Duration } from './quantities.js';
import type { Timeline } from './timeline.js';

/** A timer that a process has set. */
export abstract class Alarm extends SimEvent {
  readonly clock: HostClock;
  /** By the clock of the host. */
  readonly dueMs: number;
  /** Whether it is one of those that wait. @internal */
  waits = false;

  constructor(clock: HostClock, dueMs: number) {
    super();
    this.clock = clock;
    this.dueMs = dueMs;
  }
}

/** The clock of a host, with what is wrong with it. */
export class HostClock {
  readonly #timeline: Timeline;
  readonly #epochMs: number;
  #rate = 1;
  #isStopped = false;
  #worldMs = 0;
  #localMs = 0;
  /** By how much the time of people differs from what `now` has counted. */
  #dateOffsetMs = 0;
  #stoppedAtMs = 0;
  #pending = 0;
  /** Those that wait for the clock to go on. */
  #stopped: Alarm[] = [];

  /** @internal */
  constructor(timeline: Timeline, epochMs: number) {
    this.#timeline = timeline;
    this.#epochMs = epochMs;
    this.#worldMs = timeline.nowMs;
    this.#dateOffsetMs = timeline.nowMs;
  }

  /** Milliseconds that only go forward, by this clock. */
  now(): number {
    if (this.#isStopped) return this.#localMs;
    return this.#localMs + (this.#timeline.nowMs - this.#worldMs) * this.#rate;
  }

  /** Milliseconds since the Unix epoch, by this clock. */
  date(): number {
    return this.#epochMs + this.now() + this.#dateOffsetMs;
  }

  /**
   * The clock runs `rate` times as fast as the world from now on: 1.001 gains 86 seconds a day.
   *
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG when `rate` is not above 0.
   */
  drift(rate: number): void {
    if (!(rate > 0)) {
      throw new PeerError('P2P_ERR_INVALID_CONFIG', `a clock cannot run at a rate of ${describe(rate)}`, {
        remedy: 'give a number above 0; stop() stops the clock',
      });
    }
    this.#anchor();
    this.#rate = rate;
    for (const alarm of this.#scheduled()) {
      this.#timeline.cancel(alarm);
      this.#schedule(alarm);
    }
  }

  /** Sets the time of people on by `duration`, or back if it is negative. Durations and timers are not affected. */
  jump(duration: Duration): void {
    this.#dateOffsetMs += typeof duration === 'number' && duration < 0 ? -inMs(-duration) : inMs(duration);
  }

  /** Time stands still, as `now()` of a suspended machine does. The time of people goes on, and is right afterwards. */
  stop(): void {
    if (this.#isStopped) return;
    this.#anchor();
    this.#isStopped = true;
    this.#stoppedAtMs = this.#timeline.nowMs;
    this.#stopped = this.#scheduled();
    for (const alarm of this.#stopped) this.#timeline.cancel(alarm);
  }

  /** Goes on after {@link HostClock.stop}. */
  start(): void {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    this.#worldMs = this.#timeline.nowMs;
    this.#dateOffsetMs += this.#timeline.nowMs - this.#stoppedAtMs;
    const stopped = this.#stopped;
    this.#stopped = [];
    for (const alarm of stopped) this.#schedule(alarm);
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#pending;
  }

  /** Has an alarm go off when it is due by this clock. @internal */
  set(alarm: Alarm): void {
    alarm.waits = true;
    this.#pending++;
    this.#schedule(alarm);
  }

  /** Takes an alarm back, or one that is due. Harmless twice. @internal */
  forget(alarm: Alarm): void {
    if (!alarm.waits) return;
    alarm.waits = false;
    this.#pending--;
    this.#timeline.cancel(alarm);
    if (this.#isStopped) this.#stopped = this.#stopped.filter((other) => other !== alarm);
  }

  /** Takes all alarms back: the process is dead. @internal */
  forgetAll(): void {
    for (const alarm of [...this.#scheduled(), ...this.#stopped]) this.forget(alarm);
  }

  #schedule(alarm: Alarm): void {
    if (this.#isStopped) {
      this.#stopped.push(alarm);
      return;
    }
    const inWorldMs = this.#timeline.nowMs + (alarm.dueMs - this.now()) / this.#rate;
    this.#timeline.add(alarm, inWorldMs, ORDER.timers);
  }

  /** Asked for so rarely that nobody keeps a list of them. */
  #scheduled(): Alarm[] {
    return this.#timeline
      .all()
      .filter((event): event is Alarm => event instanceof Alarm && event.clock === this);
  }

  #anchor(): void {
    this.#localMs = this.now();
    this.#worldMs = this.#timeline.nowMs;
  }
}
