import { testingError } from './errors.js';

// Those of the system: a test may have replaced the global ones.
const { clearTimeout, performance, setImmediate, setTimeout } = globalThis;

/**
 * Waits until `condition` holds: looks once in each turn of the event loop.
 *
 * note: without `what`, the source of the condition says what was waited for.
 * note: time and turns are those of the system, also where a test has fake timers.
 * @param timeoutMs how long, in milliseconds. @default 30_000
 * @throws {PeerError} P2P_ERR_WAITED_IN_VAIN when it does not hold in time; what `condition` throws.
 */
export function until(what: string, condition: () => boolean, timeoutMs?: number): Promise<void>;
/** As with `what`; the source of the condition says what was waited for. */
export function until(condition: () => boolean): Promise<void>;
export async function until(
  first: string | (() => boolean),
  condition = first as () => boolean,
  timeoutMs = 30_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) {
      throw testingError('P2P_ERR_WAITED_IN_VAIN', `waited ${timeoutMs} ms in vain until ${String(first)}`);
    }
    await turn();
  }
}

/**
 * Settles as `promise` does.
 *
 * @param what names what is waited for, in the error.
 * @param timeoutMs how long, in milliseconds. @default 30_000
 * @throws {PeerError} P2P_ERR_WAITED_IN_VAIN when it does not settle in time.
 */
export async function soon<T>(what: string, promise: Promise<T>, timeoutMs = 30_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const fail = (): void =>
      reject(testingError('P2P_ERR_WAITED_IN_VAIN', `waited ${timeoutMs} ms in vain for ${what}`));
    timer = setTimeout(fail, timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Lets `count` turns of the event loop pass: what is under way in memory arrives in a few.
 *
 * @default count 1
 */
export async function turn(count = 1): Promise<void> {
  for (let passed = 0; passed < count; passed++) await new Promise((resolve) => setImmediate(resolve));
}

/** Returns a promise that never settles, for hooks that hang. */
export function never(): Promise<never> {
  return new Promise(() => {});
}
