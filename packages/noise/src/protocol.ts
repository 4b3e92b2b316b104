import { PeerError } from '@pea2pea/core';
import { describe, invalidConfig } from '@pea2pea/core/authoring';
import { CIPHERS, hasCipher, type CipherName } from './cipher-state.js';
import { hasHash, HASHES, type HashName } from './hash.js';
import { PATTERN_NAMES, patternOf, type HandshakePattern } from './patterns.js';

/** What a protocol name stands for; the Noise specification, section 8. */
export interface NoiseProtocol {
  /** The whole name, such as `Noise_XXpsk3_25519_ChaChaPoly_BLAKE2s`. */
  readonly name: string;
  /** The messages and their tokens. */
  readonly pattern: HandshakePattern;
  /** `ChaChaPoly` or `AESGCM`. */
  readonly cipher: CipherName;
  /** `SHA256`, `SHA512`, `BLAKE2s` or `BLAKE2b`. */
  readonly hash: HashName;
}

/**
 * Parses a protocol name.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming `pattern` and the possible values; P2P_ERR_UNSUPPORTED when this runtime
 * does not have the cipher or the hash
 */
export function parseProtocolName(name: unknown): NoiseProtocol {
  const parts = typeof name === 'string' ? name.split('_') : [];
  if (typeof name !== 'string' || parts.length !== 5 || parts[0] !== 'Noise') {
    throw invalidConfig(
      `\`pattern\` must be a name such as 'Noise_XX_25519_ChaChaPoly_SHA256', not ${describe(name)}`,
    );
  }
  const [, patternName = '', dh = '', cipher = '', hash = ''] = parts;
  const pattern = patternOf(patternName);
  if (pattern === undefined) {
    throw unknown(name, patternName, [...PATTERN_NAMES, 'one of them with modifiers such as psk3']);
  }
  if (dh !== '25519') throw unknown(name, dh, ['25519']);
  if (!isKey(CIPHERS, cipher)) throw unknown(name, cipher, Object.keys(CIPHERS));
  if (!isKey(HASHES, hash)) throw unknown(name, hash, Object.keys(HASHES));
  requireSupported(cipher, CIPHERS, hasCipher);
  requireSupported(hash, HASHES, hasHash);
  return { name, pattern, cipher, hash };
}

/** What this runtime has, by name: asked once. */
const supported = new Map<string, boolean>();

/** @throws {PeerError} P2P_ERR_UNSUPPORTED naming what this runtime has instead */
function requireSupported<T extends object>(
  name: keyof T & string,
  table: T,
  has: (name: keyof T & string) => boolean,
): void {
  const isSupported = supported.get(name) ?? has(name);
  supported.set(name, isSupported);
  if (isSupported) return;
  const choice = Object.keys(table).filter((other) => has(other as keyof T & string));
  const instead = choice.length === 0 ? 'nothing that could take its place' : choice.join(' and ');
  throw new PeerError(
    'P2P_ERR_UNSUPPORTED',
    `this runtime does not have ${name} for Noise; it has ${instead}`,
  );
}

function unknown(name: string, part: string, choice: readonly string[]): Error {
  return invalidConfig(
    `\`pattern\` is ${describe(name)}, in which ${describe(part)} is unknown; supported: ${choice.join(', ')}`,
  );
}

function isKey<T extends object>(table: T, key: string): key is keyof T & string {
  return Object.hasOwn(table, key);
}
