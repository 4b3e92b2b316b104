import type { Decoding } from './decoding.js';

/** Who takes the messages of a connection: the hooks of its node, or those who ask for them. */
export interface Receiver {
  /** Whether the next message has to wait before there was a first one. */
  readonly isBusyAtFirst: boolean;
  /** Messages come, of one chunk or turn. */
  begin(): void;
  /** Takes a message; whether the next one has to wait, until {@link MessageSource.goOn}. */
  take(message: unknown): boolean;
  /** Whether it is busy with something that the peer waits for, while it keeps `waitingBytes` from being handled. */
  isBusyWith(waitingBytes: number): boolean;
  /** Whether it may be at work on a message, while the next one has to wait. */
  readonly isWorking: boolean;
  /** Whether unfinished frames count as signs of life. */
  readonly countsBytes: boolean;
  /** The peer has ended its half and there will be no more messages, though the connection goes on. May be called again. */
  end(): void;
  /** The connection ends. */
  stop(): void;
}

/** Where the messages come from. */
export interface MessageSource {
  /** What makes them, for now; whether there are more, and why not. */
  readonly decoding: Pick<Decoding, 'ending' | 'hasFrameError' | 'isOver'>;
  /** Whether the connection ends or has ended: {@link takeRest} has what is left. */
  readonly isStopped: boolean;
  /** The receiver takes the next message. */
  goOn(): void;
  /** A message that came before the end of the peer and that nobody had taken; NEED_MORE where there is none. */
  takeRest(): unknown;
  /** The receiver takes none for now, although it has said so. */
  wait(): void;
}
