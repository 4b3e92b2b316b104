import type { ConnectionContext } from './connection-context.js';
import type { Direction } from './direction.js';
import type { ConnectionLimits } from './limits.js';
import type { SocketAddress } from '../net/socket-address.js';

/** What a decoder returns when it does not have a whole message yet. */
export const NEED_MORE: unique symbol = Symbol.for('pea2pea.NEED_MORE');
/** The type of {@link NEED_MORE}. */
export type NeedMore = typeof NEED_MORE;

/**
 * Turns messages into bytes and back. A codec is a factory: what it knows about a stream
 * belongs to one connection, so two connections never share it.
 *
 * note: every codec bounds what it buffers: a declared length is checked against a limit
 * before anything is kept for it.
 */
export interface Codec<In, Out = In> {
  /** For people, short: snapshots show it. Those of this project are named as they are written, `json(lines)`. @default none */
  readonly name?: string;
  /** The decoder of one connection, made once its handshake has ended. */
  decoder(context: CodecContext): Decoder<In>;
  /** The encoder of one connection, made once its handshake has ended. */
  encoder(context: CodecContext): Encoder<Out>;
  /**
   * True says that the encoder has no state and looks at nothing but the message,
   * so that one encoding serves all connections of a broadcast.
   * @default false
   */
  readonly statelessEncoder?: boolean;
}

/** The messages that a codec `C` receives: `MessageOf<typeof chat>`. */
export type MessageOf<C> = C extends { decoder(context: CodecContext): Decoder<infer In> } ? In : never;

/** A codec of several types of messages, told apart by a tag: a discriminated union. */
export interface TaggedCodec<In, Out = In, Key extends string = string> extends Codec<In, Out> {
  /** The property that holds the tag. */
  readonly tagKey: Key;
  /** All tags, one for each type of message. */
  readonly tags: readonly string[];
}

/** What a codec may know about the connection it works for. */
export interface CodecContext {
  /** Who dialled: `outbound` where this side did. */
  readonly direction: Direction;
  /** The address of the peer. */
  readonly address: SocketAddress;
  /** What the handshake left behind: keys, identity, a negotiated version. */
  readonly context: ConnectionContext;
  /**
   * The limits of the connection, as they are at the time of asking: a decoder that bounds its frames takes `maxFrameLength`
   * in place of its own bound, where there is one.
   *
   * note: absent where a codec is used without a connection.
   */
  readonly limits?: Pick<ConnectionLimits, 'maxFrameLength'>;
}

/** Makes messages of bytes, for one connection. */
export interface Decoder<In> {
  /**
   * Takes the next message off `input`, or returns NEED_MORE and is called again when more bytes came.
   *
   * note: a message must have consumed at least one byte, unless {@link holds} said that it was there already.
   * note: synchronous. A promise, or undefined, is a P2P_ERR_BAD_DECODER.
   * note: throw P2P_ERR_INVALID_FRAME or P2P_ERR_FRAME_TOO_LARGE for bytes that can never become a
   * message; that ends the connection with `invalid-frame`, after the messages before it were handled.
   */
  decode(input: ByteQueue): In | NeedMore;
  /**
   * The stream has ended with `input` left; returns a last message if that is one, else NEED_MORE.
   *
   * note: asked until it returns NEED_MORE; bytes that are left then are a P2P_ERR_TRUNCATED_FRAME.
   * @default returns NEED_MORE
   */
  end?(input: ByteQueue): In | NeedMore;
  /**
   * For decoders that take several messages off the wire at once, such as those of record layers: true while the next
   * `decode` returns a message without new bytes. It is then called again, with an empty `input` too.
   *
   * note: what is held is memory that no limit of the node counts: hold one record, not all that came.
   * note: asked after each message. One that says true and then has none is asked again when more bytes came.
   * @default false
   */
  holds?(): boolean;
  /**
   * Who may still need the bytes that `decode` has taken off its input, once it has returned. It lets the kernel free their
   * memory at once, where nobody does.
   *
   * - `'messages'`: the decoder does not, but a message may be a view of them, for as long as somebody keeps it.
   * - `'borrowed'`: nor do messages, once their handler has returned, or its promise has settled. The views of who keeps one
   *   for longer are empty then, or still there.
   * - `'nothing'`: nor do messages at all: they are strings, or objects without bytes.
   *
   * note: of a decoder that wraps others it is what they say, as far as that is still true.
   * @default the decoder may need them itself
   */
  readonly keeps?: Keeps | undefined;
}

