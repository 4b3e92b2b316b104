import type { Clock, Random } from '@pea2pea/core';
import { BoundedMap } from '@pea2pea/core/authoring';
import { Backoff } from '@pea2pea/policies';
import type { PeerAddress } from '../shared/peer-address.js';

/** An address that is not to be dialled yet. */
interface Rest {
  readonly untilMs: number;
  /** How often in a row a dial failed, or a connection ended soon. It is remembered for as long again as the address rests. */
  readonly failures: number;
  readonly forgottenAtMs: number;
}

/** As many addresses rest at once; above it the oldest may be dialled again early. */
const MAX_RESTING = 4_096;

/** The addresses that are not to be dialled yet: each rests longer with each failure in a row. */
export class Resting {
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #rests = new BoundedMap<Rest>({
    maxEntries: MAX_RESTING,
    isOver: ({ forgottenAtMs }, nowMs) => forgottenAtMs <= nowMs,
  });

  constructor(
    { minDelayMs, maxDelayMs }: { readonly minDelayMs: number; readonly maxDelayMs: number },
    clock: Clock,
    random: Random,
  ) {
    this.#clock = clock;
    this.#backoff = new Backoff({ minDelayMs, maxDelayMs, factor: 2, jitter: 0.5 }, random);
  }

  /** How many rest now. */
  get size(): number {
    const nowMs = this.#clock.now();
    return this.#rests.values(nowMs).filter(({ untilMs }) => untilMs > nowMs).length;
  }

  /** Has an address rest, after a failure. */
  add(peer: PeerAddress): void {
    const [key, nowMs] = [peer.toString(), this.#clock.now()];
    const failures = (this.#rests.get(key, nowMs)?.failures ?? 0) + 1;
    const delayMs = this.#backoff.delayMs(failures);
    const untilMs = nowMs + delayMs;
    this.#rests.set(key, { untilMs, failures, forgottenAtMs: untilMs + delayMs }, nowMs);
  }

  /** Whether an address rests. */
  has(peer: PeerAddress): boolean {
    const nowMs = this.#clock.now();
    return (this.#rests.get(peer.toString(), nowMs)?.untilMs ?? 0) > nowMs;
  }

  /** Forgets the failures of an address: it did well. */
  forget(peer: PeerAddress): void {
    this.#rests.delete(peer.toString());
  }
}
