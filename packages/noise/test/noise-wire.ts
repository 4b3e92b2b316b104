import type { Duplex } from 'node:stream';
import { CipherState } from '../src/cipher-state.js';
import { NoiseStream } from '../src/noise-stream.js';
import { TransportCipher } from '../src/transport-cipher.js';
import { duplexPair } from './duplex-pair.js';

/** Bytes of a message besides its plaintext: length and tag. */
export const OVERHEAD = 2 + 16;

interface Ciphers {
  readonly sending: TransportCipher;
  readonly receiving: TransportCipher;
}

/** What a handshake would leave on both sides, without one. */
export function cipherPair(rekeyAfterMessages = Infinity, nonce = 0n): [Ciphers, Ciphers] {
  const cipher = (key: number): TransportCipher => {
    const state = new CipherState('ChaChaPoly');
    state.initializeKey(Buffer.alloc(32, key));
    state.setNonce(nonce);
    return new TransportCipher(state, rekeyAfterMessages);
  };
  return [
    { sending: cipher(1), receiving: cipher(2) },
    { sending: cipher(2), receiving: cipher(1) },
  ];
}

/** Each text as a message on the wire. */
export function sealAll(texts: readonly string[], { sending }: Ciphers): Buffer[] {
  return texts.map((text) => {
    const sealed = Buffer.concat(sending.seal([Buffer.from(text)]));
    const head = Buffer.alloc(2);
    head.writeUInt16BE(sealed.length);
    return Buffer.concat([head, sealed]);
  });
}

/** The messages in `wire`, lengths included. */
export function messagesIn(wire: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < wire.length;) {
    const end = at + 2 + wire.readUInt16BE(at);
    messages.push(wire.subarray(at, end));
    at = end;
  }
  return messages;
}

/** A stream that reads, what a sender would have sealed for it, and what became of it. */
export function openReader(texts: readonly string[], { flows = true } = {}) {
  const [ours, theirs] = cipherPair();
  const [under, raw]: [Duplex, Duplex] = duplexPair();
  const stream = new NoiseStream(under, ours);
  const chunks: Buffer[] = [];
  const reader = {
    stream,
    /** The stream under it, and the other end of that, to write to. */
    under,
    raw,
    error: undefined as Error | undefined,
    ended: false,
    plaintext: () => Buffer.concat(chunks),
    closed: new Promise<void>((resolve) => stream.once('close', resolve)),
  };
  raw.resume(); // what our side says is of no interest, its end is
  raw.on('error', () => {});
  stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
  if (!flows) stream.pause();
  stream.on('error', (error) => (reader.error = error));
  stream.on('end', () => {
    reader.ended = true;
    stream.end();
  });
  return { reader, sealed: sealAll(texts, theirs) };
}
