// Measures several things in turns (A B C A B C ...), so that a machine that gets warm or busy is unfair to none of them.

/** Rounds whose median and spread are reported; one before them warms up and does not count. */
const ROUNDS = 9;

/**
 * Nanoseconds per operation of each contestant: `{ median, spread }`, where spread is the middle half of the rounds as a
 * part of the median. `run(times)` does the operation at least so often and answers how often it did.
 */
export function interleaved(contestants, seconds) {
  const sliceNs = (seconds * 1e9) / contestants.length / (ROUNDS + 1);
  const results = contestants.map(() => []);
  for (let round = 0; round <= ROUNDS; round++) {
    contestants.forEach(({ run }, index) => {
      const perOperation = slice(run, sliceNs);
      if (round > 0) results[index].push(perOperation);
    });
  }
  return results.map(summary);
}

/**
 * The same for work that waits for something: `run()` does it once and answers `{ operations, ns }`, where only what it
 * timed counts.
 */
export async function interleavedAsync(contestants, seconds) {
  const sliceNs = (seconds * 1e9) / contestants.length / (ROUNDS + 1);
  const results = contestants.map(() => []);
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [index, { run }] of contestants.entries()) {
      let [operations, elapsed] = [0, 0];
      while (elapsed < sliceNs) {
        const done = await run();
        operations += done.operations;
        elapsed += done.ns;
      }
      if (round > 0) results[index].push(elapsed / operations);
    }
  }
  return results.map(summary);
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

function summary(rounds) {
  const sorted = rounds.toSorted((a, b) => a - b);
  const at = (part) => sorted[Math.round(part * (sorted.length - 1))];
  return { median: at(0.5), spread: (at(0.75) - at(0.25)) / at(0.5) };
}
