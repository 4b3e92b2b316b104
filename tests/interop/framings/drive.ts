import { NEED_MORE, PeerError, type Codec } from '@pea2pea/core';
import { ChunkQueue } from '@pea2pea/core/authoring';
import { SlabPool, SlabSink } from '@pea2pea/core/internal';
import { codecContext } from '@pea2pea/testing';

export const hex = (bytes: Uint8Array | string): string => Buffer.from(bytes as Uint8Array).toString('hex');

/** What our decoder makes of chunks and of the end of the stream, up to the first frame that it refuses. */
export interface Decoded {
  readonly frames: readonly string[];
  readonly isRefused: boolean;
  /** Bytes at the end of the stream that became no frame. */
  readonly left: number;
}

export function decoded(codec: Codec<Buffer | string, never>, chunks: readonly Buffer[]): Decoded {
  const queue = new ChunkQueue();
  const decoder = codec.decoder(codecContext());
  const frames: string[] = [];
  const drain = (next: () => Buffer | string | typeof NEED_MORE): void => {
    while (queue.length > 0) {
      const frame = next();
      if (frame === NEED_MORE) return;
      frames.push(hex(frame));
    }
  };
  try {
    for (const chunk of chunks) {
      queue.push(Buffer.from(chunk));
      drain(() => decoder.decode(queue));
    }
    drain(() => decoder.end?.(queue) ?? NEED_MORE);
  } catch (error) {
    if (!PeerError.is(error)) throw error;
    return { frames, isRefused: true, left: 0 };
  }
  return { frames, isRefused: false, left: queue.length };
}

/** The bytes of one frame; undefined when our encoder refuses it. */
export function encoded<Out>(codec: Codec<unknown, Out>, frame: Out): string | undefined {
  const sink = new SlabSink(new SlabPool());
  sink.begin();
  try {
    codec.encoder(codecContext()).encode(frame, sink);
  } catch (error) {
    if (!PeerError.is(error)) throw error;
    return undefined;
  }
  sink.commit();
  return hex(Buffer.concat(sink.take().segments));
}
