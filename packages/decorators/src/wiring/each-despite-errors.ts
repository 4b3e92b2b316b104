import { isPromise } from '@pea2pea/core/authoring';

/**
 * Runs `calls` one after the other, all of them; rejects as the first of them that failed.
 *
 * note: as long as none returns a promise, all of it happens in this turn.
 */
export async function eachDespiteErrors(calls: readonly (() => unknown)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const call of calls) {
    try {
      const answer = call();
      if (isPromise(answer)) await answer;
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
