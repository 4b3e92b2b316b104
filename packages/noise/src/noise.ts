import {
  contextKey,
  definePlugin,
  expectedIdentity,
  peerIdentity,
  PLUGIN_STATE,
  secureChannel,
  type ConnectionContext,
  type ContextKey,
  type Handshake,
  type Hooks,
  type PeerNode,
} from '@pea2pea/core';
import { describe, invalidConfig, requireExpectedIdentity } from '@pea2pea/core/authoring';
import { noiseHandshake, type NoiseSession } from './noise-handshake.js';
import { checkedPlugin, type NoiseOptions } from './options.js';
import { hasStaticKey, knowsRemoteStaticKey, type HandshakePattern } from './patterns.js';

/** The context key under which a connection that {@link noise} secured has the result of its handshake. */
export const noiseSession: ContextKey<NoiseSession> = contextKey<NoiseSession>('pea2pea.noise-session');

/**
 * Secures every connection with Noise, in both directions; the side that dialled is the initiator.
 *
 * A peer is refused with P2P_ERR_INVALID_FRAME or P2P_ERR_FRAME_TOO_LARGE if its messages do not belong to this protocol or
 * do not authenticate, which is also what a wrong key, psk, prologue or pattern looks like; and with
 * P2P_ERR_HANDSHAKE_REJECTED if `authorize` refuses it. A transport message that was tampered with ends the connection
 * with `invalid-frame`.
 *
 * note: the identity of a connection, `connection.identity`, is the static key of the peer in hexadecimal, if the peer has
 * one; {@link noiseSession} is in its context.
 * note: a dial can name the peer that it expects: `connect(address, { context: new ConnectionContext().with(expectedIdentity, key) })`,
 * where `key` is the key of the peer in hexadecimal. Patterns in which the initiator knows it beforehand use that key; in all
 * others it is compared before the key of this side is sent.
 * note: handshake hooks after it use the encrypted stream, those before it the plain one.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export class Noise implements Hooks<unknown> {
  /** Its name among the plugins of a node. */
  static readonly plugin = { name: 'noise' };
  readonly #options: NoiseOptions;
  readonly #protocol: string;
  readonly #pattern: HandshakePattern;
  #secured = 0;

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
  constructor(_node: PeerNode<unknown>, options: NoiseOptions) {
    const { name, pattern } = checkedPlugin(options).protocol;
    this.#protocol = name;
    this.#pattern = pattern;
    this.#options = options;
  }

  /** What snapshots show: the protocol, and whether peers are asked who they are. No keys. */
  [PLUGIN_STATE](): unknown {
    return {
      protocol: this.#protocol,
      authorizes: this.#options.authorize !== undefined,
      secured: this.#secured,
    };
  }

  /**
   * Performs the handshake and encrypts the connection.
   * @throws {PeerError} why the peer is refused; P2P_ERR_WRONG_IDENTITY when the dial expects another one;
   * P2P_ERR_INVALID_CONFIG when a key that this side of the pattern needs is missing, or the one expected is not a key
   */
  async onHandshake(handshake: Handshake): Promise<void> {
    const { authorize, remoteStaticKey, ...rest } = this.#options;
    const { context, direction, address } = handshake;
    const initiator = direction === 'outbound';
    const expected = hasStaticKey(this.#pattern, !initiator) ? expectedKey(context) : undefined;
    const channel = await noiseHandshake(handshake, {
      ...rest,
      initiator,
      // A node may take either side of a pattern in which only one side knows the other's key beforehand.
      ...(knowsRemoteStaticKey(this.#pattern, initiator) && {
        remoteStaticKey:
          expected ??
          (typeof remoteStaticKey === 'function' ? await remoteStaticKey(handshake) : remoteStaticKey),
      }),
      onPayload: async ({ isLast, payload, state }) => {
        if (!isLast) return;
        const staticKey = state.remoteStaticKey;
        if (staticKey !== undefined) requireExpectedIdentity(context, staticKey.toString('hex'));
        if (authorize === undefined) return;
        const identity = staticKey?.toString('hex') ?? '';
        if (await authorize({ staticKey, identity, payload, direction, address })) return;
        handshake.reject(`\`authorize\` refused ${identity === '' ? 'a peer without a key' : identity}`);
      },
    });
    this.#secured++;
    const { session } = channel;
    context.set(noiseSession, session);
    context.set(secureChannel, this.#protocol);
    if (session.remoteStaticKey !== undefined) {
      context.set(peerIdentity, session.remoteStaticKey.toString('hex'));
    }
    handshake.upgrade(channel.secure(handshake.takeStream()), { reusesBuffers: true, neverReenters: true });
  }
}

/**
 * The key of the peer that the dial expects.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when it is not one
 */
function expectedKey(context: ConnectionContext): Buffer | undefined {
  if (!context.has(expectedIdentity)) return undefined;
  const expected: unknown = context.get(expectedIdentity);
  if (typeof expected === 'string' && /^[\da-f]{64}$/.test(expected)) return Buffer.from(expected, 'hex');
  throw invalidConfig(
    `\`expectedIdentity\` must be a public key of 64 hexadecimal digits, in lower case, not ${describe(expected)}`,
  );
}

/**
 * Lists {@link Noise} among the plugins of a node or a peer.
 *
 * ```ts
 * const pattern = 'Noise_XX_25519_ChaChaPoly_SHA256';
 * node.use(noise({ pattern, staticKey, authorize: ({ identity }) => friends.has(identity) }));
 * @Peer({ codec, plugins: [noise({ pattern, staticKey })] })
 * ```
 */
export const noise = definePlugin(Noise);
