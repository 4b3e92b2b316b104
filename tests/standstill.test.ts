import { describe, expect, it } from '@jest/globals';
import {
  memoryTransport,
  systemClock,
  type Clock,
  type Handshake,
  type Link,
  type Timer,
} from '@pea2pea/core';
import { CancellationSource } from '@pea2pea/core/authoring';
import { lines } from '@pea2pea/codecs';
import { lab, listen, turn, until } from '@pea2pea/testing';

const { makeNode } = lab();

/** A clock of a process that may stand still: what falls due meanwhile is called once it goes on, and late. */
class StandingClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{ readonly dueMs: number; readonly callback: () => void }>();

  now = (): number => this.#nowMs;
  date = (): number => this.#nowMs;
  nextTurn = (callback: () => void): Timer => systemClock.nextTurn(callback);

  setTimeout(callback: () => void, delayMs: number): Timer {
    const timer = { dueMs: this.#nowMs + delayMs, callback };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  standStill(durationMs: number): void {
    this.#nowMs += durationMs;
    const due = [...this.#timers].filter(({ dueMs }) => dueMs <= this.#nowMs);
    for (const timer of due) if (this.#timers.delete(timer)) timer.callback();
  }
}

/** Lets what was due be judged. */
async function judged(): Promise<void> {
  for (let count = 0; count < 8; count++) await turn();
}

/** A node on such a clock, and a bare link to it. */
async function standing(onHandshake?: (handshake: Handshake) => Promise<void>) {
  const clock = new StandingClock();
  const transport = memoryTransport();
  const a = makeNode(
    { transport, clock, codec: lines(), handshakeTimeoutMs: 1_000, idleTimeoutMs: 1_000 },
    onHandshake === undefined ? {} : { onHandshake },
  );
  const cancellation = new CancellationSource();
  const link: Link = await transport.connect(await listen(a), {
    cancellation,
    noDelay: true,
    keepAlive: false,
  });
  link.stream.on('error', () => {});
  return { a, clock, link };
}

// INVARIANT: clock-after-socket. Time that was lost here is not that of the peer.
describe('a standstill of the process', () => {
  const twoTrips = async (handshake: Handshake): Promise<void> => {
    for (let trip = 0; trip < 2; trip++) {
      await handshake.write('?');
      await handshake.read(1);
    }
  };

  it('leaves a handshake time for round trips that are still to come', async () => {
    const { a, clock, link } = await standing(twoTrips);
    await until('it has begun', () => a.node.connecting === 1);
    clock.standStill(5_000);
    await judged();
    link.stream.on('data', () => link.stream.write('!')).resume();
    await until('it is over', () => a.node.connecting === 0);
    expect(a.node.heuristics).toMatchObject({ handshakeTimeouts: 0, openedInbound: 1 });
    link.reset(); // nothing of the node ends by time any more
  });

  it('does not keep a handshake for ever: however often it happens, the time is over', async () => {
    const { a, clock } = await standing(twoTrips);
    await until('it has begun', () => a.node.connecting === 1);
    for (let count = 0; count < 4; count++) {
      expect(a.node.connecting).toBe(1);
      clock.standStill(5_000);
      await judged();
    }
    expect(a.node.heuristics.handshakeTimeouts).toBe(1);
  });

  it('does not count as silence of a peer, which may speak only when it is asked', async () => {
    const { a, clock } = await standing();
    await until('it is open', () => a.opened.length === 1);
    clock.standStill(5_000);
    await judged();
    expect(a.node.connections.size).toBe(1);
    // From here on the process is awake, and the peer silent.
    for (let awakeMs = 0; awakeMs < 1_250; awakeMs += 125) {
      clock.standStill(125);
      await judged();
    }
    expect(a.closed.map(({ reason }) => reason)).toEqual([{ origin: 'reading', cause: 'idle-timeout' }]);
  });
});
