import { isPromise } from '@pea2pea/core/authoring';

/**
 * Calls each, also after one that fails: one protocol does not keep another from being told.
 *
 * @param also is given what another than the first threw or rejected with
 * @returns a promise where one of them returned one; it rejects as the first of them does
 * @throws what the first of them threw
 */
export function callEach(
  calls: Iterable<() => unknown>,
  also: (error: unknown) => void,
): void | Promise<void> {
  const pending: Promise<unknown>[] = [];
  let first: { readonly error: unknown } | undefined;
  const rejected = (error: unknown): void => {
    if (first !== undefined) {
      also(error);
      return;
    }
    first = { error };
    throw error;
  };
  for (const call of calls) {
    try {
      const returned = call();
      if (isPromise(returned)) pending.push(Promise.resolve(returned).catch(rejected));
    } catch (error) {
      if (first === undefined) first = { error };
      else also(error);
    }
  }
  // Nothing that was pending has settled yet, so that this is what was thrown.
  if (first !== undefined) throw first.error;
  return pending.length === 0 ? undefined : Promise.all(pending).then(() => {});
}
