/** Calls `work(index, lane)` for every index below `count`, each lane one after the other; resolves when all are done. */
export async function atOnce(lanes, count, work) {
  let next = 0;
  const run = async (lane) => {
    while (next < count) await work(next++, lane);
  };
  await Promise.all(Array.from({ length: lanes }, (_, lane) => run(lane)));
}
