import type { TracingChannel } from 'node:diagnostics_channel';
import type { TracedDiagnostic } from '../contracts/diagnostics.js';
import { isPromise } from './thenable.js';

/**
 * Calls `call` as `channel` traces it: `start` and `end` around what it does at once, `asyncStart` and `asyncEnd` when the promise
 * that it returned has settled, and before those `error` where it threw or rejected; `error` is in the event then, otherwise `result`.
 * From `end` on it has the `promise`, if there is one: who wants to know of a few calls only need not hear of the ends of all.
 *
 * note: where a subscriber of `start` has set `around` of the event, that makes the call: see {@link TracedDiagnostic}.
 * note: what is not a promise is returned as it is, which `tracePromise` of Node.js does not do.
 * note: ask `channel.hasSubscribers` before: this costs an event and, for a promise, another one.
 * @throws what `call` throws
 */
export function traced<T>(channel: TracingChannel, event: object, call: () => T): T {
  const failed = (error: unknown): void => {
    Object.assign(event, { error });
    channel.error.publish(event);
  };
  const over = (): void => {
    channel.asyncStart.publish(event);
    channel.asyncEnd.publish(event);
  };
  return channel.start.runStores(event, () => {
    try {
      const { around } = event as TracedDiagnostic;
      const result: unknown = around === undefined ? call() : around(call);
      if (!isPromise(result)) {
        Object.assign(event, { result });
        return result as T;
      }
      const promise = Promise.resolve(result).then(
        (value: unknown) => {
          Object.assign(event, { result: value });
          over();
          return value;
        },
        (error: unknown) => {
          failed(error);
          over();
          throw error;
        },
      );
      Object.assign(event, { promise });
      return promise as T;
    } catch (error) {
      failed(error);
      throw error;
    } finally {
      channel.end.publish(event);
    }
  });
}
