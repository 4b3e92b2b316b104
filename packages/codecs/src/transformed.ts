import { NEED_MORE, PeerError } from '@pea2pea/core';
import type {
  ByteQueue,
  ByteSink,
  Codec,
  CodecContext,
  Decoder,
  Encoder,
  NeedMore,
  PeerErrorCode,
} from '@pea2pea/core';
import { codecName } from '@pea2pea/core/authoring';
import { asBuffer, bytesOf } from './framing.js';
import type { BytesFraming } from './framing.js';
import { breachOf } from './synchronous.js';

/**
 * What happens to the bytes of one frame. `sequence` counts the frames of this connection in this direction, from 0;
 * both sides count alike, because a frame that was not sent is not counted.
 */
export type FrameTransform = (bytes: Buffer, sequence: number) => Uint8Array;

/** Makes the two transforms of a connection, once its handshake is over. */
export interface Transform {
  /** Transforms what is sent. What it throws fails this send alone. */
  encoder(context: CodecContext): FrameTransform;
  /** Transforms what is received: the reverse. What it throws ends the connection. */
  decoder(context: CodecContext): FrameTransform;
  /**
   * True says that the encoder looks at nothing but the bytes, so that a broadcast is transformed once.
   *
   * note: leave it out where there is a key or a sequence number: all connections would send the same bytes.
   * @default false
   */
  readonly statelessEncoder?: boolean;
}

/**
 * Frames of `framing` whose bytes are changed on their way: encrypted, compressed, signed. The result is a framing
 * again, so transforms stack, and message formats stand on top.
 *
 * ```text
 * wire -> framing -> transform.decoder -> message
 * wire <- framing <- transform.encoder <- message
 *
 * json(transformed(lengthDelimited(), cipher))
 * ```
 *
 * note: keys and the like come from `context.context`, where the handshake left them.
 * note: the limit of the framing is on the transformed bytes. A transform that makes more of less has to bound it by itself.
 * note: the framing must keep boundaries: over `bytes()` a transform would see frames as the network cut them.
 * note: a transform may return the bytes it was given, or a view of them; it must not return memory that it uses again.
 * note: transforms are synchronous. One that returns a promise or undefined is a P2P_ERR_BAD_DECODER where it receives,
 * which is not the fault of the peer.
 * note: what a transform throws becomes a P2P_ERR_INVALID_FRAME with it as `cause`, unless it is a PeerError already.
 */
export function transformed(framing: BytesFraming, transform: Transform): Codec<Buffer, Uint8Array | string> {
  return {
    name: codecName('transformed', framing),
    decoder: (context) => new TransformedDecoder(framing.decoder(context), transform.decoder(context)),
    encoder: (context) => new TransformedEncoder(framing.encoder(context), transform.encoder(context)),
    statelessEncoder: framing.statelessEncoder === true && transform.statelessEncoder === true,
  };
}

class TransformedDecoder implements Decoder<Buffer> {
  readonly #frames: Decoder<Buffer>;
  readonly #transform: FrameTransform;
  #sequence = 0;

  constructor(frames: Decoder<Buffer>, transform: FrameTransform) {
    this.#frames = frames;
    this.#transform = transform;
  }

  decode(input: ByteQueue): Buffer | NeedMore {
    return this.#reverse(this.#frames.decode(input));
  }

  end(input: ByteQueue): Buffer | NeedMore {
    return this.#frames.end === undefined ? NEED_MORE : this.#reverse(this.#frames.end(input));
  }

  holds(): boolean {
    return this.#frames.holds?.() === true;
  }

  #reverse(frame: Buffer | NeedMore): Buffer | NeedMore {
    if (frame === NEED_MORE) return NEED_MORE;
    const what = 'a received frame does not survive its transform';
    return run(this.#transform, frame, this.#sequence++, what, 'P2P_ERR_BAD_DECODER');
  }
}

class TransformedEncoder implements Encoder<Uint8Array | string> {
  readonly #frames: Encoder<Uint8Array>;
  readonly #transform: FrameTransform;
  #sequence = 0;

  constructor(frames: Encoder<Uint8Array>, transform: FrameTransform) {
    this.#frames = frames;
    this.#transform = transform;
  }

  encode(payload: Uint8Array | string, output: ByteSink): void {
    const bytes = asBuffer(bytesOf(payload, 'transformed()'));
    const what = 'the payload does not survive its transform';
    const frame = run(this.#transform, bytes, this.#sequence, what, 'P2P_ERR_INVALID_FRAME');
    const returned: unknown = this.#frames.encode(frame, output);
    // Counted only now: what the framing refuses never reaches the other side, which counts what it receives.
    if (returned === undefined || typeof returned === 'number') this.#sequence++;
    return returned as void; // anything else fails this send: who called us sees to that
  }
}

function run(
  transform: FrameTransform,
  bytes: Buffer,
  sequence: number,
  what: string,
  breachCode: PeerErrorCode,
): Buffer {
  try {
    const result = transform(bytes, sequence);
    const breach = breachOf(result);
    if (breach !== undefined) throw new PeerError(breachCode, `a transform returned ${breach}`);
    return asBuffer(bytesOf(result, 'a transform'));
  } catch (error) {
    throw PeerError.is(error) ? error : new PeerError('P2P_ERR_INVALID_FRAME', what, { cause: error });
  }
}
