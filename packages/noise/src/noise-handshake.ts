import type { Duplex } from 'node:stream';
import { PeerError } from '@pea2pea/core';
import { TAG_LENGTH } from './cipher-state.js';
import { HandshakeState } from './handshake-state.js';
import { HEADER_LENGTH } from './message-reader.js';
import { NoiseStream } from './noise-stream.js';
import { checkedHandshake, requireBytes, type NoiseHandshakeOptions } from './options.js';
import { MAX_PLAINTEXT_LENGTH, TransportCipher } from './transport-cipher.js';

/** What a Noise handshake reads from and writes to: the `handshake` of a hook, or any object with these two methods. */
export interface NoiseWire {
  /** Resolves with the next `size` bytes. */
  read(size: number): Promise<Buffer>;
  /** Writes `bytes` after those before them. */
  write(bytes: Uint8Array): Promise<unknown>;
  /** Resolves when this side may compute for the peer: the responder calls it once, after the first message has come. */
  turn?(): Promise<void>;
}

/** The result of a handshake. */
export interface NoiseSession {
  /** The protocol name, as given in the option `pattern`. */
  readonly pattern: string;
  /** The public key of the peer, 32 bytes; undefined for patterns in which it has none. */
  readonly remoteStaticKey: Buffer | undefined;
  /**
   * A value that is the same on both sides and different for every handshake: sign it, or derive keys from it, to bind
   * something to this connection alone; the Noise specification, section 11.2.
   */
  readonly handshakeHash: Buffer;
  /** The payload of the peer's last handshake message; empty if it sent none. */
  readonly remotePayload: Buffer;
}

/** A finished handshake, and the function that encrypts a stream with its keys. */
export interface NoiseChannel {
  /** What the handshake established. */
  readonly session: NoiseSession;
  /**
   * Returns an encrypted stream over `raw`, the stream that carried the handshake. To be called once.
   *
   * note: a message that does not authenticate or is too short destroys the stream with P2P_ERR_INVALID_FRAME, one that
   * the end of `raw` cuts with P2P_ERR_TRUNCATED_FRAME; in both cases after everything before it has been read.
   * note: an end between two messages is not authenticated: anyone on the network path can fake it. A protocol that must
   * know whether it received everything has to say so itself.
   * note: the stream owns `raw`: it ends `raw` when it ends, and destroys `raw` when it is destroyed.
   */
  secure(raw: Duplex): Duplex;
}

/**
 * Performs a Noise handshake over `wire`. Each message is preceded by its length as a big-endian uint16.
 *
 * ```ts
 * const channel = await noiseHandshake(handshake, { pattern, initiator, staticKey });
 * handshake.upgrade(channel.secure(handshake.takeStream()), { reusesBuffers: true, neverReenters: true });
 * ```
 *
 * note: it has no deadline of its own; set one on `wire`.
 * note: in patterns of two messages the initiator adds an empty transport message, which the responder waits for: until
 * it arrives, the peer may be somebody who replays a recorded message. See `keyConfirmation`.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option; P2P_ERR_INVALID_FRAME or P2P_ERR_FRAME_TOO_LARGE for what
 * the peer sent; whatever `wire` and the functions in `options` throw
 */
export async function noiseHandshake(wire: NoiseWire, options: NoiseHandshakeOptions): Promise<NoiseChannel> {
  const { protocol, psks, maxPayloadLength, rekeyAfterMessages, keyConfirmation } = checkedHandshake(options);
  const { initiator, payload, onPayload } = options;
  const state = new HandshakeState({ ...options, protocol, psks });
  const messageCount = protocol.pattern.messages.length;
  let remotePayload: Buffer = NOTHING;

  while (!state.isComplete) {
    // The last message of each side is one of the last two.
    const about = { index: state.index, isLast: state.index >= messageCount - 2, state };
    if (state.isOurTurn) {
      const content =
        typeof payload === 'function' ? await payload(about) : about.isLast ? payload : undefined;
      requireBytes('payload', content);
      await wire.write(framed(state.writeMessage(content ?? NOTHING)));
    } else {
      const { overhead } = state;
      const message = await readFramed(wire, overhead, overhead + maxPayloadLength);
      if (state.index === 0) await wire.turn?.(); // so far it has cost nothing
      remotePayload = state.readMessage(message);
      await onPayload?.({ ...about, payload: remotePayload });
    }
  }

  const { sending, receiving } = state.split();
  const ciphers = {
    sending: new TransportCipher(sending, rekeyAfterMessages),
    receiving: new TransportCipher(receiving, rekeyAfterMessages),
  };
  let received: Buffer[] = [];
  if (keyConfirmation && messageCount % 2 === 0) {
    if (initiator) {
      await wire.write(framed(Buffer.concat(ciphers.sending.seal([]))));
    } else {
      const message = await readFramed(wire, TAG_LENGTH, MAX_PLAINTEXT_LENGTH + TAG_LENGTH);
      const end = message.length - TAG_LENGTH;
      received = ciphers.receiving.open([message.subarray(0, end)], message.subarray(end));
    }
  }

  const { remoteStaticKey, handshakeHash } = state;
  return {
    session: { pattern: protocol.name, remoteStaticKey, handshakeHash, remotePayload },
    secure: (raw) => new NoiseStream(raw, { ...ciphers, received }),
  };
}

const NOTHING = Buffer.alloc(0);

function framed(message: Buffer): Buffer {
  const head = Buffer.allocUnsafe(HEADER_LENGTH);
  head.writeUInt16BE(message.length);
  return Buffer.concat([head, message]);
}

/** A length that cannot be right is refused before its bytes are awaited: most likely the peer speaks another protocol. */
async function readFramed(wire: NoiseWire, minLength: number, maxLength: number): Promise<Buffer> {
  const length = (await wire.read(HEADER_LENGTH)).readUInt16BE();
  if (length < minLength || length > maxLength) {
    const what = `a Noise handshake message declares ${length} bytes, instead of ${minLength} to ${maxLength}`;
    throw new PeerError(length < minLength ? 'P2P_ERR_INVALID_FRAME' : 'P2P_ERR_FRAME_TOO_LARGE', what);
  }
  return wire.read(length);
}
