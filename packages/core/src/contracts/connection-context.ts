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

/**
 * What a handshake leaves behind for codecs, hooks and plugins: values under typed keys.
 * One belongs to each connection; it costs nothing until the first `set`.
 */
export class ConnectionContext {
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
}
