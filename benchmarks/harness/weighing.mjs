// What one of many weighs: the difference between a few and many, as the heap and V8's caches grow in steps.
export const WARM_UP = 200;
export const MANY = 4_000;

/** Memory of `ends` with some inbound connections, and with many more. */
export async function inbound(ends, crowd, warmUp = WARM_UP) {
  const [port] = await ends.ask('listen', 'listening');
  const grow = async (count, total) => {
    await crowd.ask(`dial ${port} ${count}`, 'dialled');
    await ends.ask(`opened ${total}`, 'reached');
    return memoryOf(ends);
  };
  const before = await grow(warmUp, warmUp);
  const after = await grow(MANY, warmUp + MANY);
  return { before, after };
}

export async function memoryOf(ends) {
  const [heap, resident] = (await ends.ask('memory', 'memory')).map(Number);
  return { heap, resident };
}

/** What one of the many weighs. */
export function perOne(before, after) {
  return { heap: (after.heap - before.heap) / MANY, resident: (after.resident - before.resident) / MANY };
}
