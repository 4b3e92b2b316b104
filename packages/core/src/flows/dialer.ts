import type { Duplex } from 'node:stream';
import { traced } from '../authoring/traced.js';
import { diagnostics } from '../contracts/diagnostics.js';
import { PeerError } from '../errors/errors.js';
import type { SocketAddress } from '../net/socket-address.js';
import type { ConnectionContext } from '../contracts/connection-context.js';
import type { PeerConnection } from '../connection/connection.js';
import type { Kernel, SetupAbout, SetupUnderWay } from '../connection/kernel.js';
import { aborted, CancellationSource } from '../authoring/cancellation.js';
import { overdueAwake } from '../mechanisms/overdue.js';
import { forgetAbort, onAbort } from '../authoring/signal-listeners.js';
import { discard } from '../connection/foreign-stream.js';
import { setUpConnection, shuttingDown } from './connection-setup.js';
import { reach, reserve, type Reached } from './reach.js';
import { StreamLink } from './stream-link.js';

/** How to dial. */
export interface ConnectOptions {
  /** Cancels the dial or the handshake; no half state is left. */
  readonly signal?: AbortSignal;
  /** Bounds the dial, not the handshake. @default `connectTimeoutMs` of the node */
  readonly timeoutMs?: number;
  /** The local IP address to dial from. @default the system picks one */
  readonly localAddress?: string;
  /**
   * The local port to dial from, as TCP simultaneous open needs it.
   *
   * note: connections to several addresses can share it; with a listener, ours or another one's, it cannot be shared.
   * note: where two nodes dial each other at once from ports that both know, one connection comes of it that is
   * `'outbound'` on both sides: a handshake with roles has to agree on them first.
   * @default the system picks one
   */
  readonly localPort?: number;
  /**
   * Values for the handshake: they are in `handshake.context` and `connection.context` before the first hook runs. Each
   * connection has a copy of its own, so one context may be used for many dials.
   *
   * note: make a new one. That of another connection has what its handshake left, and is refused where it has an identity.
   * @default none
   */
  readonly context?: ConnectionContext;
  /**
   * Whether this may be one more connection with the address, beside those that there are: for pools, proxies, load
   * generators. Each counts for every limit. Otherwise a second one is refused.
   * @default false
   */
  readonly parallel?: boolean;
  /** A connected duplex to use instead of dialling: any transport. The node owns it from here. */
  readonly stream?: Duplex;
}

/** What to dial: checked, and copied where the caller could change it. */
export interface Target {
  readonly address: SocketAddress;
  /** The values of `context`, for one connection. */
  readonly context: ConnectionContext;
}

/**
 * The outbound side: from an address to a connection.
 *
 * @throws {PeerError} why there is none
 */
export function dial(kernel: Kernel, target: Target, options: ConnectOptions): Promise<PeerConnection> {
  kernel.heuristics.dialled++;
  const cancellation = new CancellationSource();
  const about: SetupAbout = { address: target.address, direction: 'outbound', phase: 'connecting' };
  return kernel.track(cancellation, about, (setup) => {
    const begin = (): Promise<PeerConnection> => attempt(kernel, target, options, cancellation, setup);
    if (!diagnostics.dial.hasSubscribers) return begin();
    return traced(diagnostics.dial, { ...kernel.about, address: target.address }, begin);
  });
}

async function attempt(
  kernel: Kernel,
  { address: given, context }: Target,
  options: ConnectOptions,
  cancellation: CancellationSource,
  setup: SetupUnderWay,
): Promise<PeerConnection> {
  const { signal, stream, parallel, timeoutMs = kernel.config.connectTimeoutMs } = options;
  const cancel = (): void => cancellation.cancel(aborted('the dial', signal!));
  if (signal?.aborted === true) cancel();
  else if (signal !== undefined) onAbort(signal, cancel);
  try {
    if (kernel.table.isClosed) {
      kernel.heuristics.connectFailures++;
      throw shuttingDown(kernel);
    }
    const timer = overdueAwake(kernel.clock, timeoutMs, () => {
      cancellation.cancel(
        new PeerError('P2P_ERR_CONNECT_TIMEOUT', `${given} could not be reached within ${timeoutMs} ms`),
      );
    });
    let reached: Reached;
    try {
      reached =
        stream === undefined
          ? await reach(kernel, given, options, cancellation)
          : bring(kernel, stream, given, parallel);
    } finally {
      timer.cancel();
    }
    const { link, slot } = reached;
    if (stream === undefined) kernel.own(link);
    setup.phase = 'handshaking';
    const dialled = { direction: 'outbound', dialled: given, context } as const;
    return await setUpConnection(kernel, { link, slot, cancellation, ...dialled });
  } catch (error) {
    // An error that is not ours was thrown by a transport or a stream, before there was a link.
    if (!PeerError.is(error)) kernel.heuristics.connectFailures++;
    // It was ours from the start, unless a hook has handed it over.
    if (!PeerError.is(error, 'P2P_ERR_DETACHED')) discard(() => stream?.destroy());
    throw error;
  } finally {
    if (signal !== undefined) forgetAbort(signal, cancel);
  }
}

/** A link of a stream that the caller brought along: owned before it takes a slot, as what it is made of may throw. */
function bring(kernel: Kernel, stream: Duplex, address: SocketAddress, parallel?: boolean): Reached {
  const link = new StreamLink(stream, address);
  kernel.own(link);
  return { link, slot: reserve(kernel, address, parallel) };
}
