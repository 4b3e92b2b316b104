import type { Direction, Handshake, SocketAddress } from '@pea2pea/core';
import {
  describe,
  invalidConfig,
  requireBoolean,
  requireFunction,
  requireInteger,
  requireKnown,
} from '@pea2pea/core/authoring';
import { DHLEN, isPair, type NoiseKeyPair } from './dh.js';
import { hasStaticKey, knowsRemoteStaticKey, pskCount, type HandshakePattern } from './patterns.js';
import { parseProtocolName, type NoiseProtocol } from './protocol.js';

/** Every option of {@link noise} that has a default, with it. The docs quote this object. */
export const NOISE_DEFAULTS = {
  maxPayloadLength: 4_096,
  rekeyAfterMessages: Infinity,
  keyConfirmation: true,
} as const;

/** Bytes of a pre-shared key; the Noise specification, section 9. */
const PSK_LENGTH = 32;

/** What both sides must agree on, and the keys of this side. */
export interface NoiseSecrets {
  /**
   * The protocol name, such as `Noise_XX_25519_ChaChaPoly_SHA256` or `Noise_XXpsk3_25519_AESGCM_BLAKE2s`: the pattern with
   * its modifiers, `25519`, `ChaChaPoly` or `AESGCM`, and `SHA256`, `SHA512`, `BLAKE2s` or `BLAKE2b`.
   *
   * note: the patterns are NN NK NX KN KK KX XN XK XX IN IK IX.
   */
  readonly pattern: string;
  /**
   * The identity of this side: a key pair from `generateKeyPair()`, kept across restarts. Required by patterns in which
   * both sides have one; in others by the side that has one, when it connects. Not allowed with NN.
   */
  readonly staticKey?: NoiseKeyPair | undefined;
  /** Pre-shared keys of 32 random bytes, one for each `psk` of the pattern. Derive them from passwords with scrypt. */
  readonly psk?: Uint8Array | readonly Uint8Array[] | undefined;
  /** Bytes that must be equal on both sides and are not sent, such as the name and version of your protocol. @default none */
  readonly prologue?: Uint8Array | undefined;
  /** The longest payload that is accepted in a handshake message, in bytes. @default 4096 */
  readonly maxPayloadLength?: number | undefined;
  /**
   * The number of transport messages after which a direction gets a new key. Both sides must have the same number.
   * @default Infinity: never
   */
  readonly rekeyAfterMessages?: number | undefined;
  /**
   * In patterns of two messages: whether the initiator adds an empty transport message, which the responder waits for
   * before the connection opens. Without it, anyone who recorded a first message can replay it and gets a connection
   * that looks like the initiator's, although they cannot send anything on it.
   *
   * note: set it to `false` if the initiator is another implementation that waits for the responder to send first.
   * @default true
   */
  readonly keyConfirmation?: boolean | undefined;
}

/** What is known in the middle of a handshake. */
export interface NoiseState {
  /** The public key of this side, 32 bytes; undefined for patterns in which it has none. */
  readonly localStaticKey: Buffer | undefined;
  /** The public key of the peer, 32 bytes: known from the start if the pattern requires it, otherwise once received. */
  readonly remoteStaticKey: Buffer | undefined;
  /** The hash of everything exchanged so far. */
  readonly handshakeHash: Buffer;
}

/** A handshake message that is about to be written, or has been read. */
export interface NoiseMessage {
  /** The index of the message, from 0. The initiator writes those with an even index. */
  readonly index: number;
  /** Whether it is the last message of the side that writes it, which is the best protected one. */
  readonly isLast: boolean;
  /** What is known so far: static keys, and the handshake hash. */
  readonly state: NoiseState;
}

/** The options of {@link noiseHandshake}. */
export interface NoiseHandshakeOptions extends NoiseSecrets {
  /** Whether this side is the initiator, which usually is the side that dialled. */
  readonly initiator: boolean;
  /**
   * The public key of the peer, 32 bytes, if the pattern requires it beforehand: for the initiator of NK, XK and IK, the
   * responder of KN and KX, and both sides of KK. An error otherwise: compare a key that the peer sends in `onPayload`.
   */
  readonly remoteStaticKey?: Uint8Array | undefined;
  /**
   * What to send with the handshake: bytes go with the last message of this side; a function is called for each of its
   * messages and returns the bytes for it.
   *
   * note: payloads before `ee` or `es`, such as that of the first message in most patterns, are not encrypted.
   */
  readonly payload?:
    | Uint8Array
    | ((message: NoiseMessage) => Uint8Array | undefined | Promise<Uint8Array | undefined>)
    | undefined;
  /** Called for each message that was read, before the next one is written. Throw to refuse the peer. */
  readonly onPayload?: ((message: NoiseMessage & { readonly payload: Buffer }) => unknown) | undefined;
}

