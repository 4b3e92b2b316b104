import { createCipheriv, createDecipheriv } from 'node:crypto';
import { contextKey } from '@pea2pea/core';
import type { CodecContext } from '@pea2pea/core';
import { transformed } from '@pea2pea/codecs';
import type { BytesFraming } from '@pea2pea/codecs';
import { codecContext } from '@pea2pea/testing';
import type { CodecContexts } from '@pea2pea/testing';

const KEY = contextKey<Buffer>('key');
const TAG_LENGTH = 16;

/** Frames encrypted with AES-256-GCM: a key that a handshake left, a nonce from the direction and the sequence number. */
export function sealed(framing: BytesFraming) {
  return transformed(framing, {
    encoder(context) {
      const [key, isDialer] = [keyOf(context), context.direction === 'outbound'];
      return (payload, sequence) => {
        const cipher = createCipheriv('aes-256-gcm', key, nonceOf(isDialer, sequence));
        return Buffer.concat([cipher.update(payload), cipher.final(), cipher.getAuthTag()]);
      };
    },
    decoder(context) {
      const [key, isDialer] = [keyOf(context), context.direction === 'inbound'];
      return (frame, sequence) => {
        const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(isDialer, sequence));
        decipher.setAuthTag(frame.subarray(-TAG_LENGTH));
        return Buffer.concat([decipher.update(frame.subarray(0, -TAG_LENGTH)), decipher.final()]);
      };
    },
  });
}

/** Both ends with the same key, as after a handshake. */
export function sharedKey(key: Buffer = Buffer.alloc(32, 7)): CodecContexts {
  const contexts = { sender: codecContext('outbound'), receiver: codecContext('inbound') };
  for (const { context } of Object.values(contexts)) context.set(KEY, key);
  return contexts;
}

function keyOf({ context }: CodecContext): Buffer {
  const key = context.get(KEY);
  if (key === undefined) throw new Error('the handshake left no key');
  return key;
}

function nonceOf(ofDialer: boolean, sequence: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce[0] = ofDialer ? 1 : 0;
  nonce.writeBigUInt64BE(BigInt(sequence), 4);
  return nonce;
}