/** See {@link Decoder.keeps}. */
export type Keeps = 'messages' | 'borrowed' | 'nothing';

/** Makes bytes of messages, for one connection. */
export interface Encoder<Out> {
  /**
   * Writes the bytes of `message` to `output`, and returns nothing.
   *
   * note: where it throws, what it wrote is taken back, that send fails, and the connection lives. The same where it
   * returns bytes, a string or a promise: `output` takes nothing once this has returned. A number is overlooked, as
   * {@link ByteSink.writeText} returns one.
   */
  encode(message: Out, output: ByteSink): void;
}

/** The order of the bytes of a number: `big` has the most significant one first, as networks do. */
export type Endianness = 'big' | 'little';

/** Bytes that arrived and were not consumed yet, in order. Offsets count from the first of them. */
export interface ByteQueue {
  /** Bytes available. */
  readonly length: number;
  /** The byte at `offset`, not consumed. @throws {RangeError} beyond `length`. */
  peek(offset: number): number;
  /**
   * The unsigned integer of `size` bytes (1 to 8) at `offset`, not consumed.
   *
   * note: values above `Number.MAX_SAFE_INTEGER` lose precision but stay above it: compare before use.
   * @default endianness 'big'
   * @throws {RangeError} beyond `length`.
   */
  peekUInt(offset: number, size: number, endianness?: Endianness): number;
  /**
   * The `size` bytes at `offset`, not consumed.
   *
   * note: as with {@link read}, a view where they lie in one chunk, else a copy. They come again with the next `read`: leave
   * them as they are.
   * @throws {RangeError} beyond `length`.
   */
  peekBytes(offset: number, size: number): Buffer;
  /**
   * The `size` bytes at `offset` as UTF-8 text, not consumed.
   * @throws {PeerError} P2P_ERR_INVALID_FRAME when they are not well-formed UTF-8.
   * @throws {RangeError} beyond `length`.
   */
  peekText(offset: number, size: number): string;
  /**
   * The offset of the first `mark`, a byte or a sequence of bytes, that begins at offset `from` or later; or -1.
   *
   * note: whoever searches again when more bytes came goes on where the last search ended, less what may have begun a sequence.
   * @default from 0
   * @throws {RangeError} when the sequence is empty.
   */
  indexOf(mark: number | Uint8Array, from?: number): number;
  /**
   * Takes `size` bytes.
   *
   * note: the result is a view into the chunk that arrived, where the bytes lie in one, else a copy.
   * It is yours, unless {@link Decoder.keeps} says otherwise: nobody writes there again. A small view kept for long keeps its whole chunk (up to
   * 64 KiB) alive; copy it (`Buffer.from(view)`) if you store many.
   * @throws {RangeError} beyond `length`.
   */
  read(size: number): Buffer;
  /**
   * Takes `size` bytes as UTF-8 text.
   * @throws {PeerError} P2P_ERR_INVALID_FRAME when they are not well-formed UTF-8.
   * @throws {RangeError} beyond `length`.
   */
  readText(size: number): string;
  /** Throws `size` bytes away. @throws {RangeError} beyond `length`. */
  skip(size: number): void;
}

/** Where an encoder puts the bytes of one message. After its `encode` returned every method throws. */
export interface ByteSink {
  /** Bytes written for this message so far. */
  readonly length: number;
  /**
   * Appends `bytes`.
   *
   * note: less than 32 KiB are copied; a larger array is passed on by reference, so leave it alone
   * until the send resolved.
   * @throws {TypeError} when `bytes` is anything else, such as a string.
   */
  write(bytes: Uint8Array): void;
  /** Appends `text` as UTF-8 and returns how many bytes that were. @throws {TypeError} when it is not a string. */
  writeText(text: string): number;
  /**
   * Appends an unsigned integer of `size` bytes (1 to 8).
   * @default endianness 'big'
   * @throws {RangeError} when the value is not a whole number, is negative, or does not fit.
   * @throws {TypeError} when it is not a number.
   */
  writeUInt(value: number, size: number, endianness?: Endianness): void;
  /** Appends `size` zero bytes (1 to 8), to be set by {@link patchUInt}; returns where they are. */
  reserve(size: number): number;
  /**
   * Sets the bytes that `reserve(size)` of this message returned as `position`; otherwise as {@link writeUInt}.
   * @throws {RangeError} when there are no such bytes.
   */
  patchUInt(position: number, value: number, size: number, endianness?: Endianness): void;
}
