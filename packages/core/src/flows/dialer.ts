import type { Duplex } from 'node:stream';
import { diagnostics } from '../contracts/diagnostics.js';
import { PEER_ERRORS, PeerError, type PeerErrorCode } from '../contracts/errors.js';
import { SocketAddress, type AddressLike } from '../contracts/socket-address.js';
import type { Link } from '../contracts/transport.js';
import type { PeerConnection } from '../connection/connection.js';
import type { Slot } from '../connection/connection-table.js';
import type { Kernel } from '../connection/kernel.js';
import { CancellationSource, orCancelled } from '../mechanisms/cancellation.js';
import { overdue } from '../mechanisms/overdue.js';
import { forgetAbort, onAbort } from '../mechanisms/signal-listeners.js';
import { isPromise } from '../mechanisms/thenable.js';
import { discard, setUpConnection, shuttingDown } from './connection-setup.js';

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
  /** A connected duplex to use instead of dialling: any transport. The node owns it from here. */
  readonly stream?: Duplex;
}

/**
 * The outbound side: from an address to a connection.
 *
 * @throws {PeerError} why there is none
 */
export function dial(kernel: Kernel, target: AddressLike, options: ConnectOptions): Promise<PeerConnection> {
  kernel.heuristics.dialled++;
  const cancellation = new CancellationSource();
  return kernel.track(cancellation, () => attempt(kernel, target, options, cancellation));
}

async function attempt(
  kernel: Kernel,
  target: AddressLike,
  options: ConnectOptions,
  cancellation: CancellationSource,
): Promise<PeerConnection> {
  const { signal, stream, timeoutMs = kernel.config.connectTimeoutMs } = options;
  const cancel = (): void => cancellation.cancel(aborted(signal!));
  if (signal?.aborted === true) cancel();
  else if (signal !== undefined) onAbort(signal, cancel);
  try {
    if (kernel.table.isClosed) {
      kernel.heuristics.connectFailures++;
      throw shuttingDown(kernel);
    }
    const given = SocketAddress.from(target);
    const timer = overdue(kernel.clock, timeoutMs, () => {
      cancellation.cancel(
        new PeerError('P2P_ERR_CONNECT_TIMEOUT', `${given} gave no answer in ${timeoutMs} ms`),
      );
    });
    let reached: Reached;
    try {
      reached = await reach(kernel, given, options, cancellation);
    } finally {
      timer.cancel();
    }
    const { link, slot } = reached;
    kernel.own(link);
    return await setUpConnection(kernel, { link, slot, direction: 'outbound', dialled: given, cancellation });
  } catch (error) {
    // What is none of our errors a transport or a stream has thrown, before there was a link.
    if (!PeerError.is(error)) kernel.heuristics.connectFailures++;
    discard(() => stream?.destroy()); // it was ours from the start
    throw error;
  } finally {
    if (signal !== undefined) forgetAbort(signal, cancel);
  }
}

/** A link, and the slot that it was reserved. */
interface Reached {
  readonly slot: Slot<PeerConnection>;
  readonly link: Link;
}

/** Dials what the address stands for, one after the other, until one answers. */
async function reach(
  kernel: Kernel,
  given: SocketAddress,
  options: ConnectOptions,
  cancellation: CancellationSource,
): Promise<Reached> {
  const { stream } = options;
  if (stream !== undefined) {
    const link = new StreamLink(stream, given); // first: what it is made of may throw
    return { slot: reserve(kernel, given), link };
  }
  try {
    const resolved = kernel.config.transport.resolve(given);
    const addresses = isPromise(resolved) ? await orCancelled(cancellation, () => resolved) : resolved;
    for (const [index, address] of addresses.entries()) {
      const isLast = index === addresses.length - 1;
      const reached = await dialAddress(kernel, address, options, cancellation, isLast);
      if (reached !== undefined) return reached;
    }
    throw new PeerError('P2P_ERR_CONNECT_FAILED', `${given} has no address`);
  } catch (error) {
    countFailure(kernel, given, error);
    throw error;
  }
}

/** Undefined where the address did not answer and another may. */
async function dialAddress(
  kernel: Kernel,
  address: SocketAddress,
  { localAddress, localPort }: ConnectOptions,
  cancellation: CancellationSource,
  isLast: boolean,
): Promise<Reached | undefined> {
  const { transport, noDelay, keepAlive } = kernel.config;
  cancellation.throwIfCancelled();
  const slot = reserve(kernel, address);
  try {
    const link = await transport.connect(address, {
      cancellation,
      noDelay,
      keepAlive,
      localAddress,
      localPort,
    });
    return { slot, link };
  } catch (thrown) {
    slot.release();
    if (PeerError.is(thrown, 'P2P_ERR_CONNECT_FAILED') && !isLast) return undefined;
    if (PeerError.is(thrown)) throw thrown;
    throw new PeerError('P2P_ERR_CONNECT_FAILED', `cannot connect to ${address}`, { cause: thrown });
  }
}

/** Refusals before dialling were counted where they happened. */
function countFailure(kernel: Kernel, address: SocketAddress, error: unknown): void {
  if (!PeerError.is(error)) return;
  if (error.code === 'P2P_ERR_CONNECT_TIMEOUT') kernel.heuristics.connectTimeouts++;
  else if (CONNECT_FAILURES.has(error.code)) kernel.heuristics.connectFailures++;
  kernel.logger.debug({ peer: address.toString(), code: error.code, err: error }, 'not connected');
}

const CONNECT_FAILURES: ReadonlySet<PeerErrorCode> = new Set([
  'P2P_ERR_CONNECT_FAILED',
  'P2P_ERR_ABORTED',
  'P2P_ERR_SHUTTING_DOWN',
]);

/** INVARIANT: reserve-once. @throws {PeerError} why the address may not be dialled now */
function reserve(kernel: Kernel, address: SocketAddress): Slot<PeerConnection> {
  const isOwn = kernel.listenAddress?.isReachedBy(address) === true;
  const slot = isOwn ? 'P2P_ERR_SELF_CONNECT' : kernel.table.reserve(address, 'outbound');
  if (typeof slot !== 'string') return slot;
  if (slot === 'P2P_ERR_SHUTTING_DOWN') throw shuttingDown(kernel);
  kernel.heuristics.dialsRefused++;
  kernel.limitLog.refused(address, 'outbound', slot);
  if (diagnostics.connectionRefused.hasSubscribers) {
    const { name } = kernel.config;
    diagnostics.connectionRefused.publish({ node: name, address, direction: 'outbound', cause: slot });
  }
  throw new PeerError(
    slot,
    `cannot connect to ${address}: ${PEER_ERRORS[slot satisfies PeerErrorCode].when}`,
  );
}

/** A stream that the caller of `connect` brought along. */
class StreamLink implements Link {
  readonly stream: Duplex;
  readonly address: SocketAddress;
  readonly localAddress = new SocketAddress('localhost', 0);
  /** Nothing is known about who reads from it. */
  readonly recyclesWrites = false;

  constructor(stream: Duplex, address: SocketAddress) {
    this.stream = stream;
    this.address = address;
    stream.pause();
    stream.on('error', ignore);
  }

  reset(): void {
    this.stream.destroy();
  }
}

function ignore(): void {}

function aborted(signal: AbortSignal): PeerError {
  return new PeerError('P2P_ERR_ABORTED', 'the dial was aborted', { cause: signal.reason });
}
