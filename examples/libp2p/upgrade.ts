/**
 * From a TCP connection to a libp2p connection, in a handshake.
 * Specification: "Connection establishment", https://github.com/libp2p/specs/blob/master/connections/README.md
 */
import { contextKey, type Handshake } from '@pea2pea/core';
import { generateKeyPair, noiseHandshake } from '@pea2pea/noise';
import { handle, select, Yamux, type YamuxStream } from '@pea2pea/streams';
import type { Identity, PublicIdentity } from './identity.js';
import { noisePayload, verifyNoisePayload } from './noise-payload.js';

/** On a connection: who is at the other end, proven. */
export const REMOTE = contextKey<PublicIdentity>('libp2p identity');
/** On a connection: its streams. */
export const SESSION = contextKey<Yamux>('libp2p yamux session');

const PATTERN = 'Noise_XX_25519_ChaChaPoly_SHA256';

export interface UpgradeOptions {
  readonly identity: Identity;
  /** Whom the address that was dialled names; undefined where it names nobody. */
  readonly expected: string | undefined;
  readonly onStream: (stream: YamuxStream, remote: PublicIdentity) => Promise<void>;
}

/**
 * ```text
 *   TCP -> multistream-select /noise -> Noise XX, identities inside -> multistream-select /yamux/1.0.0 -> yamux
 * ```
 *
 * Each arrow is `handshake.upgrade`, or a few reads and writes on what is there so far.
 */
export async function upgrade(handshake: Handshake, options: UpgradeOptions): Promise<void> {
  const initiator = handshake.direction === 'outbound';
  const negotiate = (protocol: string): Promise<string> =>
    initiator ? select(handshake, [protocol]) : handle(handshake, [protocol]);

  await negotiate('/noise');
  // A new key for every connection: the identity vouches for it.
  const staticKey = generateKeyPair();
  let remote: PublicIdentity | undefined;
  const channel = await noiseHandshake(handshake, {
    pattern: PATTERN,
    initiator,
    staticKey,
    payload: noisePayload(options.identity, staticKey.publicKey),
    onPayload({ isLast, payload, state }) {
      if (!isLast) return; // the first message comes before there are keys: it carries nothing
      remote = verifyNoisePayload(payload, state.remoteStaticKey!);
      // Before we say who we are, where we dialled.
      if (options.expected !== undefined && remote.peerId !== options.expected) {
        handshake.reject(`expected ${options.expected}, found ${remote.peerId}`);
      }
    },
  });
  handshake.upgrade(channel.secure(handshake.takeStream()), { reusesBuffers: true, neverReenters: true });

  await negotiate('/yamux/1.0.0');
  const session = new Yamux(handshake.takeStream(), {
    role: initiator ? 'client' : 'server',
    onStream: (stream) => options.onStream(stream, remote!),
  });
  // The connection owns the session: whatever ends one ends the other, with one reason.
  handshake.upgrade(session.frames);
  handshake.context.set(REMOTE, remote!);
  handshake.context.set(SESSION, session);
}
