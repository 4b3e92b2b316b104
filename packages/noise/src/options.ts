import type { Direction, Handshake, SocketAddress } from '@pea2pea/core';
import {
  describe,
  invalidConfig,
  requireBoolean,
  requireFunction,
  requireInteger,
  requireKnown,
} from '@pea2pea/core/authoring';
import { DHLEN, publicKeyOf, type NoiseKeyPair } from './dh.js';
import type { HandshakeState } from './handshake-state.js';
import { hasStaticKey, knowsRemoteStaticKey, pskCount, type HandshakePattern } from './patterns.js';
import { parseProtocolName, type NoiseProtocol } from './protocol.js';

/** What the options of {@link noise} are where they are not given. */
export const NOISE_DEFAULTS = {
  maxPayloadLength: 4_096,
  rekeyAfterMessages: Infinity,
  keyConfirmation: true,
} as const;

/** Bytes of a pre-shared key; the Noise specification, section 9. */
const PSK_LENGTH = 32;

/** What both sides must agree on, and the keys of this one. */
export interface NoiseSecrets {
  /**
   * The protocol name: pattern and modifiers, `25519`, `ChaChaPoly` or `AESGCM`, and `SHA256`, `SHA512`, `BLAKE2s` or
   * `BLAKE2b`, such as `Noise_XX_25519_ChaChaPoly_SHA256` or `Noise_XXpsk3_25519_AESGCM_BLAKE2s`.
   *
   * note: patterns are NN NK NX KN KK KX XN XK XX IN IK IX.
   */
  readonly pattern: string;
  /**
   * Who this side is: from `generateKeyPair()`, kept over restarts. Required for every pattern in which both sides have
   * one; else for the side that has one, when it connects. NN takes none.
   */
  readonly staticKey?: NoiseKeyPair | undefined;
  /** Pre-shared keys of 32 random bytes, one for each `psk` of the pattern. A password is none: derive one with scrypt. */
  readonly psk?: Uint8Array | readonly Uint8Array[] | undefined;
  /** What must be alike on both sides and is not sent, such as the name and version of your protocol. @default none */
  readonly prologue?: Uint8Array | undefined;
  /** The longest payload of a handshake message that is accepted, in bytes. @default 4096 */
  readonly maxPayloadLength?: number | undefined;
  /**
   * So many transport messages after which a direction gets a new key, on both sides: they must agree.
   * @default Infinity: never
   */
  readonly rekeyAfterMessages?: number | undefined;
  /**
   * In patterns of two messages: whether the initiator adds an empty transport message, and the responder waits for the
   * first one before the connection opens. Without, whoever recorded a first message can repeat it, and gets a
   * connection that looks like the initiator's, although nothing can be sent on it.
   *
   * note: `false` where the initiator is of another implementation and waits for us to speak first.
   * @default true
   */
  readonly keyConfirmation?: boolean | undefined;
}

/** A message of the handshake that is about to be written, or was read. */
export interface NoiseMessage {
  /** From 0. The initiator writes those with an even index. */
  readonly index: number;
  /** Whether it is the last one of the side that writes it: the one that is protected best. */
  readonly isLast: boolean;
  /** Where the handshake stands: its static keys, and the handshake hash so far. */
  readonly state: HandshakeState;
}

/** The options of {@link noiseHandshake}. */
export interface NoiseHandshakeOptions extends NoiseSecrets {
  /** Which side this one is: who dialled is the initiator. */
  readonly initiator: boolean;
  /**
   * 32 bytes, where the pattern takes it for known beforehand: for the initiator of NK, XK and IK, for the responder of
   * KN and KX, for both of KK. A mistake anywhere else: a key that comes in the handshake is compared in `onPayload`.
   */
  readonly remoteStaticKey?: Uint8Array | undefined;
  /**
   * What to send along: bytes go with the last message of this side, a function is asked for each of its messages.
   *
   * note: in the first message of most patterns, and in all before `ee` or `es`, it is readable for everybody.
   */
  readonly payload?:
    | Uint8Array
    | ((message: NoiseMessage) => Uint8Array | undefined | Promise<Uint8Array | undefined>)
    | undefined;
  /** Called with each message that was read, before anything else is written; throw to refuse the peer. */
  readonly onPayload?: ((message: NoiseMessage & { readonly payload: Buffer }) => unknown) | undefined;
}

/** Whom the handshake found at the other end. */
export interface NoiseRemote {
  /**
   * 32 bytes; undefined for patterns without one.
   *
   * note: the peer has the private key of it, but for the initiators of KN, KX, IN and IX, who prove that with the
   * transport message that the connection waits for, behind `authorize`. See `keyConfirmation`.
   */
  readonly staticKey: Buffer | undefined;
  /** `staticKey` in hexadecimal; empty where there is none. */
  readonly identity: string;
  /** Of its last handshake message. */
  readonly payload: Buffer;
  readonly direction: Direction;
  readonly address: SocketAddress;
}

