import type { Duplex } from 'node:stream';
import type { Decoder, Encoder } from './codec.js';
import type { ConnectionContext } from './connection-context.js';
import type { Direction } from './direction.js';
import type { ConnectionLimits } from './limits.js';
import type { SocketAddress } from '../net/socket-address.js';
import type { WriteTraits } from './transport.js';

/** A stream that was handed over. Nobody listens to it or touches it any more; it is paused. */
export interface Detached {
  /**
   * The stream: the socket, or what a handshake put on top of it.
   *
   * note: an error that comes before you listen ends no process: one listener, which does nothing, is left on it.
   */
  readonly stream: Duplex;
  /** Bytes that were received from it and not used: `stream.unshift(head)`, or give both to whoever takes both. */
  readonly head: Buffer;
}

/** An inbound peer that was let in by the limits and has not been read from yet. */
export interface AcceptRequest {
  /** The address of the peer. */
  readonly address: SocketAddress;
  /** Where the peer was accepted. */
  readonly localAddress: SocketAddress;
  /** Aborts when the setup ends without a connection. */
  readonly signal: AbortSignal;
}

/**
 * The raw stream between connect and first message, on both sides. The hook returns when it is
 * content and throws, or calls {@link reject}, to refuse.
 *
 * note: `handshakeTimeoutMs` bounds the whole of it.
 * note: bytes that were received and not read here go to the codec; none is lost.
 */
export interface Handshake {
  /** Who dialled: `outbound` where this side did. */
  readonly direction: Direction;
  /** The address of the peer. */
  readonly address: SocketAddress;
  /** The address of this side. */
  readonly localAddress: SocketAddress;
  /**
   * The address that `connect` was given, before a name was resolved. Undefined where the peer dialled.
   *
   * note: compare what a peer proves (certificate, key) with this, not with {@link address}: whoever controls the name chose that one.
   */
  readonly dialled: SocketAddress | undefined;
  /** Aborts when the handshake times out, the node closes, or the dial is cancelled. */
  readonly signal: AbortSignal;
  /** Kept by the connection; codecs and hooks read it. On the side that dialled it begins with what `connect` was given. */
  readonly context: ConnectionContext;
  /**
   * The limits that the connection begins with. `maxFrameLength` holds in the handshake, too, for decoders that are made
   * with it: `handshake.receive(codec.decoder(handshake))`.
   */
  readonly limits: ConnectionLimits;

  /**
   * The next `size` bytes.
   * @throws {PeerError} P2P_ERR_HANDSHAKE_ENDED when the stream ends before, or the reason of `signal`.
   */
  read(size: number): Promise<Buffer>;
  /**
   * The next `size` bytes, which stay: a later read has them, too. To find out which protocol a peer speaks.
   * @throws {PeerError} as {@link read}; also when the stream ends before there are so many
   */
  peek(size: number): Promise<Buffer>;
  /**
   * Puts `bytes` back, to be read next: by this hook, by later ones, or by the codec.
   *
   * note: no more than were read from the present stream. What was read below an {@link upgrade} cannot be put above it.
   * @throws {RangeError} for more than that; P2P_ERR_INVALID_CONFIG for what is not bytes; the error of a handshake that is over
   */
  unread(bytes: Uint8Array): void;
  /**
   * The bytes before the next `delimiter`, which is consumed, too.
   *
   * note: a delimiter given as a string stands for its UTF-8 bytes.
   * @throws {PeerError} P2P_ERR_FRAME_TOO_LARGE when `maxLength` bytes passed without one; else as {@link read}.
   */
  readUntil(delimiter: string | Uint8Array, maxLength: number): Promise<Buffer>;
  /**
   * The next message of `decoder`: a codec for the handshake alone.
   *
   * note: messages that a decoder holds ({@link Decoder.holds}) are received as well, or held by the decoder that the codec
   * makes for the connection. Where neither is so the setup fails with P2P_ERR_HANDSHAKE_FAILED: none is lost silently.
   * note: a decoder reads from one stream. After {@link upgrade}, or where {@link takeStream} came while it waited, make a new one:
   * the old one is refused with P2P_ERR_HANDSHAKE_FAILED, here and as the decoder of the connection.
   * @throws what the decoder throws; P2P_ERR_BAD_DECODER, P2P_ERR_STALLED_DECODER; else as {@link read}.
   */
  receive<T>(decoder: Decoder<T>): Promise<T>;
  /**
   * Resolves when `bytes` (text as UTF-8) were handed to the operating system.
   *
   * note: where the handshake ends before that, it rejects; the bytes may still be sent.
   * @throws {PeerError} P2P_ERR_HANDSHAKE_ENDED when the handshake or the stream ended before; the error that a setup fails with
   */
  write(bytes: Uint8Array | string): Promise<void>;
  /**
   * Writes one message with `encoder`: the mirror of {@link receive}. Resolves as {@link write} does.
   *
   * note: an encoder with state belongs to the handshake alone: the codec of the connection makes its own.
   * @throws {PeerError} what the encoder throws, P2P_ERR_ENCODE_FAILED for anything else that it throws: nothing is written
   * then; else as {@link write}.
   */
  send<T>(encoder: Encoder<T>, message: T): Promise<void>;

