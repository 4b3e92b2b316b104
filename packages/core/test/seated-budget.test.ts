import { describe, expect, it } from '@jest/globals';
import { SeatedBudget } from '@pea2pea/core/internal';
import { ControlledClock } from '@pea2pea/core/testing';
import { until } from '@pea2pea/testing';

const PATIENCE_MS = 4_000;
const TURN_MS = PATIENCE_MS / 40;

/** One who receives a frame: wants more as often as it may, and remembers when it was asked to go on or to pause. */
class Receiver {
  readonly account;
  completed = 0;
  mayGrow = false;

  constructor(budget: SeatedBudget, bytes = 0) {
    this.account = budget.account();
    this.account.bytes = bytes;
  }

  readonly ask = (): void => {
    this.mayGrow = this.account.mayGrow(this.completed, this.ask);
  };

  receive(bytes: number): void {
    this.account.add(bytes);
    this.ask();
  }

  complete(): void {
    this.completed++;
    this.account.bytes = 0;
    this.ask();
  }
}

function seated(limit: number): { budget: SeatedBudget; clock: ControlledClock } {
  const clock = new ControlledClock();
  return { clock, budget: new SeatedBudget(limit, clock, PATIENCE_MS) };
}

/** So many receivers that hold so much each, and have asked for more in this order. */
function receivers(budget: SeatedBudget, count: number, bytes: number): Receiver[] {
  const all = Array.from({ length: count }, () => new Receiver(budget, bytes));
  for (const { ask } of all) ask();
  return all;
}

/** Who has the seat, after another turn: its number. */
async function nextTurn(clock: ControlledClock, all: readonly Receiver[]): Promise<number> {
  const before = holder(all);
  clock.advance(TURN_MS);
  await until('the seat was passed on', () => holder(all) !== before);
  return holder(all);
}

function holder(all: readonly Receiver[]): number {
  const holders = all.flatMap(({ account }, index) => (account.hasSeat ? [index] : []));
  expect(holders).toHaveLength(1);
  return holders[0]!;
}

