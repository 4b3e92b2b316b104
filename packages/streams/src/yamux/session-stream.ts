import { Duplex } from 'node:stream';
import { NEED_MORE, PeerError, type ByteQueue, type Codec } from '@pea2pea/core';
import { encodeFrame, HEADER_LENGTH, readHeader, type FrameHeader } from './frame.js';

/** How far the session reads ahead of its connection, in headers of frames. */
const READ_AHEAD = 64;

/** The session, as its stream sees it. */
export interface SessionStreamOwner {
  /** The reader wants more. */
  onWanted(): void;
  /** The reader has enough. */
  onFull(): void;
  /** Ends the session in order and calls back, perhaps more than once, when the last frames are with the stream below. */
  finish(done: () => void): void;
  destroy(): void;
}

/**
 * A session as a stream, by which a connection owns it: it yields the header of each frame that came, ends or fails as
 * the session does, and ends the session when it is ended itself.
 */
export class SessionStream extends Duplex {
  readonly #owner: SessionStreamOwner;
  /** The session is over: it needs no telling. */
  #over = false;

  constructor(owner: SessionStreamOwner) {
    super({ readableHighWaterMark: READ_AHEAD * HEADER_LENGTH });
    this.#owner = owner;
    this.on('error', sessionStreamOnError);
  }

  /** A frame has come. */
  tell(header: FrameHeader): void {
    if (!this.push(encodeFrame(header))) this.#owner.onFull();
  }

  /** The session is over. */
  finish(error: Error | undefined): void {
    this.#over = true;
    if (error !== undefined) this.destroy(error);
    else if (!this.destroyed) this.push(null);
  }

  override _read(): void {
    this.#owner.onWanted();
  }

  override _write(_chunk: unknown, _encoding: unknown, callback: (error: Error) => void): void {
    callback(new PeerError('P2P_ERR_UNSUPPORTED', 'write to a stream of the session: openStream()'));
  }

  override _final(callback: () => void): void {
    let done = false;
    this.#owner.finish(() => {
      if (!done) callback();
      done = true;
    });
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (!this.#over) this.#owner.destroy();
    callback(error);
  }
}

/** The connection listens, too; this keeps an error before that from ending the process. */
function sessionStreamOnError(): void {}

/**
 * The codec of a connection that goes on over {@link Yamux.frames}: its messages are the headers of the frames that come.
 *
 * note: `send`, `trySend` and `broadcast` fail with P2P_ERR_UNSUPPORTED: write to a stream of the session.
 */
export const yamuxFrames: Codec<FrameHeader, never> = {
  name: 'yamuxFrames',
  decoder: () => ({
    decode: (input: ByteQueue) =>
      input.length < HEADER_LENGTH ? NEED_MORE : readHeader(input.read(HEADER_LENGTH)),
  }),
  encoder: () => ({
    encode(): never {
      throw new PeerError('P2P_ERR_UNSUPPORTED', 'a connection that is a yamux session sends no messages');
    },
  }),
};
