import { describe, printable } from '../errors/describe.js';
import { PeerError } from '../errors/errors.js';
import { contextKey, type ConnectionContext, type ContextKey } from './connection-context.js';

/**
 * Who the peer is: the context key under which a handshake leaves the identity that the peer has proved, as a string that
 * may be shown, such as its public key. `connection.identity` returns it. Log lines, snapshots and plugins read it, too.
 *
 * note: set it only after the proof. A name that a peer merely claims lets it pose as somebody else, and end the
 * connections of others.
 * note: where several handshakes run, the last one that sets it decides.
 */
export const peerIdentity: ContextKey<string> = contextKey<string>('pea2pea.identity');

/**
 * Who the peer has to be: the context key for the identity that a dial expects, in the form of {@link peerIdentity}. Where
 * the peer proves another one, or none, the setup fails with P2P_ERR_WRONG_IDENTITY.
 *
 * ```ts
 * await node.connect(address, { context: new ConnectionContext().with(expectedIdentity, bobsKey) });
 * ```
 */
export const expectedIdentity: ContextKey<string> = contextKey<string>('pea2pea.expected-identity');

/**
 * How the connection is secured: the context key under which a handshake leaves the name of the protocol, such as
 * `Noise_XX_25519_AESGCM_SHA256` or `TLSv1.3 TLS_AES_256_GCM_SHA384`, for people. Snapshots show it.
 */
export const secureChannel: ContextKey<string> = contextKey<string>('pea2pea.secure-channel');

/**
 * How long the peer takes to reply, in milliseconds, as far as somebody measures it: the context key under which they leave
 * it. Snapshots show it; `keepAlive` of `@pea2pea/policies` sets it.
 */
export const roundTripMs: ContextKey<number> = contextKey<number>('pea2pea.round-trip-ms');

/** The longest identity in log lines and snapshots, in characters: longer than keys and fingerprints are. */
const LONGEST_SHOWN = 128;

/** The identity in `context`; undefined where there is none. What is not a string is not an identity. */
export function identityIn(context: ConnectionContext): string | undefined {
  const identity: unknown = context.get(peerIdentity);
  return typeof identity === 'string' ? identity : undefined;
}

/** The identity in `context` for people: in one line, and cut where it is long; undefined where there is none. */
export function shownIdentity(context: ConnectionContext): string | undefined {
  const identity = identityIn(context);
  return identity === undefined ? undefined : printable(identity, LONGEST_SHOWN);
}

/**
 * Refuses a peer other than the one that the dial expects, for handshakes that can tell before they are over.
 *
 * note: the kernel checks it once more when all handshakes are over.
 * @param proved the identity that the peer has proved, if it has
 * @throws {PeerError} P2P_ERR_WRONG_IDENTITY
 */
export function requireExpectedIdentity(context: ConnectionContext, proved: string | undefined): void {
  if (!context.has(expectedIdentity)) return;
  const expected: unknown = context.get(expectedIdentity);
  if (expected === proved && proved !== undefined) return;
  const who = proved === undefined ? 'the peer has proved no identity' : `the peer is ${shown(proved)}`;
  throw new PeerError('P2P_ERR_WRONG_IDENTITY', `${who}, and the dial expects ${shown(expected)}`);
}

/**
 * Refuses to make another peer of a connection.
 * @param before the identity that it has had, if any
 * @throws {PeerError} P2P_ERR_WRONG_IDENTITY
 */
export function requireSameIdentity(before: string | undefined, proved: string | undefined): void {
  if (before === undefined || before === proved) return;
  const who = proved === undefined ? 'nobody' : shown(proved);
  throw new PeerError('P2P_ERR_WRONG_IDENTITY', `the peer was ${shown(before)}, and is ${who} now`, {
    remedy: 'close the connection and make a new one for another identity',
  });
}

function shown(identity: unknown): string {
  return typeof identity === 'string' ? printable(identity, LONGEST_SHOWN) : describe(identity);
}
