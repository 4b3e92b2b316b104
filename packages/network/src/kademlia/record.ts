import { createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { describe, readData } from '@pea2pea/core/authoring';
import { networkError } from '../shared/errors.js';
import { sha256 } from './id.js';

/** Names of signed values have at most as many bytes of UTF-8. */
export const MAX_NAME_BYTES = 64;
/** An Ed25519 public key, and a signature. */
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** What comes before the 32 bytes of an Ed25519 public key in SPKI (RFC 8410). */
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex');
/** Signatures and keys of this protocol are good for nothing else. */
const KEY_DOMAIN = 'pea2pea kademlia key\n';
const SIGNATURE_DOMAIN = 'pea2pea kademlia value\n';

/** Who signed a value, and which one of theirs it is. */
export interface Signed {
  /** The Ed25519 public key, 32 bytes. */
  readonly publicKey: Buffer;
  /** One key signs many values, told apart by their names. */
  readonly name: string;
  /** Tells which of two values with the same key and name counts: the one with the higher number. */
  readonly sequence: number;
  /** When the value is over, in milliseconds since the Unix epoch: nobody who stores it makes it last longer. */
  readonly expiresMs: number;
  /** 64 bytes. */
  readonly signature: Buffer;
}

/**
 * A value of the network: content-addressed, its key being its SHA-256; or signed, its key being that of its signer and name. There is
 * no other kind, so nobody can put a value of their own in the place of one.
 */
export interface DhtRecord {
  /** The bytes that were put. */
  readonly value: Buffer;
  /** Who signed it; undefined where it is content-addressed. */
  readonly signed?: Signed | undefined;
}

/** What {@link signValue} signs. */
export interface ValueToSign {
  /** An Ed25519 private key. */
  readonly privateKey: KeyObject;
  /** Tells values of the same key apart; at most 64 bytes. @default '' */
  readonly name?: string;
  /** A whole number, higher than that of the value that it replaces. */
  readonly sequence: number;
  /** The value. */
  readonly value: Uint8Array;
  /** When the value is over, in milliseconds since the Unix epoch. */
  readonly expiresMs: number;
}

/** The key of a content-addressed value. */
export function contentKey(value: Uint8Array): string {
  return sha256(value).toString('hex');
}

/** The key of the values that `publicKey` signs under `name`. @throws {PeerError} P2P_ERR_INVALID_VALUE */
export function signedKey(publicKey: KeyObject | Uint8Array, name = ''): string {
  return keyOfSigned(rawKey(publicKey), checkName(name)).toString('hex');
}

/** The key under which a record is found. */
export function keyOf({ value, signed }: DhtRecord): Buffer {
  return signed === undefined ? sha256(value) : keyOfSigned(signed.publicKey, signed.name);
}

/**
 * Signs a value, for {@link Kademlia.put}.
 *
 * note: the keys of `noise` agree on secrets and cannot sign: make one with `generateKeyPairSync('ed25519')`.
 * @throws {PeerError} P2P_ERR_INVALID_VALUE
 */
export function signValue({ privateKey, name = '', sequence, value, expiresMs }: ValueToSign): DhtRecord {
  checkName(name);
  if (!isCount(sequence)) throw invalid('`sequence` must be a whole number from 0 up');
  if (!(expiresMs >= 0 && expiresMs <= Number.MAX_SAFE_INTEGER)) {
    throw invalid('`expiresMs` must be milliseconds since the Unix epoch');
  }
  if (!(value instanceof Uint8Array)) throw invalid(`\`value\` must be bytes, not ${describe(value)}`);
  if (privateKey?.type !== 'private') throw invalid('`privateKey` must be an Ed25519 private key');
  const publicKey = rawKey(createPublicKey(privateKey));
  const wholeMs = Math.floor(expiresMs);
  const unsigned = { value: Buffer.from(value), publicKey, name, sequence, expiresMs: wholeMs };
  const signature = sign(null, signedBytes(unsigned), privateKey);
  return { value: unsigned.value, signed: { publicKey, name, sequence, expiresMs: wholeMs, signature } };
}

/** Whether the signature of a record is that of its key; a record without one is as good as its key. */
export function isAuthentic({ value, signed }: DhtRecord): boolean {
  if (signed === undefined) return true;
  const { publicKey, signature } = signed;
  if (publicKey.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  try {
    const key = createPublicKey({ key: Buffer.concat([SPKI_HEAD, publicKey]), format: 'der', type: 'spki' });
    return verify(null, signedBytes({ value, ...signed }), key, signature);
  } catch {
    return false; // not a point of the curve
  }
}

/** A record as JSON carries it. */
export interface RecordMessage {
  readonly value: string;
  readonly publicKey?: string;
  readonly name?: string;
  readonly sequence?: number;
  readonly expiresMs?: number;
  readonly signature?: string;
}

export function writeRecord({ value, signed }: DhtRecord): RecordMessage {
  if (signed === undefined) return { value: value.toString('base64') };
  const { publicKey, name, sequence, expiresMs, signature } = signed;
  return {
    value: value.toString('base64'),
    publicKey: publicKey.toString('base64'),
    name,
    sequence,
    expiresMs,
    signature: signature.toString('base64'),
  };
}

/** A record of a peer that is well-formed, whatever it is worth; undefined for anything else. */
export function readRecord(message: unknown, maxValueBytes: number): DhtRecord | undefined {
  const value = readBytes(readData(message, 'value'), maxValueBytes);
  if (value === undefined) return undefined;
  if (readData(message, 'publicKey') === undefined) return { value };
  const publicKey = readBytes(readData(message, 'publicKey'), KEY_BYTES);
  const signature = readBytes(readData(message, 'signature'), SIGNATURE_BYTES);
  const [name, sequence, expiresMs] = ['name', 'sequence', 'expiresMs'].map((key) => readData(message, key));
  if (publicKey === undefined || signature === undefined || !isName(name)) return undefined;
  if (!isCount(sequence) || !isCount(expiresMs)) return undefined;
  return { value, signed: { publicKey, name, sequence, expiresMs, signature } };
}

/** Whether `record` counts more than `other`, which has the same key. */
export function isNewer(record: DhtRecord, other: DhtRecord): boolean {
  const [ours, theirs] = [record.signed?.sequence ?? 0, other.signed?.sequence ?? 0];
  // Of two with one number the same has to win everywhere.
  return ours === theirs ? Buffer.compare(record.value, other.value) > 0 : ours > theirs;
}

function keyOfSigned(publicKey: Buffer, name: string): Buffer {
  return sha256(KEY_DOMAIN, publicKey, name);
}

/** Every part has a fixed length, or its length before it: two different values never have the same bytes. */
function signedBytes({ value, name, sequence, expiresMs }: Omit<Signed, 'signature'> & DhtRecord): Buffer {
  const nameBytes = Buffer.from(name);
  const numbers = Buffer.alloc(17);
  numbers.writeBigUInt64BE(BigInt(sequence), 0);
  numbers.writeBigUInt64BE(BigInt(expiresMs), 8);
  numbers.writeUInt8(nameBytes.length, 16);
  return Buffer.concat([Buffer.from(SIGNATURE_DOMAIN), numbers, nameBytes, value]);
}

function rawKey(key: KeyObject | Uint8Array): Buffer {
  if (key instanceof Uint8Array) {
    if (key.length === KEY_BYTES) return Buffer.from(key);
    throw invalid('a public key has 32 bytes');
  }
  const { x } = key.export({ format: 'jwk' });
  const isEd25519 = key.asymmetricKeyType === 'ed25519';
  if (!isEd25519 || x === undefined) throw invalid('the key must be an Ed25519 key');
  return Buffer.from(x, 'base64url');
}

/** Bytes in base64, at most `limit` of them. */
function readBytes(text: unknown, limit: number): Buffer | undefined {
  if (typeof text !== 'string' || text.length > Math.ceil(limit / 3) * 4) return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length <= limit && bytes.toString('base64') === text ? bytes : undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isName(name: unknown): name is string {
  if (typeof name !== 'string' || name.length > MAX_NAME_BYTES) return false;
  const bytes = Buffer.from(name);
  return bytes.length <= MAX_NAME_BYTES && bytes.toString() === name; // else it has half a character
}

function checkName(name: string): string {
  if (!isName(name)) throw invalid(`\`name\` must be a string of at most ${MAX_NAME_BYTES} bytes`);
  return name;
}

function invalid(what: string): Error {
  return networkError('P2P_ERR_INVALID_VALUE', what);
}
