/** The first of many, and how many there are: what the state of a plugin shows of a list that may be long. */
export interface Excerpt<T> {
  /** How many there are. */
  readonly total: number;
  /** The first of them. */
  readonly items: readonly T[];
}

const MOST_ITEMS = 50;

/**
 * Counts `all`, and describes the first of them with `show`.
 *
 * ```ts
 * [PLUGIN_STATE]() {
 *   return { banned: excerpt(this.#bans.values(), ({ host, why }) => ({ host, why })) };
 * }
 * ```
 *
 * @param most how many are described. @default 50
 */
export function excerpt<T, Shown>(
  all: Iterable<T>,
  show: (one: T) => Shown,
  most: number = MOST_ITEMS,
): Excerpt<Shown> {
  const items: Shown[] = [];
  let total = 0;
  for (const one of all) if (total++ < most) items.push(show(one));
  return { total, items };
}
