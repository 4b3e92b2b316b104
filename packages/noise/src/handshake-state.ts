import { PeerError } from '@pea2pea/core';
import { TAG_LENGTH, type CipherState } from './cipher-state.js';
import { dh, DHLEN, generateKeyPair, type NoiseKeyPair } from './dh.js';
import { isInitiators, knowsRemoteStaticKey, type Token } from './patterns.js';
import type { NoiseProtocol } from './protocol.js';
import { SymmetricState } from './symmetric-state.js';

/** The longest Noise message, in bytes; the specification, section 3. */
export const MAX_MESSAGE_LENGTH = 65_535;

/** What {@link HandshakeState} is made from. */
export interface HandshakeStateOptions {
  /** The protocol to speak, parsed from its name. */
  readonly protocol: NoiseProtocol;
  /** Whether this side writes the first message. */
  readonly initiator: boolean;
  /** Further bytes that both sides must agree on; they are not sent. @default none */
  readonly prologue?: Uint8Array | undefined;
  /** `s`, the key pair of this side. Required where the pattern has one. */
  readonly staticKey?: NoiseKeyPair | undefined;
  /** `e`, for test vectors only: every real handshake must have its own. @default a new key pair */
  readonly ephemeralKey?: NoiseKeyPair | undefined;
  /** `rs`, for a side that knows it beforehand (a pre-message of the pattern); ignored otherwise. */
  readonly remoteStaticKey?: Uint8Array | undefined;
  /** Pre-shared keys of 32 bytes, one for each `psk` token, in the order of the tokens. */
  readonly psks?: readonly Uint8Array[] | undefined;
}

/**
 * One side of a handshake; the Noise specification, section 5.3. It takes and returns messages, and knows no streams.
 *
 * note: it does not check that the keys it is given are those that the pattern needs; {@link noiseHandshake} does.
 * note: after a method has thrown, the handshake cannot be continued.
 */
export class HandshakeState {
  /** The protocol being spoken. */
  readonly protocol: NoiseProtocol;
  /** Whether this side writes the first message. */
  readonly initiator: boolean;
  readonly #symmetric: SymmetricState;
  readonly #s: NoiseKeyPair | undefined;
  readonly #psks: Uint8Array[];
  #e: NoiseKeyPair | undefined;
  #rs: Buffer | undefined;
  #re: Buffer | undefined;
  #index = 0;

  /** Initialize(handshake_pattern, initiator, prologue, s, e, rs, re). */
  constructor(options: HandshakeStateOptions) {
    const { protocol, initiator, prologue, staticKey, ephemeralKey, remoteStaticKey, psks } = options;
    this.protocol = protocol;
    this.initiator = initiator;
    this.#s = staticKey;
    this.#e = ephemeralKey;
    // A key given where the pattern does not use it would look like one that the peer has proved.
    const isKnown = remoteStaticKey !== undefined && knowsRemoteStaticKey(protocol.pattern, initiator);
    this.#rs = isKnown ? Buffer.from(remoteStaticKey) : undefined;
    this.#psks = [...(psks ?? [])];
    this.#symmetric = new SymmetricState(protocol);
    this.#symmetric.mixHash(prologue ?? Buffer.alloc(0));
    const { initiatorPreMessage, responderPreMessage } = protocol.pattern;
    if (initiatorPreMessage) this.#symmetric.mixHash(initiator ? this.#s!.publicKey : this.#rs!);
    if (responderPreMessage) this.#symmetric.mixHash(initiator ? this.#rs! : this.#s!.publicKey);
  }

  /** The index of the next message, from 0. */
  get index(): number {
    return this.#index;
  }

  /** Whether all messages have been exchanged. */
  get isComplete(): boolean {
    return this.#index === this.protocol.pattern.messages.length;
  }

