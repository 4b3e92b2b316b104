import { describe } from '../errors/describe.js';
import { PeerError } from '../errors/errors.js';

/** Names a value of type `T` in a {@link ConnectionContext}. Two keys are different even if their names are alike. */
export interface ContextKey<T> {
  /** What the value is, for people who read code and dumps. */
  readonly description: string;
  /** Type only; never present. */
  readonly valueType?: T;
}

/** A new key: `const identity = contextKey<PublicKey>('identity')`. */
export function contextKey<T>(description: string): ContextKey<T> {
  return Object.freeze({ description });
}

let copy: (given: unknown) => ConnectionContext;

/** A new context with the values of `given`. @throws {PeerError} P2P_ERR_INVALID_CONFIG unless `given` is a context */
export function copyOfContext(given: unknown): ConnectionContext {
  return copy(given);
}

/**
 * What a handshake leaves behind for codecs, hooks and plugins, and what a dial gives to the handshake: values under typed
 * keys. One belongs to each connection; it costs nothing until the first `set`.
 */
export class ConnectionContext {
  static {
    copy = (given) => {
      if (typeof given !== 'object' || given === null || !(#values in given)) {
        throw new PeerError(
          'P2P_ERR_INVALID_CONFIG',
          `\`context\` must be a ConnectionContext, not ${describe(given)}`,
        );
      }
      const made = new ConnectionContext();
      if (given.#values !== undefined) made.#values = new Map(given.#values);
      return made;
    };
  }

  #values: Map<ContextKey<unknown>, unknown> | undefined;

  /** The value under `key`; undefined where none was set. */
  get<T>(key: ContextKey<T>): T | undefined {
    return this.#values?.get(key) as T | undefined;
  }

  /** Whether a value was set under `key`, `undefined` included. */
  has(key: ContextKey<unknown>): boolean {
    return this.#values?.has(key) ?? false;
  }

  /** Puts `value` under `key`, in place of an earlier one. */
  set<T>(key: ContextKey<T>, value: T): void {
    (this.#values ??= new Map()).set(key, value);
  }

  /** The same as {@link set}, and returns the context itself: `new ConnectionContext().with(key, value).with(…)`. */
  with<T>(key: ContextKey<T>, value: T): this {
    this.set(key, value);
    return this;
  }
}
