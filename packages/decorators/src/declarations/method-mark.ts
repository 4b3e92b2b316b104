/** Names a kind of method that a plugin calls, and the type of what its decorator says about each. */
export interface MethodMark<T> {
  /** The decorator, as users write it: `@OnTopic`. */
  readonly decorator: string;
  /** Type only; never present. */
  readonly valueType?: T;
}

/**
 * A new mark, for a plugin with decorators of its own; {@link markedBy} makes the decorators.
 *
 * ```ts
 * const TOPIC = methodMark<string>('@OnTopic');
 *
 * export const OnTopic = (topic: string) => markedBy<string, [text: string, connection: AnyConnection]>(TOPIC, topic);
 *
 * @Plugin({ inject: [MarkedMethods] })
 * class Topics {
 *   constructor(methods: MarkedMethods) { this.#methods = methods.of(TOPIC); }
 * }
 * ```
 */
export function methodMark<T>(decorator: string): MethodMark<T> {
  return Object.freeze({ decorator });
}
