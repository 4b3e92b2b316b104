/**
 * The smallest subset of `items` that still fails, as far as removing parts of it finds one: halves first, then ever smaller
 * parts, and at last one by one.
 *
 * note: `fails` is asked `most` times at most.
 */
export async function shrink<T>(
  items: readonly T[],
  fails: (some: readonly T[]) => Promise<boolean>,
  most: number,
): Promise<readonly T[]> {
  let left = items;
  let asked = 0;
  const stillFails = (some: readonly T[]): Promise<boolean> => {
    asked++;
    return fails(some);
  };
  if (left.length > 0 && (await stillFails([]))) return [];
  let size = Math.ceil(left.length / 2);
  while (left.length > 0 && asked < most) {
    let wasSmaller = false;
    for (let start = 0; start < left.length && asked < most;) {
      const without = [...left.slice(0, start), ...left.slice(start + size)];
      if (without.length > 0 && (await stillFails(without))) {
        left = without;
        wasSmaller = true;
      } else {
        start += size;
      }
    }
    if (size === 1 && !wasSmaller) break;
    size = Math.max(1, Math.ceil(size / 2));
  }
  return left;
}
