import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { systemClock, type BytesDiagnostic, type Connection } from '@pea2pea/core';
import type { CaptureCounts, Way } from './format.js';
import { resolveTap, type TapOptions } from './options.js';
import { Recording, type CaptureReport, type RecordedFlow } from './recording.js';

/** A connection that is being recorded. */
export interface Tap {
  /** What was recorded so far, and what was dropped. */
  readonly counts: CaptureCounts;
  /** Resolves when the recording has ended and all of it is written, with what there is of it. It never rejects. */
  readonly done: Promise<CaptureReport>;
  /** Ends the recording; resolves as {@link done}. Harmless twice. */
  stop(): Promise<CaptureReport>;
}

/**
 * Records what a connection sends and receives from now on, until it ends: the bytes that its codec reads and writes, above
 * a secure channel.
 *
 * ```ts
 * const recording = tap(connection, { to: 'alice.pcapng' });
 * … await recording.stop();
 * ```
 *
 * note: to record connections from their first byte, and below a secure channel, too, use {@link capture}.
 * note: the recording is bounded. What is beyond its bounds, or too much for the disk, is dropped, counted, and told at the end of
 * the file; the connection does not wait.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export function tap(connection: Connection<never, never> | Connection, options: TapOptions): Tap {
  const recording = new Recording(resolveTap('tap()', options), systemClock);
  const { id, direction, address, localAddress } = connection;
  let flow: RecordedFlow | undefined;
  const record =
    (way: Way) =>
    (event: unknown): void => {
      const { connection: of, node, bytes } = event as BytesDiagnostic;
      if (of.id !== id) return;
      flow ??= recording.flow({
        layer: 'plain',
        node,
        connection: id,
        direction,
        local: localAddress,
        peer: address,
      });
      flow.bytes(way, bytes);
    };
  const [received, sent] = [record('received'), record('sent')];
  subscribe('pea2pea:bytes:received', received);
  subscribe('pea2pea:bytes:sent', sent);
  const letGo = (): void => {
    unsubscribe('pea2pea:bytes:received', received);
    unsubscribe('pea2pea:bytes:sent', sent);
  };
  const stop = (): Promise<CaptureReport> => {
    letGo();
    return recording.stop();
  };
  void connection.closed.then(stop);
  void recording.done.then(letGo); // it may have failed
  return {
    get counts() {
      return recording.counts;
    },
    done: recording.done,
    stop,
  };
}
