import { PeerError } from '@pea2pea/core';
import { TAG_LENGTH, type CipherState } from './cipher-state.js';
import { dh, DHLEN, generateKeyPair, type NoiseKeyPair } from './dh.js';
import { isInitiators, knowsRemoteStaticKey, type Token } from './patterns.js';
import type { NoiseProtocol } from './protocol.js';
import { SymmetricState } from './symmetric-state.js';

/** The longest Noise message, in bytes; the specification, section 3. */
export const MAX_MESSAGE_LENGTH = 65_535;

/** What a handshake begins with. */
export interface HandshakeStateOptions {
  readonly protocol: NoiseProtocol;
  readonly initiator: boolean;
  /** What both sides must agree on besides; it is not sent. */
  readonly prologue?: Uint8Array | undefined;
  /** s */
  readonly staticKey?: NoiseKeyPair | undefined;
  /** e: only where test vectors ask for one. Each handshake makes its own otherwise. */
  readonly ephemeralKey?: NoiseKeyPair | undefined;
  /** rs, where the pattern has it as a pre-message for this side. Elsewhere it is not looked at. */
  readonly remoteStaticKey?: Uint8Array | undefined;
  /** One for each `psk` token, in their order; 32 bytes each. */
  readonly psks?: readonly Uint8Array[] | undefined;
}

/**
 * One side of a handshake; the Noise specification, section 5.3. It knows nothing of streams: messages go in and out.
 *
 * note: who gives what the pattern does not need, or does not give what it needs, made a mistake that is found before,
 * by the checks of {@link noiseHandshake}.
 * note: once a method threw, the handshake is of no use.
 */
export class HandshakeState {
  readonly protocol: NoiseProtocol;
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
    // Any other key that somebody gave here would look like one that the peer has proved.
    const isKnown = remoteStaticKey !== undefined && knowsRemoteStaticKey(protocol.pattern, initiator);
    this.#rs = isKnown ? Buffer.from(remoteStaticKey) : undefined;
    this.#psks = [...(psks ?? [])];
    this.#symmetric = new SymmetricState(protocol);
    this.#symmetric.mixHash(prologue ?? Buffer.alloc(0));
    const { initiatorPreMessage, responderPreMessage } = protocol.pattern;
    if (initiatorPreMessage) this.#symmetric.mixHash(initiator ? this.#s!.publicKey : this.#rs!);
    if (responderPreMessage) this.#symmetric.mixHash(initiator ? this.#rs! : this.#s!.publicKey);
  }

  /** The number of the next message, from 0. */
  get index(): number {
    return this.#index;
  }

  /** Whether all messages were exchanged. */
  get isComplete(): boolean {
    return this.#index === this.protocol.pattern.messages.length;
  }

  /** Whether the next message is one to write. */
  get isOurTurn(): boolean {
    return !this.isComplete && isInitiators(this.#index) === this.initiator;
  }

  /** How many bytes the next message has besides its payload. */
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

  /** h: binds what is exchanged elsewhere to this handshake, once it is complete; section 11.2. */
  get handshakeHash(): Buffer {
    return this.#symmetric.handshakeHash;
  }

  /** The public key of s. */
  get localStaticKey(): Buffer | undefined {
    return this.#s?.publicKey;
  }

  /** rs, as soon as it is known: from the beginning where it is a pre-message, else once it was received. */
  get remoteStaticKey(): Buffer | undefined {
    return this.#rs;
  }

  /**
   * WriteMessage(payload).
   * @throws {PeerError} P2P_ERR_FRAME_TOO_LARGE, P2P_ERR_INVALID_FRAME for a key of low order
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
   * ReadMessage(message): answers the payload.
   * @throws {PeerError} P2P_ERR_INVALID_FRAME
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

  /** Split(): the cipher state to send with, and that to receive with. Once the handshake is complete. */
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
    // Section 9.2: so that keys are never those of another handshake with the same psk.
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
