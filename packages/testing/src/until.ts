/**
 * Waits until `condition` holds: looks once in each turn of the event loop.
 *
 * note: without `what`, the source of the condition says what was waited for.
 * @default timeoutMs 30_000
 * @throws {Error} when it does not hold in time.
 */
export function until(what: string, condition: () => boolean, timeoutMs?: number): Promise<void>;
export function until(condition: () => boolean): Promise<void>;
export async function until(
  first: string | (() => boolean),
  condition = first as () => boolean,
  timeoutMs = 30_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline)
      throw new Error(`waited ${timeoutMs} ms in vain until ${String(first)}`);
    await turn();
  }
}

/**
 * Settles as `promise` does.
 *
 * @default timeoutMs 30_000
 * @throws {Error} when it does not settle in time; the error names `what`.
 */
export async function soon<T>(what: string, promise: Promise<T>, timeoutMs = 30_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${timeoutMs} ms in vain for ${what}`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Lets `count` turns of the event loop pass: what is under way in memory arrives in a few. */
export async function turn(count = 1): Promise<void> {
  for (let passed = 0; passed < count; passed++) await new Promise((resolve) => setImmediate(resolve));
}

/** What hangs for ever. */
export function never(): Promise<never> {
  return new Promise(() => {});
}
