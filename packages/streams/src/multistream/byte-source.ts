import { Duplex } from 'node:stream';
import { PeerError, type Handshake } from '@pea2pea/core';
import {
  aborted,
  describe,
  forgetAbort,
  onAbort,
  raceAgainst,
  requireMethods,
  requireObject,
  requireSignal,
} from '@pea2pea/core/authoring';

/** What a negotiation needs of a stream: a kernel's {@link Handshake} has it. */
export type Negotiable = Pick<Handshake, 'read' | 'write'>;

/** What ends a wait. */
interface Waiting {
  readonly signal?: AbortSignal | undefined;
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG for what is not a signal */
function signalOf(options: Waiting): AbortSignal | undefined {
  requireObject('options', options);
  const { signal } = options;
  if (signal !== undefined) requireSignal('signal', signal);
  return signal;
}

/**
 * `stream` for a negotiation: a handshake as it is, a `Duplex` through a reader that takes no byte more than it is asked
 * for. What comes after the negotiation stays where it is.
 */
export function negotiable(stream: Negotiable | Duplex, options: Waiting): Negotiable {
  requireMethods('stream', stream, ['read', 'write']);
  const signal = signalOf(options);
  if (stream instanceof Duplex) return new DuplexSource(stream, signal);
  return {
    read: (size) => raceAgainst(signal, () => stream.read(size), 'the wait'),
    write: (bytes) => raceAgainst(signal, () => stream.write(bytes), 'the wait'),
  };
}

/**
 * The next `size` bytes of a paused `stream`, and not one more: for protocols that begin with a few bytes of their own.
 *
 * note: `size` of a stream with windows, such as a `YamuxStream`, must be less than its window.
 * @throws {RangeError} for a `size` that is not a number of bytes
 * @throws {PeerError} P2P_ERR_HANDSHAKE_ENDED when the stream ends before; P2P_ERR_ABORTED
 */
export async function readExactly(stream: Duplex, size: number, options: Waiting = {}): Promise<Buffer> {
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new RangeError(`readExactly(): a whole number of bytes is needed, not ${describe(size)}`);
  }
  requireMethods('stream', stream, ['read', 'write', 'on', 'off']);
  const signal = signalOf(options);
  return size === 0 ? Buffer.alloc(0) : new DuplexSource(stream, signal).read(size);
}

/** A paused `Duplex`, read in exact portions; it listens to it while it waits, and no longer. */
class DuplexSource implements Negotiable {
  readonly #stream: Duplex;
  readonly #signal: AbortSignal | undefined;

  constructor(stream: Duplex, signal: AbortSignal | undefined) {
    this.#stream = stream;
    this.#signal = signal;
  }

  read(size: number): Promise<Buffer> {
    return this.#wait((resolve, reject) => {
      const stream = this.#stream;
      const attempt = (): void => {
        // At its end, and there alone, a stream returns less than it was asked for.
        const bytes = stream.read(size) as Buffer | null;
        if (bytes?.length === size) resolve(bytes);
        else if (bytes !== null || stream.readableEnded || stream.destroyed) reject(ended());
      };
      stream.on('readable', attempt);
      attempt();
      return () => stream.off('readable', attempt);
    });
  }

  write(bytes: Uint8Array | string): Promise<void> {
    return this.#wait((resolve) => {
      this.#stream.write(bytes, (error) => {
        if (error === undefined || error === null) resolve(undefined);
      });
      return () => {};
    });
  }

  /** One wait; whatever it waits for, the end of the stream and `signal` end it, too. */
  #wait<T>(begin: (resolve: (value: T) => void, reject: (error: Error) => void) => () => void): Promise<T> {
    const stream = this.#stream;
    const signal = this.#signal;
    return new Promise<T>((resolve, reject) => {
      let over = false;
      let stop = (): void => {};
      const settle = (act: () => void): void => {
        if (over) return;
        over = true;
        stop();
        stream.off('end', onEnd).off('close', onEnd).off('error', onEnd);
        if (signal !== undefined) forgetAbort(signal, abort);
        act();
      };
      const onEnd = (error?: Error): void =>
        settle(() => reject(ended(error instanceof Error ? error : undefined)));
      const abort = (): void => settle(() => reject(aborted('the wait', signal!)));
      if (signal?.aborted === true) {
        abort();
        return;
      }
      stream.on('end', onEnd).on('close', onEnd).on('error', onEnd);
      if (signal !== undefined) onAbort(signal, abort);
      stop = begin(
        (value) => settle(() => resolve(value)),
        (error) => settle(() => reject(error)),
      );
      if (over) stop();
      else if (stream.destroyed) onEnd(stream.errored ?? undefined);
    });
  }
}

function ended(cause?: Error): PeerError {
  return new PeerError(
    'P2P_ERR_HANDSHAKE_ENDED',
    'the stream ended before the bytes that were waited for',
    cause && { cause },
  );
}
