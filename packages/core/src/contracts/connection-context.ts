/** Names a value of type `T` in a {@link ConnectionContext}. Two keys are different even if their names are alike. */
export interface ContextKey<T> {
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

  get<T>(key: ContextKey<T>): T | undefined {
    return this.#values?.get(key) as T | undefined;
  }

  has(key: ContextKey<unknown>): boolean {
    return this.#values?.has(key) ?? false;
  }

  set<T>(key: ContextKey<T>, value: T): void {
    (this.#values ??= new Map()).set(key, value);
  }
}
