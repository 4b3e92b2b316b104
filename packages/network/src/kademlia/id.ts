import { createHash } from 'node:crypto';

/** Ids of nodes and keys of values have as many bytes: those of a SHA-256. */
export const ID_LENGTH = 32;
/** As many bits tell two ids apart, and as many buckets a routing table has. */
export const ID_BITS = 8 * ID_LENGTH;

const HEX = new RegExp(`^[\\da-f]{${2 * ID_LENGTH}}$`);

/** The place of a node: the SHA-256 of the identity that it has proved. Nobody chooses it; they can only make identities until one suits. */
export function nodeIdOf(identity: string): Buffer {
  return sha256(identity);
}

/** The SHA-256 of all parts in a row. */
export function sha256(...parts: readonly (string | Uint8Array)[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** An id as 64 hexadecimal digits in lower case; undefined for anything else. */
export function readId(text: unknown): Buffer | undefined {
  return typeof text === 'string' && HEX.test(text) ? Buffer.from(text, 'hex') : undefined;
}

/** Below 0 where `a` is closer to `target` than `b`, by the XOR of their ids (Maymounkov and Mazières, 2002). */
export function compareDistance(target: Buffer, a: Buffer, b: Buffer): number {
  for (let index = 0; index < ID_LENGTH; index++) {
    const goal = target[index]!;
    const difference = (a[index]! ^ goal) - (b[index]! ^ goal);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** How many of their first bits are the same: from 0 to {@link ID_BITS}. */
export function sharedBits(a: Buffer, b: Buffer): number {
  for (let index = 0; index < ID_LENGTH; index++) {
    const difference = a[index]! ^ b[index]!;
    if (difference !== 0) return 8 * index + Math.clz32(difference) - 24;
  }
  return ID_BITS;
}

/** An id that shares exactly `bits` bits with `id`; the others are of `random`. */
export function idWithSharedBits(id: Buffer, bits: number, random: { next(): number }): Buffer {
  const made = Buffer.from(id);
  for (let bit = bits; bit < ID_BITS; bit++) {
    const isFlipped = bit === bits || random.next() < 0.5;
    if (isFlipped) made[bit >> 3]! ^= 0x80 >> (bit & 7);
  }
  return made;
}

/** The id of the node with an identity, in 64 hexadecimal digits: the SHA-256 of the identity. */
export function nodeId(identity: string): string {
  return nodeIdOf(identity).toString('hex');
}