/** The peer that `authorize` decides about. */
export interface NoiseRemote {
  /**
   * The public key of the peer, 32 bytes; undefined for patterns in which it has none.
   *
   * note: the peer has proved that it has the private key, with one exception: the initiator of KN, KX, IN or IX proves it
   * after `authorize`, with the transport message that the connection waits for. See `keyConfirmation`.
   */
  readonly staticKey: Buffer | undefined;
  /** `staticKey` in hexadecimal; empty if there is none. */
  readonly identity: string;
  /** The payload of its last handshake message; empty if it sent none. */
  readonly payload: Buffer;
  /** Which side dialled. */
  readonly direction: Direction;
  /** The address of the peer. */
  readonly address: SocketAddress;
}

/** The options of {@link noise}. */
export interface NoiseOptions extends NoiseSecrets {
  /**
   * The public key of the peer, 32 bytes, for NK, XK and IK (when dialling), KN and KX (when dialled) and KK (both); or a
   * function that returns it for the peer of a handshake. An error for all other patterns, such as XX, in which the peer
   * sends its key: compare it in `authorize`.
   *
   * note: `expectedIdentity` in the context of a dial takes precedence.
   */
  readonly remoteStaticKey?:
    | Uint8Array
    | ((handshake: Handshake) => Uint8Array | undefined | Promise<Uint8Array | undefined>)
    | undefined;
  /** What to send with the handshake, as in {@link NoiseHandshakeOptions}. @default none */
  readonly payload?: NoiseHandshakeOptions['payload'];
  /**
   * Decides whether to accept a peer: called after its last handshake message, before anything else is written. False
   * refuses the peer, and so does an error.
   *
   * note: without it every peer that completes the handshake is accepted; with XX, that is everybody.
   * @default every peer is accepted
   */
  readonly authorize?: ((remote: NoiseRemote) => boolean | Promise<boolean>) | undefined;
}

const NO_IDENTITIES = 'in this pattern neither side has a key';

const SECRETS = [
  'pattern',
  'staticKey',
  'remoteStaticKey',
  'psk',
  'prologue',
  'payload',
  'maxPayloadLength',
  'rekeyAfterMessages',
  'keyConfirmation',
] as const;

/** The options with every default filled in. */
export interface CheckedSecrets {
  readonly protocol: NoiseProtocol;
  readonly psks: readonly Uint8Array[];
  readonly maxPayloadLength: number;
  readonly rekeyAfterMessages: number;
  readonly keyConfirmation: boolean;
}

/**
 * Checks what can be checked before it is known which side this is.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG
 */
