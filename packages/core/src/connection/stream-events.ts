import type { Duplex } from 'node:stream';
import { asBytes, discard } from './foreign-stream.js';

const kListener = Symbol('pea2pea.stream-listener');
type HeardStream = Duplex & { [kListener]?: StreamListener };

/** Who is told what a stream brings. */
export interface StreamListener {
  onData(chunk: Buffer): void;
  onEnd(): void;
  /** note: what it was may be of any kind. */
  onError(error: Error): void;
  onClose(): void;
}

/** Tells `listener` of `stream`: one at a time, with functions that all streams share, so that it costs no closures. */
export function listenTo(stream: HeardStream, listener: StreamListener): void {
  stream[kListener] = listener;
  stream.on('data', streamOnData);
  stream.on('end', streamOnEnd);
  stream.on('error', streamOnError);
  stream.on('close', streamOnClose);
}

/** Takes {@link listenTo} back. Nobody is told anything any more, whatever the stream does. */
export function stopListening(stream: HeardStream): void {
  delete stream[kListener];
  discard(() => {
    stream.off('data', streamOnData);
    stream.off('end', streamOnEnd);
    stream.off('error', streamOnError);
    stream.off('close', streamOnClose);
  });
}

function streamOnData(this: HeardStream, chunk: unknown): void {
  const bytes = asBytes(chunk);
  if (Buffer.isBuffer(bytes)) this[kListener]?.onData(bytes);
  else this[kListener]?.onError(bytes);
}

function streamOnEnd(this: HeardStream): void {
  this[kListener]?.onEnd();
}

function streamOnError(this: HeardStream, error: Error): void {
  this[kListener]?.onError(error);
}

function streamOnClose(this: HeardStream): void {
  this[kListener]?.onClose();
}
