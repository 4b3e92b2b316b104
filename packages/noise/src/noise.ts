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
 * On a connection whose peer has a static key: that key in hexadecimal. It fits `uniquePeer`:
 * `uniquePeer({ identity: noiseIdentity, localIdentity: staticKey.publicKey.toString('hex') })`.
 */
export const noiseIdentity: ContextKey<string> = contextKey<string>('noiseIdentity');

/** On a connection that {@link noise} secured: what its handshake established. */
export const noiseSession: ContextKey<NoiseSession> = contextKey<NoiseSession>('noiseSession');

/**
 * Secures every connection with Noise, in both directions: who dialled is the initiator.
 *
 * A peer is refused with P2P_ERR_INVALID_FRAME or P2P_ERR_FRAME_TOO_LARGE where its messages are none of this protocol or
 * do not authenticate, which is what other keys, another psk, prologue or pattern look like; with
 * P2P_ERR_HANDSHAKE_REJECTED where `authorize` says no. Transport messages that were tampered with end the connection
 * with `invalid-frame`.
 *
 * note: it leaves {@link noiseIdentity} and {@link noiseSession} in the context of the connection.
 * note: handshake hooks after it talk over the encrypted stream, those before it over the plain one.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export class Noise implements Hooks<unknown> {
  static readonly plugin = { name: 'noise' };
  readonly #options: NoiseOptions;
  readonly #pattern: HandshakePattern;

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG */
  constructor(_node: PeerNode<unknown>, options: NoiseOptions) {
    this.#pattern = checkedPlugin(options).protocol.pattern;
    this.#options = options;
  }

  /**
   * Does the handshake.
   * @throws {PeerError} why there is no connection; P2P_ERR_INVALID_CONFIG where a key that this side of the pattern needs
   * is missing
   */
  async onHandshake(handshake: Handshake): Promise<void> {
    const { authorize, remoteStaticKey, ...rest } = this.#options;
    const { context, direction, address } = handshake;
    const initiator = direction === 'outbound';
    const channel = await noiseHandshake(handshake, {
      ...rest,
      initiator,
      // A peer may take both sides of a pattern in which one of them knows the other beforehand.
      ...(knowsRemoteStaticKey(this.#pattern, initiator) && {
        remoteStaticKey:
          typeof remoteStaticKey === 'function' ? await remoteStaticKey(handshake) : remoteStaticKey,
      }),
      onPayload: async ({ isLast, payload, state }) => {
        if (!isLast || authorize === undefined) return;
        const staticKey = state.remoteStaticKey;
        const identity = staticKey?.toString('hex') ?? '';
        if (await authorize({ staticKey, identity, payload, direction, address })) return;
        handshake.reject(`authorize said no to ${identity === '' ? 'a peer without a key' : identity}`);
      },
    });
    const { session } = channel;
    context.set(noiseSession, session);
    if (session.remoteStaticKey !== undefined) {
      context.set(noiseIdentity, session.remoteStaticKey.toString('hex'));
    }
    handshake.upgrade(channel.secure(handshake.stream), { recyclesWrites: true });
  }
}

/**
 * {@link Noise} with options.
 *
 * ```ts
 * const pattern = 'Noise_XX_25519_ChaChaPoly_SHA256';
 * node.use(noise({ pattern, staticKey, authorize: ({ identity }) => friends.has(identity) }));
 * @Peer({ codec, plugins: [noise({ pattern, staticKey })] })
 * ```
 */
export const noise = definePlugin(Noise);
