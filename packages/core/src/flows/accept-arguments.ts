import type { Duplex } from 'node:stream';
import {
  invalidConfig,
  readProperty,
  requireBoolean,
  requireKnown,
  requireMethods,
  requireObject,
} from '../authoring/checks.js';
import type { ConnectionContext } from '../contracts/connection-context.js';
import { describe } from '../errors/describe.js';
import { PeerError } from '../errors/errors.js';
import { SocketAddress, type AddressLike } from '../net/socket-address.js';
import { dialContext } from './connect-arguments.js';
import { discard } from '../connection/foreign-stream.js';
import { StreamLink } from './stream-link.js';

const WHAT = 'the options of accept()';

/** How to take a stream. */
export interface AcceptOptions {
  /**
   * The address of the peer: limits, bans and log lines go by it.
   *
   * note: behind a proxy, that of the client, as far as the proxy can be believed.
   * @default the remote address of the stream, as sockets have it
   */
  readonly address?: AddressLike;
  /** The address of this side. @default the local address of the stream, as sockets have it; `localhost:0` where it has none */
  readonly localAddress?: AddressLike;
  /** Bytes that were received before, and come first: the `head` of an HTTP upgrade. @default none */
  readonly head?: Uint8Array;
  /** Values for the handshake, as for `connect`. @default none */
  readonly context?: ConnectionContext;
  /**
   * Whether this may be one more connection with the address, beside those that there are: where the address says which
   * client it is, but not which of its connections, as a header of a proxy does. Otherwise a second one is refused.
   * @default false
   */
  readonly parallel?: boolean;
}

const OPTIONS = [
  'address',
  'localAddress',
  'head',
  'context',
  'parallel',
] as const satisfies readonly (keyof AcceptOptions)[];

/** What is to be set up. */
export interface Accepted {
  readonly link: StreamLink;
  readonly context: ConnectionContext;
  /** Whether it may stand beside others with its address. */
  readonly parallel: boolean;
}

/**
 * What `accept` was given, checked before it has any effect.
 *
 * note: the stream is the node's from the start, and destroyed where something is wrong.
 * @throws {PeerError} P2P_ERR_INVALID_ADDRESS, P2P_ERR_INVALID_CONFIG naming the option
 */
export function checkAccept(stream: Duplex, options: AcceptOptions): Accepted {
  requireMethods('stream', stream, ['on', 'pipe', 'write', 'destroy', 'unshift']);
  stream.on('error', ignore); // what destroys it may say why
  try {
    requireObject('options', options);
    requireKnown(WHAT, options, OPTIONS);
    const { head, context, parallel = false } = options;
    requireBoolean('parallel', parallel);
    if (head !== undefined && !(head instanceof Uint8Array)) {
      throw invalidConfig(`\`head\` must be a Uint8Array, not ${describe(head)}`);
    }
    const address = options.address ?? endOf(stream, 'remoteAddress', 'remotePort');
    if (address === undefined) {
      throw new PeerError('P2P_ERR_INVALID_ADDRESS', 'the stream has no remote address', {
        remedy: 'give accept() the `address` that stands for the peer',
      });
    }
    const localAddress = options.localAddress ?? endOf(stream, 'localAddress', 'localPort');
    const link = new StreamLink(
      stream,
      SocketAddress.from(address),
      localAddress === undefined ? undefined : SocketAddress.from(localAddress),
    );
    const accepted = { link, context: dialContext(context), parallel };
    if (head !== undefined && head.length > 0) stream.unshift(head);
    return accepted;
  } catch (error) {
    discard(() => stream.destroy());
    throw error;
  }
}

function endOf(stream: Duplex, host: string, port: string): AddressLike | undefined {
  const [at, on] = [readProperty('the stream', stream, host), readProperty('the stream', stream, port)];
  return typeof at === 'string' && typeof on === 'number' ? { host: at, port: on } : undefined;
}

function ignore(): void {}
