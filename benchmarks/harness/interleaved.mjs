// Measures several things in turns (A B C A B C ...), so that a machine that gets warm or busy is unfair to none of them.
// A round is one turn of each; one before the first warms up and does not count.

export const ROUNDS = 9;

/** What a turn may last when so many contestants have so many seconds together. */
export function sliceNsOf(seconds, contestants, rounds = ROUNDS) {
  return (seconds * 1e9) / contestants.length / (rounds + 1);
}

/**
 * Nanoseconds per operation of each contestant, round by round. `run(times)` does the operation at least so often and
 * answers how often it did.
 */
export function interleaved(contestants, seconds) {
  const sliceNs = sliceNsOf(seconds, contestants);
  const results = contestants.map(() => []);
  for (let round = 0; round <= ROUNDS; round++) {
    contestants.forEach(({ run }, index) => {
      const perOperation = slice(run, sliceNs);
      if (round > 0) results[index].push(perOperation);
    });
  }
  return results;
}

/**
 * The same for work that waits for something: `run()` does it once and answers `{ operations, ns }`, where only what it
 * timed counts. A turn is as many runs as it takes to fill `sliceNs`, at least one, after a `runUp()` where there is one.
 */
export async function interleavedAsync(contestants, { sliceNs, rounds = ROUNDS }) {
  const results = contestants.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [index, { run, runUp }] of contestants.entries()) {
      await runUp?.();
      let [operations, elapsed] = [0, 0];
      do {
        const done = await run();
        operations += done.operations;
        elapsed += done.ns;
      } while (elapsed < sliceNs);
      if (round > 0) results[index].push(elapsed / operations);
    }
  }
  return results;
}

function slice(run, sliceNs) {
  let [operations, elapsed] = [0, 0];
  // Few clock readings: more operations at once, the longer it takes.
  for (let times = 16; elapsed < sliceNs; times = Math.min(times * 2, 4096)) {
    const start = process.hrtime.bigint();
    operations += run(times);
    elapsed += Number(process.hrtime.bigint() - start);
  }
  return elapsed / operations;
}
