import { isPromise, markHandled } from '@pea2pea/core/authoring';

/**
 * Calls each, also after one that fails: one protocol does not keep another from being told.
 *
 * @returns a promise where one of them returned one; it rejects as the first of them does
 * @throws what the first of them threw
 */
export function callEach(calls: Iterable<() => unknown>): void | Promise<void> {
  const pending: PromiseLike<unknown>[] = [];
  const thrown: unknown[] = [];
  for (const call of calls) {
    try {
      const returned = call();
      if (isPromise(returned)) pending.push(returned);
    } catch (error) {
      thrown.push(error);
    }
  }
  const settled = pending.length === 0 ? undefined : Promise.all(pending).then(() => {});
  if (thrown.length === 0) return settled;
  if (settled !== undefined) void markHandled(settled);
  throw thrown[0];
}
