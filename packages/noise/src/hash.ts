import { createHash, createHmac } from 'node:crypto';

/** The hashes by their names in the specification, section 12, with OpenSSL's names. HASHLEN is 32 or 64 bytes. */
export const HASHES = {
  SHA256: 'sha256',
  SHA512: 'sha512',
  BLAKE2s: 'blake2s256',
  BLAKE2b: 'blake2b512',
} as const;

export type HashName = keyof typeof HASHES;

/** Whether this runtime has the hash: Bun 1.4 has no BLAKE2 for HMAC. */
export function hasHash(name: HashName): boolean {
  try {
    hkdf(name, Buffer.alloc(0), Buffer.alloc(0));
    return true;
  } catch {
    return false;
  }
}

/** HASH(data), where `data` is given in parts. */
export function hash(name: HashName, ...data: readonly Uint8Array[]): Buffer {
  const hashing = createHash(HASHES[name]);
  for (const part of data) hashing.update(part);
  return hashing.digest();
}

/** HKDF(chaining_key, input_key_material, 3); section 4.3. Callers that need two outputs ignore the third. */
export function hkdf(name: HashName, chainingKey: Uint8Array, input: Uint8Array): [Buffer, Buffer, Buffer] {
  const hmac = (key: Uint8Array, ...data: readonly Uint8Array[]): Buffer => {
    const hashing = createHmac(HASHES[name], key);
    for (const part of data) hashing.update(part);
    return hashing.digest();
  };
  const temporary = hmac(chainingKey, input);
  const first = hmac(temporary, Buffer.of(1));
  const second = hmac(temporary, first, Buffer.of(2));
  return [first, second, hmac(temporary, second, Buffer.of(3))];
}
