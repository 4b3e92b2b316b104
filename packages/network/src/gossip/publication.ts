import { createHash } from 'node:crypto';
import { PeerError } from '@pea2pea/core';
import { decodeUtf8 } from '@pea2pea/core/authoring';
import type { GossipSigner } from './signing.js';

/**
 * A message as it is published, and passed on without a change:
 *
 * ```text
 * [ n | signature: n bytes ][ n | topic: n bytes ][ n | origin: n bytes ][ nonce: 8 bytes ][ payload ]
 *                           `---------------- what is signed, and hashed for the id ----------------'
 * ```
 */
export interface Publication {
  /** All of it, in memory of its own. */
  readonly bytes: Buffer;
  readonly topic: string;
  /** Who signed it; empty where nobody did. */
  readonly origin: string;
  readonly signature: Buffer;
  /** What is signed. */
  readonly core: Buffer;
  readonly payload: Buffer;
}

/** The id of a message: 16 bytes of a SHA-256, a character each. Everybody computes it by themselves. */
export type MessageId = string;

export const ID_BYTES = 16;
export const MAX_TOPIC_BYTES = 100;
const NONCE_BYTES = 8;
/** So that a signature is good for nothing else. */
const DOMAIN = Buffer.from('pea2pea/gossip/1\0');

/** What a message has besides its payload, at most. */
export const MAX_OVERHEAD = 1 + 255 + 1 + MAX_TOPIC_BYTES + 1 + 128 + NONCE_BYTES;

/** Makes a publication. */
export function publicationOf(
  topic: string,
  payload: Uint8Array,
  nonce: Uint8Array,
  signer: GossipSigner | undefined,
): Publication {
  const [name, origin] = [Buffer.from(topic), Buffer.from(signer?.identity ?? '', 'latin1')];
  const core = Buffer.concat([
    Buffer.of(name.length),
    name,
    Buffer.of(origin.length),
    origin,
    nonce,
    payload,
  ]);
  const signature = signer?.sign(signed(core)) ?? Buffer.alloc(0);
  return readPublication(Buffer.concat([Buffer.of(signature.length), signature, core]));
}

/** @throws {PeerError} P2P_ERR_INVALID_FRAME */
export function readPublication(bytes: Buffer): Publication {
  let at = 0;
  const part = (): Buffer => {
    const length = bytes[at] ?? bytes.length;
    const end = at + 1 + length;
    if (end > bytes.length) throw new PeerError('P2P_ERR_INVALID_FRAME', 'a publication is cut');
    const read = bytes.subarray(at + 1, end);
    at = end;
    return read;
  };
  const signature = part();
  const coreAt = at;
  const topic = readTopic(part());
  const origin = part().toString('latin1');
  if (at + NONCE_BYTES > bytes.length)
    throw new PeerError('P2P_ERR_INVALID_FRAME', 'a publication has no nonce');
  const payload = bytes.subarray(at + NONCE_BYTES);
  return { bytes, topic, origin, signature, core: bytes.subarray(coreAt), payload };
}

/** @throws {PeerError} P2P_ERR_INVALID_FRAME */
export function readTopic(bytes: Buffer): string {
  if (bytes.length === 0 || bytes.length > MAX_TOPIC_BYTES) {
    throw new PeerError('P2P_ERR_INVALID_FRAME', `a topic has ${bytes.length} bytes`);
  }
  return decodeUtf8(bytes);
}

/** Nobody can make another message of the same id, nor has to believe what a peer says it is. */
export function idOf({ core, topic, payload }: Publication, ids: 'publication' | 'content'): MessageId {
  const hash = createHash('sha256');
  if (ids === 'content') hash.update(`${Buffer.byteLength(topic)}:${topic}`).update(payload);
  else hash.update(core);
  return hash.digest().toString('latin1', 0, ID_BYTES);
}

/** Whether it is signed by the origin that it names, or by nobody where there is no `signer`. */
export function isAuthentic(publication: Publication, signer: GossipSigner | undefined): boolean {
  const { origin, signature, core } = publication;
  if (signer === undefined) return origin === '' && signature.length === 0;
  return origin !== '' && signer.verify(origin, signed(core), signature);
}

function signed(core: Buffer): Buffer {
  return Buffer.concat([DOMAIN, core]);
}
