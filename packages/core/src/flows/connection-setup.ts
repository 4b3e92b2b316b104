import type { Duplex } from 'node:stream';
import { ConnectionContext } from '../contracts/connection-context.js';
import type { Direction } from '../contracts/direction.js';
import { identityIn, requireExpectedIdentity } from '../contracts/identity.js';
import type { CounterName } from '../contracts/counters.js';
import { describe } from '../errors/describe.js';
import { traced } from '../authoring/traced.js';
import { diagnostics } from '../contracts/diagnostics.js';
import { isOwnFault, PeerError } from '../errors/errors.js';
import type { AcceptRequest } from '../contracts/handshake.js';
import type { SocketAddress } from '../net/socket-address.js';
import type { Link } from '../contracts/transport.js';
import { PeerConnection } from '../connection/connection.js';
import { discard } from '../connection/foreign-stream.js';
import type { Decoding } from '../connection/decoding.js';
import type { Slot } from '../connection/connection-table.js';
import { LiveHandshake } from '../connection/handshake.js';
import { LiveLimits } from '../connection/live-limits.js';
import type { Kernel } from '../connection/kernel.js';
import { raceAgainst, type CancellationSource } from '../authoring/cancellation.js';
import { ChunkQueue } from '../mechanisms/byte-queue.js';
import { overdueAwake } from '../mechanisms/overdue.js';

/** A link on its way to being a connection. */
export interface Setup {
  readonly link: Link;
  readonly direction: Direction;
  /** What `connect` was given. */
  readonly dialled?: SocketAddress;
  /** What `connect` was given for the handshake; the connection's own from here on. */
  readonly context?: ConnectionContext;
  readonly slot: Slot<PeerConnection>;
  /** Cancelled by its deadline, the end of the node, or the caller of `connect`. */
  readonly cancellation: CancellationSource;
}

/**
 * The one way from a link to a connection, in both directions.
 *
 * ```text
 *   reserved slot -> onAccept (inbound) -> onHandshake -> active -> onConnect starts -> reading starts
 *                    `--- one deadline: handshakeTimeoutMs ---'
 * ```
 *
 * Where it fails the slot is free, the link destroyed, and nothing else ran for it.
 *
 * @throws {PeerError} why there is no connection
 */
export async function setUpConnection(kernel: Kernel, setup: Setup): Promise<PeerConnection> {
  const { link, slot, direction, dialled, cancellation, context = new ConnectionContext() } = setup;
  const limits = new LiveLimits(kernel.config);
  let session: LiveHandshake | undefined;
  try {
    if (kernel.hooks.accept !== undefined || kernel.hooks.handshake !== undefined) {
      session = new LiveHandshake({ link, direction, dialled, context, limits }, cancellation, kernel);
      await negotiate(kernel, setup, session);
    }
    return activate(kernel, setup, context, limits, session);
  } catch (thrown) {
    const error = asSetupError(thrown, link);
    // INVARIANT: foreign-values-are-harmless. Released before anything is told.
    slot.release();
    // Whatever still waits inside an abandoned hook ends with the setup.
    cancellation.cancel(error);
    if (session?.isDetached === true) {
      kernel.handOver(link);
      kernel.outcomes.handedOver(link.address, direction);
      throw error;
    }
    discard(() => session?.destroyUpgrade());
    discard(() => link.stream.destroy());
    kernel.outcomes.setupFailed(link.address, direction, error, failureCounter(error));
    throw error;
  }
}

/** Runs the hooks before activation, within the deadline. */
async function negotiate(kernel: Kernel, setup: Setup, session: LiveHandshake): Promise<void> {
  const { link, direction, cancellation } = setup;
  const { handshakeTimeoutMs } = kernel.config;
  const timer = overdueAwake(kernel.clock, handshakeTimeoutMs, () => {
    const what = `the setup with ${link.address} took longer than ${handshakeTimeoutMs} ms`;
    cancellation.cancel(new PeerError('P2P_ERR_HANDSHAKE_TIMEOUT', what));
  });
  const event = { ...kernel.about, address: link.address, direction };
  try {
    await raceAgainst(cancellation, () =>
      diagnostics.handshake.hasSubscribers
        ? traced(diagnostics.handshake, event, () => runHooks(kernel, setup, session))
        : runHooks(kernel, setup, session),
    );
  } finally {
    timer.cancel();
  }
}

async function runHooks(kernel: Kernel, setup: Setup, session: LiveHandshake): Promise<void> {
  const { link, direction, cancellation } = setup;
  const { accept, handshake } = kernel.hooks;
  if (accept !== undefined && direction === 'inbound') {
    if (!(await callHook(kernel, 'onAccept', () => accept(new Accepting(link, cancellation))))) {
      throw new RefusedByHook('P2P_ERR_HANDSHAKE_REJECTED', `onAccept refused ${link.address}`);
    }
  }
  if (handshake === undefined || cancellation.reason !== undefined) return;
  await callHook(kernel, 'onHandshake', () => handshake(session));
}

