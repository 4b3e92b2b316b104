import { invalidConfig } from './checks.js';

/**
 * Whether `value` is something to wait for: a promise, or an object of another library that behaves like one.
 *
 * note: call {@link whenSettled}, or `Promise.resolve(value)`, rather than its `then`: that of another library may call
 * back twice, at once, or never.
 */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    'then' in value &&
    typeof value.then === 'function'
  );
}

/**
 * What a user's function returned that has to decide at once: a promise, which would be taken for true, is refused.
 *
 * note: nobody will await it, so nobody is told that it rejected, either. INVARIANT: foreign-values-are-harmless.
 * @param name of the function, for the message: `` `strikesFor` ``
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG for a promise, of any library
 */
export function requireAtOnce<T>(name: string, returned: T): T {
  if (!isPromise(returned)) return returned;
  whenSettled(returned, ignore, ignore);
  throw invalidConfig(`${name} must return at once, not a promise`);
}

/**
 * Calls one of both when `promise` settles: once, in a later turn, whatever a foreign `then` does. That is how promises
 * resolve with thenables (ECMA-262, section 27.2.1.3.2); a promise of the language costs nothing more than its own `then`.
 */
export function whenSettled(
  promise: PromiseLike<unknown>,
  onFulfilled: (value: unknown) => void,
  onRejected: (error: unknown) => void,
): void {
  // Not `promise.then`, which may have been replaced.
  void Reflect.apply(then, Promise.resolve(promise), [onFulfilled, onRejected]);
}

// eslint-disable-next-line @typescript-eslint/unbound-method -- called with a promise as `this` above
const { then } = Promise.prototype;

function ignore(): void {}