/** The options of {@link noise}. */
export interface NoiseOptions extends NoiseSecrets {
  /**
   * The key of the peer, 32 bytes, for NK, XK, IK (who dials), KN, KX (who is dialled) and KK (both); or a function that
   * is asked for that of the peer at hand, where this side needs it. A mistake for all other patterns, such as XX: the
   * key comes in the handshake, compare it in `authorize`.
   */
  readonly remoteStaticKey?:
    | Uint8Array
    | ((handshake: Handshake) => Uint8Array | undefined | Promise<Uint8Array | undefined>)
    | undefined;
  /** As in {@link NoiseHandshakeOptions}. @default none */
  readonly payload?: NoiseHandshakeOptions['payload'];
  /**
   * Whether to go on with a peer; asked behind its last handshake message, before anything else is written.
   *
   * note: without it every peer that completes the handshake is let in: with XX, everybody.
   */
  readonly authorize?: ((remote: NoiseRemote) => boolean | Promise<boolean>) | undefined;
}

const NO_IDENTITIES = 'it knows no identities';

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

/** Options without what can be left out. */
export interface CheckedSecrets {
  readonly protocol: NoiseProtocol;
  readonly psks: readonly Uint8Array[];
  readonly maxPayloadLength: number;
  readonly rekeyAfterMessages: number;
  readonly keyConfirmation: boolean;
}

/**
 * What can be checked before it is known which side this is.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG
 */
export function checkedPlugin(options: NoiseOptions): CheckedSecrets {
  requireKnown('the options of noise', options, [...SECRETS, 'authorize']);
  const checked = checkedSecrets(options);
  const { pattern, name } = checked.protocol;
  const { remoteStaticKey } = options;
  if (remoteStaticKey !== undefined && !pattern.initiatorPreMessage && !pattern.responderPreMessage) {
    const advice = 'the key comes in the handshake; compare it in `authorize`';
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
      `\`remoteStaticKey\` is missing: ${name} needs that of the peer, 32 bytes, before it begins`,
    );
  }
  if (!isKnown && remoteStaticKey !== undefined) {
    const who = initiator ? 'initiator' : 'responder';
    const advice = 'the key comes in the handshake; compare it in `onPayload`';
    const isReceived = hasStaticKey(pattern, !initiator);
    throw unusedRemoteStaticKey(`the ${who} of ${name}`, isReceived ? advice : 'its peer has none');
  }
  requireKey('remoteStaticKey', remoteStaticKey);
  return checked;
}

/** Who gives a key takes the peer for its owner. A key that nothing compares must not be passed over in silence. */
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
      `\`psk\` has ${psks.length} keys, ${name} takes ${count}: one for each psk in its name`,
    );
  }
  for (const key of psks) {
    if (!isBytes(key, PSK_LENGTH)) {
      // Not shown, as it would be in logs then.
      const advice = 'derive one from a password with scrypt';
      throw invalidConfig(`\`psk\` must be ${PSK_LENGTH} bytes, as Uint8Array; ${advice}`);
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
  const { publicKey, privateKey } = key ?? {};
  if (!isBytes(publicKey, DHLEN) || !isBytes(privateKey, DHLEN)) {
    throw invalidConfig('`staticKey` must be a key pair as generateKeyPair() makes them');
  }
  if (!publicKeyOf(privateKey).equals(publicKey)) {
    throw invalidConfig('`staticKey` has a public key that belongs to another private key');
  }
}

function hasAnyStaticKey(pattern: HandshakePattern): boolean {
  return hasStaticKey(pattern, true) || hasStaticKey(pattern, false);
}

function requireStaticKey(name: string, key: NoiseKeyPair | undefined): void {
  if (key === undefined)
    throw invalidConfig(`\`staticKey\` is missing: ${name} needs a key pair, see generateKeyPair()`);
}

function requireKey(name: string, value: unknown): void {
  if (value !== undefined && !isBytes(value, DHLEN)) {
    throw invalidConfig(`\`${name}\` must be a public key of ${DHLEN} bytes, not ${describe(value)}`);
  }
}

/** Bytes, or undefined. @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function requireBytes(name: string, value: unknown): void {
  if (value !== undefined && !(value instanceof Uint8Array)) {
    throw invalidConfig(`\`${name}\` must be bytes, as Uint8Array, not ${describe(value)}`);
  }
}

function isBytes(value: unknown, length: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length === length;
}