export function checkedPlugin(options: NoiseOptions): CheckedSecrets {
  requireKnown('the options of noise', options, [...SECRETS, 'authorize']);
  const checked = checkedSecrets(options);
  const { pattern, name } = checked.protocol;
  const { remoteStaticKey } = options;
  if (remoteStaticKey !== undefined && !pattern.initiatorPreMessage && !pattern.responderPreMessage) {
    const advice = 'the peer sends its key in the handshake; compare it in `authorize`';
    throw unusedRemoteStaticKey(name, hasAnyStaticKey(pattern) ? advice : NO_IDENTITIES);
  }
  if (typeof remoteStaticKey !== 'function') requireKey('remoteStaticKey', remoteStaticKey);
  if (hasStaticKey(pattern, true) && hasStaticKey(pattern, false)) requireStaticKey(name, options.staticKey);
  if (options.authorize !== undefined) requireFunction('authorize', options.authorize);
  return checked;
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG */
export function checkedHandshake(options: NoiseHandshakeOptions): CheckedSecrets {
  requireKnown('the options of noiseHandshake', options, [...SECRETS, 'initiator', 'onPayload']);
  const checked = checkedSecrets(options);
  const { pattern, name } = checked.protocol;
  const { initiator, remoteStaticKey } = options;
  requireBoolean('initiator', initiator);
  if (options.onPayload !== undefined) requireFunction('onPayload', options.onPayload);
  if (hasStaticKey(pattern, initiator)) requireStaticKey(name, options.staticKey);
  const isKnown = knowsRemoteStaticKey(pattern, initiator);
  if (isKnown && remoteStaticKey === undefined) {
    throw invalidConfig(
      `\`remoteStaticKey\` is missing: ${name} needs the public key of the peer, 32 bytes, before the handshake; a dial may name it with \`expectedIdentity\``,
    );
  }
  if (!isKnown && remoteStaticKey !== undefined) {
    const who = initiator ? 'initiator' : 'responder';
    const advice = 'the peer sends its key in the handshake; compare it in `onPayload`';
    const isReceived = hasStaticKey(pattern, !initiator);
    throw unusedRemoteStaticKey(`the ${who} of ${name}`, isReceived ? advice : 'its peer has none');
  }
  requireKey('remoteStaticKey', remoteStaticKey);
  return checked;
}

/** Whoever gives a key expects the peer to have it. One that would not be compared must not be ignored silently. */
function unusedRemoteStaticKey(where: string, why: string): Error {
  return invalidConfig(`\`remoteStaticKey\` is not used by ${where}: ${why}`);
}

function checkedSecrets(options: NoiseOptions | NoiseHandshakeOptions): CheckedSecrets {
  const {
    maxPayloadLength = NOISE_DEFAULTS.maxPayloadLength,
    rekeyAfterMessages = NOISE_DEFAULTS.rekeyAfterMessages,
    keyConfirmation = NOISE_DEFAULTS.keyConfirmation,
    prologue,
    payload,
  } = options;
  const protocol = parseProtocolName(options.pattern);
  checkStaticKey(protocol, options.staticKey);
  if (typeof payload !== 'function') requireBytes('payload', payload);
  requireBytes('prologue', prologue);
  requireInteger('maxPayloadLength', maxPayloadLength, { min: 0, max: 65_000 });
  if (rekeyAfterMessages !== Infinity) requireInteger('rekeyAfterMessages', rekeyAfterMessages, { min: 1 });
  requireBoolean('keyConfirmation', keyConfirmation);
  const psks = checkedPsks(protocol, options.psk);
  return { protocol, psks, maxPayloadLength, rekeyAfterMessages, keyConfirmation };
}

function checkedPsks({ name, pattern }: NoiseProtocol, psk: NoiseSecrets['psk']): readonly Uint8Array[] {
  const psks: readonly unknown[] = psk === undefined ? [] : Array.isArray(psk) ? psk : [psk];
  const count = pskCount(pattern);
  if (psks.length !== count) {
    throw invalidConfig(
      `\`psk\` has ${psks.length} keys, but ${name} needs ${count}: one for each psk in its name`,
    );
  }
  for (const key of psks) {
    if (!isBytes(key, PSK_LENGTH)) {
      // Without the value, which is a secret.
      const advice = 'derive one from a password with scrypt';
      throw invalidConfig(`\`psk\` must be a Uint8Array of ${PSK_LENGTH} bytes; ${advice}`);
    }
  }
  return psks as Uint8Array[];
}

function checkStaticKey(
  { name, pattern }: NoiseProtocol,
  key: Partial<NoiseKeyPair> | null | undefined,
): void {
  if (key === undefined) return;
  if (!hasAnyStaticKey(pattern))
    throw invalidConfig(`\`staticKey\` is not used by ${name}: ${NO_IDENTITIES}`);
  if (!isBytes(key?.publicKey, DHLEN) || !isBytes(key?.privateKey, DHLEN)) {
    throw invalidConfig('`staticKey` must be a key pair such as generateKeyPair() returns');
  }
  if (!isPair(key as NoiseKeyPair)) {
    throw invalidConfig('the public key in `staticKey` does not belong to its private key');
  }
}

function hasAnyStaticKey(pattern: HandshakePattern): boolean {
  return hasStaticKey(pattern, true) || hasStaticKey(pattern, false);
}

function requireStaticKey(name: string, key: NoiseKeyPair | undefined): void {
  if (key === undefined)
    throw invalidConfig(`\`staticKey\` is missing: ${name} needs a key pair from generateKeyPair()`);
}

function requireKey(name: string, value: unknown): void {
  if (value !== undefined && !isBytes(value, DHLEN)) {
    throw invalidConfig(`\`${name}\` must be a public key of ${DHLEN} bytes, not ${kindOf(value)}`);
  }
}

/** Bytes, or undefined. @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function requireBytes(name: string, value: unknown): void {
  if (value !== undefined && !(value instanceof Uint8Array)) {
    throw invalidConfig(`\`${name}\` must be bytes, as Uint8Array, not ${kindOf(value)}`);
  }
}

/** Without the string: it may be a secret, in another form than was asked for. */
function kindOf(value: unknown): string {
  return typeof value === 'string' ? 'a string' : describe(value);
}

function isBytes(value: unknown, length: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length === length;
}