  /**
   * Takes the stream, to be used directly. Bytes received but not read yet are put back into it, unless it has ended:
   * then {@link read} still has them, and {@link upgrade} refuses.
   *
   * note: it arrives paused: `resume()`, `pipe()` or iterate it.
   * note: whoever takes it listens to its events alone; a later {@link read} takes it back. A read that still waits
   * rejects with P2P_ERR_HANDSHAKE_ENDED.
   */
  takeStream(): Duplex;
  /**
   * Goes on over `duplex` instead: TLS, Noise, anything that was built on {@link takeStream}.
   * The kernel owns it from here, also where it throws, and destroys both in the end.
   *
   * note: what was received below and not read goes back there, for `duplex` to make sense of. It never counts as what came
   * through `duplex`: not for {@link read} and its like, not for the codec.
   * note: a read that still waits rejects with P2P_ERR_HANDSHAKE_ENDED: its bytes will not come.
   * note: where `duplex` fails with P2P_ERR_INVALID_FRAME, P2P_ERR_FRAME_TOO_LARGE or P2P_ERR_TRUNCATED_FRAME, the
   * connection ends with `invalid-frame`; with anything else, with `stream-error`.
   * @throws {PeerError} P2P_ERR_HANDSHAKE_ENDED when the stream below ended with bytes that were not read, or the handshake
   * is over; P2P_ERR_HANDSHAKE_FAILED when a decoder holds messages that were not received. Whatever it throws, the setup has
   * failed then, whether the hook throws or not.
   */
  upgrade(duplex: Duplex, options?: UpgradeOptions): void;
  /**
   * Hands the stream over, to `node:http`, `ws`, anything: there is no connection. The setup ends at once, its slot is
   * released, and no later hook is waited for. In `connection.renegotiate` the connection ends with the reason `detached`.
   *
   * ```ts
   * async onHandshake(handshake) {
   *   if (String(await handshake.peek(4)) !== 'GET ') return;
   *   const { stream, head } = handshake.detach();
   *   stream.unshift(head);
   *   http.emit('connection', stream);
   *   stream.resume();
   * }
   * ```
   *
   * note: the `connect` or `accept` that waits for a connection rejects with P2P_ERR_DETACHED.
   * note: from here the stream is in no limit of the node, and `close()` leaves it alone.
   * @throws {PeerError} P2P_ERR_MESSAGES_HELD when a decoder holds messages that were not received; the error of a handshake that is over
   */
  detach(): Detached;
  /**
   * Resolves when this side may compute something expensive for the peer, such as a key agreement or a signature: for an
   * inbound peer, once its address group has not had `maxHandshakesPerSecondPerIp` others in the last second; for a dial at
   * once. Call it once, when the first bytes of the peer are there.
   *
   * note: `noise` and `tls` do it. A flood of handshakes from one address then delays nobody else.
   * @throws {PeerError} the reason of `signal` when the setup ends before
   */
  turn(): Promise<void>;
  /** Refuses the peer: never returns. The other side sees the connection close. */
  reject(why: string): never;
}

/**
 * How a stream that a handshake puts on top of the link takes what is written to it; each makes sending cheaper.
 *
 * note: `neverReenters` counts where all that is below has it, too, as a socket does.
 * @default false for each
 */
export type UpgradeOptions = Partial<WriteTraits>;
