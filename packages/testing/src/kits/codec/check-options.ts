import type { Codec } from '@pea2pea/core';
import type { CodecContexts } from './contexts.js';

/** What {@link checkCodec} takes. */
export interface CheckOptions<In, Out = In> {
  /** What random bytes follow from; a finding names it. @default 1 */
  readonly seed?: number;
  /** Hostile streams of each kind. @default 200 */
  readonly runs?: number;
  /**
   * What the codec is told of a connection.
   *
   * note: asked anew for each end, so leave the same keys every time.
   * @default an address and directions, and nothing that a handshake left
   */
  readonly contexts?: () => CodecContexts;
  /** Whether a message is the one that was sent. @default deep equality, and bytes are compared with the bytes of a string */
  readonly equals?: (received: In, sent: Out) => boolean;
  /** Messages may arrive merged and cut, as with `bytes()`: only their bytes are compared. @default false */
  readonly mergesMessages?: boolean;
  /** The end of the stream completes a message, as with `lines({ unfinished: 'take' })`: a frame cut off may count. @default false */
  readonly endCompletes?: boolean;
  /** The most bytes that an unfinished frame may have, head and end included. @default 2097152 */
  readonly maxFrameBytes?: number;
  /** Messages at the limit of the codec and beyond. @default not checked */
  readonly limit?: CodecLimit<Out>;
  /** Messages that the encoder must refuse. @default none */
  readonly unsendable?: readonly Out[];
  /** When a check counts as one that never ends. @default 20000 */
  readonly timeoutMs?: number;
}

/** Two messages at the two sides of a limit of a codec. */
export interface CodecLimit<Out> {
  /** Must go through. */
  readonly largest: Out;
  /** Must be refused with P2P_ERR_FRAME_TOO_LARGE by the encoder. */
  readonly tooLarge: Out;
  /** The same codec with a higher limit. What it makes of `tooLarge` must be refused before the last byte arrives. */
  readonly roomier?: Codec<unknown, Out>;
}