describe('a budget with a seat', () => {
  it('lets those below their share grow when it is tight, and one above it', () => {
    const { budget } = seated(100);
    const [small, large, larger] = [5, 20, 26].map((bytes) => new Receiver(budget, bytes)) as [
      Receiver,
      Receiver,
      Receiver,
    ];
    for (const { ask } of [small, large, larger]) ask();
    expect([small, large, larger].map(({ mayGrow }) => mayGrow)).toEqual([true, true, false]);
    large.receive(70);
    expect(large.mayGrow).toBe(true);
    large.receive(10);
    expect([large.account.bytes, large.mayGrow]).toEqual([100, false]);
    large.account.bytes = 0;
    expect(larger.mayGrow).toBe(true);
  });

  it('passes the seat of one that wants no more to one that waits', () => {
    const { budget, clock } = seated(100);
    const all = receivers(budget, 3, 30);
    const left = [holder(all)];
    expect(left).toEqual([0]);
    for (let count = 0; count < 2; count++) {
      all[left.at(-1)!]!.account.leave();
      left.push(holder(all));
      expect(all[left.at(-1)!]!.mayGrow).toBe(true);
    }
    expect(left.sort()).toEqual([0, 1, 2]);
    expect(clock.pending).toBe(0); // nobody waits
  });

  it('goes on where shares grow because others left, though the one with the seat does nothing', () => {
    const { budget } = seated(1_000);
    const [most, idle, waiting, other] = [401, 151, 141, 10].map((bytes) => new Receiver(budget, bytes)) as [
      Receiver,
      Receiver,
      Receiver,
      Receiver,
    ];
    for (const { ask } of [idle, waiting, most]) ask();
    expect([idle, waiting, most].map(({ mayGrow }) => mayGrow)).toEqual([true, false, false]);
    other.account.bytes = 0; // a share is 167 now: two are below it
    expect(budget.isTight).toBe(true);
    expect([idle, waiting, most].map(({ mayGrow }) => mayGrow)).toEqual([true, true, true]);
    expect([idle, waiting, most].map(({ account }) => account.hasSeat)).toEqual([false, false, true]);
  });

  it('takes the seat from one that is below its share', () => {
    const { budget } = seated(1_000);
    const [large, first, other] = [400, 151, 40].map((bytes) => new Receiver(budget, bytes)) as [
      Receiver,
      Receiver,
      Receiver,
    ];
    other.account.bytes = 141;
    first.ask();
    expect([first.account.isOverShare, first.account.hasSeat]).toEqual([false, false]);
    first.receive(50);
    other.ask();
    expect(first.account.hasSeat).toBe(true);
    first.account.bytes = 100;
    large.ask();
    expect([first, large].map(({ account }) => account.hasSeat)).toEqual([false, true]);
  });

  it('passes the seat on where the one that was given it holds no more than its share by then', () => {
    const { budget } = seated(100_000);
    const [seat, completes, large, larger] = [8_000, 29_000, 30_000, 41_000].map(
      (bytes) => new Receiver(budget, bytes),
    ) as [Receiver, Receiver, Receiver, Receiver];
    for (const { ask } of [seat, large, larger, completes]) ask();
    expect([budget.share, seat.account.hasSeat]).toEqual([1_024, true]);
    // The rest of its frame had come before it was paused: with this the limit is not exceeded any more.
    completes.completed++;
    completes.account.bytes = 5_000;
    completes.ask();
    expect([seat, completes].map(({ mayGrow }) => mayGrow)).toEqual([true, true]);
    expect([large, larger].map(({ account }) => account.hasSeat).sort()).toEqual([false, true]);
  });

  it('passes the seat on in turn, and every receiver has it again within twice as many turns as there are others', async () => {
    const { budget, clock } = seated(1_000);
    const all = receivers(budget, 8, 100);
    const lastTurn = all.map(() => 0);
    for (let turn = 1; turn <= 80; turn++) {
      lastTurn[await nextTurn(clock, all)] = turn;
      expect(all.map(({ mayGrow }) => mayGrow)).toEqual(all.map(({ account }) => account.hasSeat));
      for (const last of lastTurn) expect(turn - last).toBeLessThanOrEqual(2 * all.length);
    }
  });

  it.each([0, 20])(
    'serves one that has just come within two turns, where others had %i',
    async (turnsBefore) => {
      const { budget, clock } = seated(1_000);
      const idle = receivers(budget, 8, 100);
      for (let turn = 0; turn < turnsBefore; turn++) await nextTurn(clock, idle);
      const honest = new Receiver(budget, 90);
      honest.ask();
      expect(honest.mayGrow).toBe(false);
      const all = [...idle, honest];
      let turns = 0;
      while (!honest.mayGrow && turns < 10) {
        await nextTurn(clock, all);
        turns++;
      }
      expect(turns).toBeLessThanOrEqual(2);
    },
  );

  it('passes nobody over for ever, though newcomers come without end', async () => {
    const { budget, clock } = seated(10_000);
    const old = receivers(budget, 6, 1_000);
    const hadSeat = new Set<Receiver>();
    let newcomers: Receiver[] = [];
    for (let turn = 0; turn < 40; turn++) {
      newcomers = newcomers.filter((newcomer) => !hadSeat.has(newcomer) || newcomer.account.hasSeat);
      while (newcomers.length < 3) newcomers.push(...receivers(budget, 1, 900));
      const all = [...old, ...newcomers];
      hadSeat.add(all[await nextTurn(clock, all)]!);
      for (const gone of newcomers.filter((newcomer) => hadSeat.has(newcomer) && !newcomer.account.hasSeat)) {
        gone.account.bytes = 0;
        gone.account.leave();
      }
    }
    expect(old.filter((receiver) => !hadSeat.has(receiver))).toEqual([]);
    expect(hadSeat.size).toBeGreaterThan(20);
  });

  it('counts turns in the seat together, until a frame is complete', async () => {
    const { budget, clock } = seated(1_000);
    const [first, second] = receivers(budget, 2, 300) as [Receiver, Receiver];
    const pressedMs = ({ account, completed }: Receiver): number =>
      account.pressedForMs(completed, clock.now());
    for (let turn = 0; turn < 10; turn++) {
      // Something comes in each turn: neither is silent.
      [first, second][holder([first, second])]!.receive(1);
      await nextTurn(clock, [first, second]);
    }
    expect([pressedMs(first), pressedMs(second)]).toEqual([5 * TURN_MS, 5 * TURN_MS]);
    first.completed++;
    expect([pressedMs(first), pressedMs(second)]).toEqual([0, 5 * TURN_MS]);
    first.ask();
    expect(pressedMs(first)).toBe(0);
  });

  it('knows how long one was silent when nothing comes in its turn, waiting included', async () => {
    const { budget, clock } = seated(1_000);
    const all = receivers(budget, 5, 150);
    for (let turn = 0; turn < 50; turn++) await nextTurn(clock, all);
    const waiting = all.filter(({ account }) => !account.hasSeat);
    // Each had the seat for a fifth of the time.
    for (const { account } of waiting)
      expect(account.pressedForMs(0, clock.now())).toBeGreaterThan(25 * TURN_MS);
    const heard = all[await nextTurn(clock, all)]!;
    heard.receive(1);
    await nextTurn(clock, all);
    expect(heard.account.pressedForMs(0, clock.now())).toBeLessThanOrEqual(15 * TURN_MS);
  });

  it('beyond the limit the seat goes to nobody without whom the others are above it, too', async () => {
    const { budget, clock } = seated(1_000);
    const all = receivers(budget, 4, 200);
    all[0]!.receive(500); // 300 above the limit: the others hold less than that
    expect(budget.used).toBe(1_300);
    clock.advance(PATIENCE_MS);
    await until('the turn was judged', () => all[0]!.account.pressedForMs(0, clock.now()) >= PATIENCE_MS);
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(holder(all)).toBe(0);
    all[0]!.complete();
    expect(budget.used).toBe(600);
    expect(all.slice(1).filter(({ mayGrow }) => mayGrow)).toHaveLength(1);
  });
});
