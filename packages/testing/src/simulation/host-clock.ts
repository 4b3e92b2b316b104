import { PeerError } from '@pea2pea/core';
import { describe } from '@pea2pea/core/authoring';
import { ORDER, type SimEvent } from './event-queue.js';
import { inMs, type Duration } from './quantities.js';
import type { Timeline } from './timeline.js';

/** A timer that a process has set. */
export interface Alarm {
  /** By the clock of the host. */
  readonly dueMs: number;
  /** When it will be due in the world; undefined while the clock stands still. */
  event: SimEvent | undefined;
  readonly onDue: () => void;
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
  readonly #alarms = new Set<Alarm>();

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
    this.#reschedule();
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
    for (const alarm of this.#alarms) this.#unschedule(alarm);
  }

  /** Goes on after {@link HostClock.stop}. */
  start(): void {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    this.#worldMs = this.#timeline.nowMs;
    this.#dateOffsetMs += this.#timeline.nowMs - this.#stoppedAtMs;
    this.#reschedule();
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#alarms.size;
  }

  /** Has an alarm go off when it is due by this clock. @internal */
  schedule(alarm: Alarm): void {
    this.#alarms.add(alarm);
    if (this.#isStopped) return;
    const inWorldMs = this.#timeline.nowMs + (alarm.dueMs - this.now()) / this.#rate;
    alarm.event = this.#timeline.at(inWorldMs, ORDER.timers, alarm.onDue);
  }

  /** Takes an alarm back. @internal */
  forget(alarm: Alarm): void {
    this.#alarms.delete(alarm);
    this.#unschedule(alarm);
  }

  /** Takes all alarms back: the process is dead. @internal */
  forgetAll(): void {
    for (const alarm of this.#alarms) this.forget(alarm);
  }

  #unschedule(alarm: Alarm): void {
    if (alarm.event !== undefined) this.#timeline.cancel(alarm.event);
    alarm.event = undefined;
  }

  #anchor(): void {
    this.#localMs = this.now();
    this.#worldMs = this.#timeline.nowMs;
  }

  #reschedule(): void {
    for (const alarm of this.#alarms) {
      this.#unschedule(alarm);
      this.schedule(alarm);
    }
  }
}