/** What `onAccept` is asked about. */
class Accepting implements AcceptRequest {
  readonly #link: Link;
  readonly #cancellation: CancellationSource;

  constructor(link: Link, cancellation: CancellationSource) {
    this.#link = link;
    this.#cancellation = cancellation;
  }

  get address(): SocketAddress {
    return this.#link.address;
  }

  get localAddress(): SocketAddress {
    return this.#link.localAddress;
  }

  get signal(): AbortSignal {
    return this.#cancellation.signal;
  }
}

/** A refusal by `onAccept`, to be counted apart from failed handshakes. */
class RefusedByHook extends PeerError {
  readonly #isOurs = true;

  /** Not by `instanceof`, which runs code of prototypes. INVARIANT: foreign-values-are-harmless. */
  static isIn(error: PeerError): boolean {
    return #isOurs in error;
  }
}

/** Tells `onError` about anything but the refusals and failures that the handshake itself raises. */
async function callHook<T>(
  kernel: Kernel,
  hook: 'onAccept' | 'onHandshake',
  call: () => T | Promise<T>,
): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (isOwnFault(error)) kernel.hookThrew(hook, error);
    throw error;
  }
}

/** From here on it is a connection. All of it happens in one turn. */
function activate(
  kernel: Kernel,
  setup: Setup,
  context: ConnectionContext,
  limits: LiveLimits,
  session: LiveHandshake | undefined,
): PeerConnection {
  const { link, direction, slot, cancellation } = setup;
  cancellation.throwIfCancelled();
  const stream: Duplex = session?.complete() ?? link.stream;
  requireExpectedIdentity(context, identityIn(context));
  const received = session?.received ?? new ChunkQueue();
  const connection = new PeerConnection(kernel, {
    link,
    stream,
    writes: session?.writes ?? link,
    direction,
    hasSpoken: session?.hasSpoken === true,
    dialled: setup.dialled,
    context,
    limits,
    received,
    slot,
    flows: kernel.flows,
  });
  if (session !== undefined) requireSound(session, connection.reader.decoding);
  // INVARIANT: closed-admits-nobody.
  if (!slot.activate(connection)) throw shuttingDown(kernel);
  kernel.sweeper.add(connection);
  kernel.outcomes.opened(connection);
  // INVARIANT: paired-hooks. onConnect starts before the first message can be handled.
  startConnectHook(kernel, connection);
  if (connection.state === 'open') connection.reader.start();
  return connection;
}

/** INVARIANT: nothing-crosses-an-upgrade. @throws {PeerError} P2P_ERR_HANDSHAKE_FAILED */
export function requireSound(session: LiveHandshake, decoding: Decoding): void {
  if (!session.mayRead(decoding.decoder)) {
    const what = `the codec went on with a decoder that had read below an upgrade with ${session.address}`;
    throw new PeerError('P2P_ERR_HANDSHAKE_FAILED', what, { remedy: 'make a new decoder' });
  }
  if (session.holdsMessages && !decoding.holdsMessages) {
    const what = `the handshake with ${session.address} ended before all messages of its decoder were received`;
    throw new PeerError('P2P_ERR_HANDSHAKE_FAILED', what);
  }
}

function startConnectHook(kernel: Kernel, connection: PeerConnection): void {
  kernel.hooks.connect?.(connection, (error) => {
    const decision = kernel.hookThrew('onConnect', error, connection);
    if (decision === 'keep') {
      kernel.logFault(error, connection, 'onConnect threw; onError keeps the connection');
    } else if (connection.state !== 'open') {
      kernel.logFault(error, connection, 'onConnect threw; the connection is ending for another reason');
    } else {
      connection.endFor({ origin: 'on-connect', error });
    }
  });
}

function failureCounter(error: PeerError): CounterName {
  if (error.code === 'P2P_ERR_HANDSHAKE_TIMEOUT') return 'handshakeTimeouts';
  return RefusedByHook.isIn(error) ? 'refusedByHook' : 'handshakeFailures';
}

/** Why a handshake came to nothing; `what` it was part of, for people. */
export function asSetupError(thrown: unknown, link: Link, part = 'setup'): PeerError {
  if (PeerError.is(thrown)) return thrown;
  const what = `the ${part} with ${link.address} failed: ${describe(thrown)}`;
  return new PeerError('P2P_ERR_HANDSHAKE_FAILED', what, { cause: thrown });
}

/** The one error of a node that is closing. */
export function shuttingDown(kernel: Kernel): PeerError {
  return new PeerError('P2P_ERR_SHUTTING_DOWN', `the node ${kernel.config.name} is shutting down`);
}
