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
import { WaitingLine } from '@pea2pea/core/internal';
import { json, lines } from '@pea2pea/codecs';
import { method, requests } from '@pea2pea/rpc';
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

// INVARIANT: clock-after-socket. One timer may be for many, of whom some have just come.
describe('a standstill in the last moment of what has waited longest', () => {
  it('costs a request that has just been made no more than any other', async () => {
    const clock = new StandingClock();
    const transport = memoryTransport();
    const ask = method<void, number>('ask');
    const [a, b] = [
      makeNode({ transport, clock, codec: json(), idleTimeoutMs: 0 }, { onMessage: undefined as never }),
      makeNode({ transport, codec: json() }, { onMessage: undefined as never }),
    ];
    const calls = a.node.use(requests({ timeoutMs: 1_000 })).plugin(requests);
    const gates: ((result: number) => void)[] = [];
    b.node
      .use(requests())
      .plugin(requests)
      .serve(ask, () => new Promise<number>((resolve) => gates.push(resolve)));
    const connection = await a.node.connect(await listen(b));
    const ended: unknown[] = [];
    const call = (): Promise<void> =>
      calls.call(connection, ask).then(
        (result) => void ended.push(result),
        (error: { code: string }) => void ended.push(error.code),
      );
    const old = call();
    for (let part = 0; part < 3; part++) clock.standStill(250);
    const young = call();
    clock.standStill(5_000);
    await old;
    await judged();
    expect(ended).toEqual(['P2P_ERR_REQUEST_TIMEOUT']);
    await until('it was asked', () => gates.length === 2);
    gates[1]!(7);
    await young;
    expect(ended).toEqual(['P2P_ERR_REQUEST_TIMEOUT', 7]);
    const late = call();
    for (let part = 0; part < 12; part++) {
      clock.standStill(5_000);
      await judged();
    }
    await late;
    expect(ended[2]).toBe('P2P_ERR_REQUEST_TIMEOUT');
  });

  it('leaves those that have just come their places in the line', async () => {
    const clock = new StandingClock();
    const left: string[] = [];
    const limits = { places: 4, placesPerGroup: 4, patienceMs: 1_000 };
    const line = new WaitingLine<string>(clock, limits, (item) => left.push(item));
    line.add('a', 'old');
    for (let part = 0; part < 3; part++) clock.standStill(250);
    line.add('a', 'young');
    clock.standStill(5_000);
    await judged();
    expect(left).toEqual(['old']);
    for (let part = 0; part < 4; part++) {
      clock.standStill(250);
      await judged();
    }
    expect(left).toEqual(['old', 'young']);
  });
});