  /** Whether this side writes the next message. */
  get isOurTurn(): boolean {
    return !this.isComplete && isInitiators(this.#index) === this.initiator;
  }

  /** How many bytes the next message has in addition to its payload. */
  get overhead(): number {
    let { hasKey } = this.#symmetric;
    let length = 0;
    for (const token of this.#tokens) {
      if (token === 'e') {
        length += DHLEN;
        hasKey ||= this.#usesPsk;
      } else if (token === 's') {
        length += DHLEN + (hasKey ? TAG_LENGTH : 0);
      } else {
        hasKey = true;
      }
    }
    return length + (hasKey ? TAG_LENGTH : 0);
  }

  /** `h`. Once the handshake is complete, it identifies it: see section 11.2 on channel binding. */
  get handshakeHash(): Buffer {
    return this.#symmetric.handshakeHash;
  }

  /** The public key of this side, from `s`; undefined where the pattern has none. */
  get localStaticKey(): Buffer | undefined {
    return this.#s?.publicKey;
  }

  /** `rs`, the public key of the peer: known from the start where it is a pre-message, otherwise once received. */
  get remoteStaticKey(): Buffer | undefined {
    return this.#rs;
  }

  /**
   * Writes the next message: WriteMessage(payload).
   * @throws {PeerError} P2P_ERR_FRAME_TOO_LARGE when it would exceed 65 535 bytes; P2P_ERR_INVALID_FRAME when a key of the
   * peer is of low order
   */
  writeMessage(payload: Uint8Array): Buffer {
    const length = this.overhead + payload.length;
    if (length > MAX_MESSAGE_LENGTH) {
      const what = `a handshake message of ${length} bytes is longer than ${MAX_MESSAGE_LENGTH}`;
      throw new PeerError('P2P_ERR_FRAME_TOO_LARGE', what);
    }
    const parts: Buffer[] = [];
    for (const token of this.#tokens) {
      if (token === 'e') {
        this.#e ??= generateKeyPair();
        parts.push(this.#e.publicKey);
        this.#mixEphemeral(this.#e.publicKey);
      } else if (token === 's') {
        parts.push(this.#symmetric.encryptAndHash(this.#s!.publicKey));
      } else {
        this.#mix(token);
      }
    }
    parts.push(this.#symmetric.encryptAndHash(payload));
    this.#index++;
    return Buffer.concat(parts);
  }

  /**
   * Reads the next message and returns its payload: ReadMessage(message).
   * @throws {PeerError} P2P_ERR_INVALID_FRAME when it is too short, does not authenticate, or has a key of low order
   */
  readMessage(message: Uint8Array): Buffer {
    if (message.length < this.overhead) {
      throw new PeerError(
        'P2P_ERR_INVALID_FRAME',
        `a handshake message of ${message.length} bytes is too short`,
      );
    }
    let rest = Buffer.from(message);
    const take = (length: number): Buffer => {
      const taken = rest.subarray(0, length);
      rest = rest.subarray(length);
      return taken;
    };
    for (const token of this.#tokens) {
      if (token === 'e') {
        this.#re = take(DHLEN);
        this.#mixEphemeral(this.#re);
      } else if (token === 's') {
        this.#rs = this.#symmetric.decryptAndHash(take(DHLEN + (this.#symmetric.hasKey ? TAG_LENGTH : 0)));
      } else {
        this.#mix(token);
      }
    }
    const payload = this.#symmetric.decryptAndHash(rest);
    this.#index++;
    return payload;
  }

  /** The cipher states for sending and for receiving: Split(). To be called once the handshake is complete. */
  split(): { readonly sending: CipherState; readonly receiving: CipherState } {
    const [initiators, responders] = this.#symmetric.split();
    return this.initiator
      ? { sending: initiators, receiving: responders }
      : { sending: responders, receiving: initiators };
  }

  get #tokens(): readonly Token[] {
    return this.protocol.pattern.messages[this.#index] ?? [];
  }

  get #usesPsk(): boolean {
    return this.protocol.pattern.messages.some((tokens) => tokens.includes('psk'));
  }

  #mixEphemeral(publicKey: Uint8Array): void {
    this.#symmetric.mixHash(publicKey);
    // Section 9.2: so that no two handshakes with the same psk share keys.
    if (this.#usesPsk) this.#symmetric.mixKey(publicKey);
  }

  #mix(token: Exclude<Token, 'e' | 's'>): void {
    switch (token) {
      case 'ee':
        return this.#symmetric.mixKey(dh(this.#e!, this.#re!));
      case 'es':
        return this.#symmetric.mixKey(this.initiator ? dh(this.#e!, this.#rs!) : dh(this.#s!, this.#re!));
      case 'se':
        return this.#symmetric.mixKey(this.initiator ? dh(this.#s!, this.#re!) : dh(this.#e!, this.#rs!));
      case 'ss':
        return this.#symmetric.mixKey(dh(this.#s!, this.#rs!));
      case 'psk':
        return this.#symmetric.mixKeyAndHash(this.#psks.shift()!);
    }
  }
}
