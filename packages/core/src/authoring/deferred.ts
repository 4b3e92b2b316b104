/** A promise that settles from outside. */
export interface Deferred<T = void> {
  /** Settles as the others say. */
  readonly promise: Promise<T>;
  /** The first call of either counts. */
  readonly resolve: (value: T | PromiseLike<T>) => void;
  /** Rejects, marked as handled: whoever awaits the promise sees the error, and one that nobody awaits hurts nobody. */
  readonly reject: (error: unknown) => void;
}

/** A promise and what settles it; what `Promise.withResolvers` is, for rejections that nobody has to look at. */
export function defer<T = void>(): Deferred<T> {
  let resolve!: (value: T | PromiseLike<T>) => void;
  let rejectPromise!: (error: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    rejectPromise = onReject;
  });
  return {
    promise,
    resolve,
    reject(error) {
      void markHandled(promise);
      rejectPromise(error);
    },
  };
}

/** A promise that has rejected with `error`, marked as handled. */
export function rejected(error: unknown): Promise<never> {
  return markHandled(Promise.reject(error as Error));
}

/**
 * Keeps a rejection that nobody looks at from ending the process; awaiting the promise still rejects.
 * INVARIANT: hook-hurts-its-own.
 */
export function markHandled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(ignore);
  return promise;
}

function ignore(): void {}
