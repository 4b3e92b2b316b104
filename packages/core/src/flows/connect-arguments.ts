import type { Duplex } from 'node:stream';
import {
  invalidConfig,
  readProperty,
  requireBoolean,
  requireInteger,
  requireKnown,
  requireMethods,
  requireObject,
  requireSignal,
  requireTimeout,
} from '../authoring/checks.js';
import { ConnectionContext, copyOfContext } from '../contracts/connection-context.js';
import { peerIdentity } from '../contracts/identity.js';
import { PeerError } from '../errors/errors.js';
import { SocketAddress, type AddressLike } from '../net/socket-address.js';
import { discard } from '../connection/foreign-stream.js';
import type { ConnectOptions, Target } from './dialer.js';

const WHAT = 'the options of connect()';
const OPTIONS = [
  'stream',
  'context',
  'signal',
  'timeoutMs',
  'localAddress',
  'localPort',
  'parallel',
] as const satisfies readonly (keyof ConnectOptions)[];

/**
 * What `connect` was given, checked before it has any effect: what to dial.
 *
 * note: the stream among the options is the node's from the start, and destroyed where something else is wrong.
 * @throws {PeerError} P2P_ERR_INVALID_ADDRESS, P2P_ERR_INVALID_CONFIG naming the option
 */
export function checkConnect(target: AddressLike, options: ConnectOptions): Target {
  requireObject('options', options);
  const stream = readProperty(WHAT, options, 'stream') as Duplex | undefined;
  if (stream !== undefined) requireMethods('stream', stream, ['on', 'pipe', 'write', 'destroy']);
  stream?.on('error', ignore); // what destroys it may say why
  try {
    requireKnown(WHAT, options, OPTIONS);
    const { signal, timeoutMs, localAddress, localPort, parallel } = options;
    if (signal !== undefined) requireSignal('signal', signal);
    if (timeoutMs !== undefined) requireTimeout('timeoutMs', timeoutMs);
    if (parallel !== undefined) requireBoolean('parallel', parallel);
    if (localPort !== undefined) requireInteger('localPort', localPort, { min: 0, max: 65_535 });
    if (localAddress !== undefined) new SocketAddress(localAddress, localPort ?? 0);
    const address = SocketAddress.from(target);
    if (address.path !== undefined) requireDialable(address, options);
    return { address, context: dialContext(options.context) };
  } catch (error) {
    discard(() => stream?.destroy());
    throw error;
  }
}

/**
 * The values for a handshake, as a context of its own.
 *
 * note: only a handshake can say who the peer is: an identity from elsewhere would look as if this peer had proved it.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG
 */
export function dialContext(context: ConnectionContext | undefined): ConnectionContext {
  if (context === undefined) return new ConnectionContext();
  const copied = copyOfContext(context);
  if (!copied.has(peerIdentity)) return copied;
  throw invalidConfig(
    '`context` has an identity, as that of another connection may: make a new one, and name the peer that you expect with `expectedIdentity`',
  );
}

/** Refuses what a path cannot have: a local address, and the peers that connected to it. */
function requireDialable(address: SocketAddress, { localAddress, localPort, stream }: ConnectOptions): void {
  if (localAddress !== undefined || localPort !== undefined) {
    throw invalidConfig(`\`localAddress\` and \`localPort\` are for IP addresses, not for ${address}`);
  }
  if (address.port === 0 || stream !== undefined) return;
  throw new PeerError('P2P_ERR_INVALID_ADDRESS', `${address} is a peer that connected to that path`, {
    remedy: 'dial the path that it listens at, if there is one',
  });
}

function ignore(): void {}
