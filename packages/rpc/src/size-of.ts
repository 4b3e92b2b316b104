/** What an object, a list or a member of one takes beside its content. */
const OVERHEAD = 32;

/**
 * About how many bytes of memory `value` takes: what waits is bounded by it, so it need not be exact. Objects that are not
 * plain data count as empty.
 */
export function sizeOf(value: unknown): number {
  let size = 0;
  const left: unknown[] = [value];
  while (left.length > 0) {
    const next = left.pop();
    size += OVERHEAD;
    if (typeof next === 'string') size += 2 * next.length;
    else if (ArrayBuffer.isView(next)) size += next.byteLength;
    else if (Array.isArray(next)) for (const member of next as unknown[]) left.push(member);
    else if (typeof next === 'object' && next !== null) {
      for (const [key, member] of Object.entries(next)) {
        size += key.length;
        left.push(member);
      }
    }
  }
  return size;
}
