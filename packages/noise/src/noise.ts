import {
  contextKey,
  definePlugin,
  type ContextKey,
  type Handshake,
  type Hooks,
  type PeerNode,
} from '@pea2pea/core';
import { noiseHandshake, type NoiseSession } from './noise-handshake.js';
import { checkedPlugin, type NoiseOptions } from './options.js';
import { knowsRemoteStaticKey, type HandshakePattern } from './patterns.js';

/**
 * The context key under which a connection has the static key of its peer, in hexadecimal, if the peer has one. It is
 * what `uniquePeer` needs: `uniquePeer({ identity: noiseIdentity, localIdentity: staticKey.publicKey.toString('hex') })`.
 */
export const noiseIdentity: ContextKey<string> = contextKey<string>('pea2pea.noise-identity');

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
 * note: it sets {@link noiseIdentity} and {@link noiseSession} in the context of the connection.
 * note: handshake hooks after it use the encrypted stream, those before it the plain one.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export class Noise implements Hooks<unknown> {
  /** Its name among the plugins of a node. */
  static readonly plugin = { name: 'noise' };
  readonly #options: NoiseOptions;
  readonly #pattern: HandshakePattern;

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
  constructor(_node: PeerNode<unknown>, options: NoiseOptions) {
    this.#pattern = checkedPlugin(options).protocol.pattern;
    this.#options = options;
  }

  /**
   * Performs the handshake and encrypts the connection.
   * @throws {PeerError} why the peer is refused; P2P_ERR_INVALID_CONFIG when a key that this side of the pattern needs is
   * missing
   */
  async onHandshake(handshake: Handshake): Promise<void> {
    const { authorize, remoteStaticKey, ...rest } = this.#options;
    const { context, direction, address } = handshake;
    const initiator = direction === 'outbound';
    const channel = await noiseHandshake(handshake, {
      ...rest,
      initiator,
      // A node may take either side of a pattern in which only one side knows the other's key beforehand.
      ...(knowsRemoteStaticKey(this.#pattern, initiator) && {
        remoteStaticKey:
          typeof remoteStaticKey === 'function' ? await remoteStaticKey(handshake) : remoteStaticKey,
      }),
      onPayload: async ({ isLast, payload, state }) => {
        if (!isLast || authorize === undefined) return;
        const staticKey = state.remoteStaticKey;
        const identity = staticKey?.toString('hex') ?? '';
        if (await authorize({ staticKey, identity, payload, direction, address })) return;
        handshake.reject(`\`authorize\` refused ${identity === '' ? 'a peer without a key' : identity}`);
      },
    });
    const { session } = channel;
    context.set(noiseSession, session);
    if (session.remoteStaticKey !== undefined) {
      context.set(noiseIdentity, session.remoteStaticKey.toString('hex'));
    }
    handshake.upgrade(channel.secure(handshake.takeStream()), { reusesBuffers: true, neverReenters: true });
  }
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
