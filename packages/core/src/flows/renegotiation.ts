import { CancellationSource, raceAgainst } from '../authoring/cancellation.js';
import {
  MAX_TIMER_MS,
  requireCodec,
  requireFunction,
  requireKnown,
  requireTimeout,
} from '../authoring/checks.js';
import { defer, markHandled, rejected } from '../authoring/deferred.js';
import type { PeerConnection } from '../connection/connection.js';
import { LiveHandshake } from '../connection/handshake.js';
import { HandshakeMeter } from '../connection/handshake-meter.js';
import type { Kernel } from '../connection/kernel.js';
import type { Renewal } from '../connection/renewal.js';
import { renegotiating, sentByEncoder } from '../connection/send-errors.js';
import type { Codec } from '../contracts/codec.js';
import { identityIn, requireExpectedIdentity, requireSameIdentity } from '../contracts/identity.js';
import type { Detached } from '../contracts/handshake.js';
import type { RenegotiateHook, RenegotiateOptions } from '../contracts/renegotiation.js';
import { PeerError } from '../errors/errors.js';
import { overdueAwake } from '../mechanisms/overdue.js';
import { asSetupError, requireSound } from './connection-setup.js';

/** What a renegotiation was asked for, checked. */
interface Plan<T> {
  readonly hook: RenegotiateHook<T>;
  readonly codec: Codec<unknown>;
  readonly timeoutMs: number;
}

/**
 * A connection goes back to being a handshake after the message that was decoded last, and comes out as the same connection.
 *
 * ```text
 *   messages -> flush -> hook -> messages, of a new decoder, perhaps over another stream
 *               `- one deadline -'
 * ```
 *
 * Where it fails the connection ends. INVARIANT: exact-byte.
 *
 * @throws {PeerError} see `Connection.renegotiate`
 */
export function renegotiate<T>(
  kernel: Kernel,
  connection: PeerConnection,
  hook: RenegotiateHook<T>,
  options: RenegotiateOptions,
): Promise<T> {
  try {
    return markHandled(run(kernel, connection, checked(kernel, connection, hook, options)));
  } catch (error) {
    return rejected(error);
  }
}

/** See `Connection.detach`. How long the flush may take is up to the write timeout. */
export function detach(kernel: Kernel, connection: PeerConnection): Promise<Detached> {
  return renegotiate(kernel, connection, (handshake) => handshake.detach(), { timeoutMs: MAX_TIMER_MS });
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG, P2P_ERR_DISCONNECTED, P2P_ERR_SENT_AFTER_END, P2P_ERR_RENEGOTIATING, P2P_ERR_MESSAGES_HELD */
function checked<T>(
  { config }: Kernel,
  connection: PeerConnection,
  hook: RenegotiateHook<T>,
  options: RenegotiateOptions,
): Plan<T> {
  requireFunction('hook', hook);
  requireKnown('the options of renegotiate()', options, ['codec', 'timeoutMs']);
  const { codec = connection.codec, timeoutMs = config.handshakeTimeoutMs } = options;
  requireCodec('codec', codec);
  requireTimeout('timeoutMs', timeoutMs);
  requireExactByte(connection);
  return { hook, codec, timeoutMs };
}

/** Whether somebody else may go on with the bytes of `connection`. @throws {PeerError} why not */
export function requireExactByte(connection: PeerConnection): void {
  if (connection.state !== 'open') throw connection.endError();
  if (connection.hasEnded) throw connection.sendError();
  if (connection.isRenegotiating) throw renegotiating(connection);
  if (connection.writer.isEncoding) throw sentByEncoder();
  if (!connection.reader.decoding.holdsMessages) return;
  const what = `the decoder of ${connection.address} has taken messages off the wire that were not handled`;
  throw new PeerError('P2P_ERR_MESSAGES_HELD', what);
}

async function run<T>(kernel: Kernel, connection: PeerConnection, plan: Plan<T>): Promise<T> {
  const { reader, writer, stream, writes, link, direction, dialled, context, limits } = connection;
  const { decoder } = reader.decoding;
  const cancellation = new CancellationSource();
  const received = reader.suspend();
  const meter = new HandshakeMeter(kernel, connection, reader);
  const handshake = new LiveHandshake(
    {
      link,
      direction,
      dialled,
      context,
      limits,
      from: { stream, writes, received, comesAgain: reader.comesAgain, decoder, meter },
    },
    cancellation,
    kernel,
  );
  const over = defer();
  // In the turn of the call: nobody else may end a connection whose stream is handed over.
  cancellation.add(() => {
    if (!handshake.isDetached) return;
    kernel.handOver(link);
    connection.endFor({ origin: 'detached' });
  });
  connection.handshake = {
    get stream() {
      return handshake.stream;
    },
    over: over.promise,
    abandon: () => {
      cancellation.cancel(connection.endError());
      connection.leaveHandshake(handshake);
    },
  };
  const timer = overdueAwake(kernel.clock, plan.timeoutMs, () => {
    const what = `the renegotiation with ${connection.address} took longer than ${plan.timeoutMs} ms`;
    cancellation.cancel(new PeerError('P2P_ERR_HANDSHAKE_TIMEOUT', what));
  });
  const proved = identityIn(context);
  const flushed = writer.suspend(); // it may end the connection
  let result: T | undefined;
  try {
    await raceAgainst(cancellation, async () => {
      await flushed;
      if (cancellation.reason === undefined) result = await plan.hook(handshake);
    });
    const renewal = outcomeOf(connection, handshake, plan.codec, proved);
    cancellation.throwIfCancelled(); // a codec may have ended the connection
    connection.renew(renewal);
    return result as T;
  } catch (thrown) {
    if (handshake.isDetached) {
      await connection.teardown?.done;
      return result as T; // a hook that detaches has nothing more to wait for
    }
    const error = asSetupError(thrown, link, 'renegotiation');
    // Whatever still waits inside an abandoned hook ends with it.
    cancellation.cancel(error);
    if (connection.state === 'open') kernel.heuristics.renegotiationFailures++;
    connection.endFor({ origin: 'renegotiation', error });
    throw error;
  } finally {
    over.resolve();
    timer.cancel();
  }
}

/** What the connection goes on with. @throws why the handshake came to nothing, whatever the hook makes of it */
function outcomeOf(
  connection: PeerConnection,
  handshake: LiveHandshake,
  codec: Codec<unknown>,
  provedBefore: string | undefined,
): Renewal {
  const stream = handshake.complete();
  const proved = identityIn(connection.context);
  requireExpectedIdentity(connection.context, proved);
  requireSameIdentity(provedBefore, proved);
  const { writes, received, comesAgain, hasSpoken } = handshake;
  const { decoding, encoder } = connection.beginCoding(codec, received);
  requireSound(handshake, decoding);
  return { stream, writes, comesAgain, codec, decoding, encoder, hasSpoken };
}
