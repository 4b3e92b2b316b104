/** A promise that settles from outside. */
export interface Deferred<T = void> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  /** Rejects, marked as handled: whoever awaits it sees the error, and a promise that nobody awaits hurts nobody. */
  reject(error: Error): void;
}

export function defer<T = void>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let rejectPromise!: (error: Error) => void;
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

/** A rejected promise, marked as handled. */
export function rejected(error: Error): Promise<never> {
  return markHandled(Promise.reject(error));
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
