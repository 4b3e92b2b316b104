import { ConnectionContext, NEED_MORE, PeerError, SocketAddress } from '@pea2pea/core';
import type { Codec, CodecContext, PeerErrorCode } from '@pea2pea/core';
import { ChunkQueue } from '@pea2pea/core/authoring';
import { SlabPool, SlabSink } from '@pea2pea/core/internal';

/** What a codec may know of a connection, without one. */
export function codecContext(): CodecContext {
  return {
    direction: 'inbound',
    address: new SocketAddress('127.0.0.1', 4000),
    context: new ConnectionContext(),
  };
}

/** Sends through one encoder, as the writer of a connection does: what throws is rolled back. */
export class Sending<Out> {
  readonly #sink = new SlabSink(new SlabPool());
  readonly #encoder;
  /** How much the last refused message had written before it was taken back. */
  halfWritten = 0;

  constructor(codec: Codec<unknown, Out>) {
    this.#encoder = codec.encoder(codecContext());
  }

  send(message: Out): void {
    this.#sink.begin();
    try {
      this.#encoder.encode(message, this.#sink);
      this.#sink.commit();
    } catch (error) {
      this.halfWritten = this.#sink.length;
      this.#sink.rollback();
      throw error;
    }
  }

  /** Everything on the wire since the last call. */
  take(): Buffer {
    return Buffer.concat(this.#sink.take().segments);
  }
}

/** Receives through one decoder, as the reader of a connection does. */
export class Receiving<In> {
  readonly #queue = new ChunkQueue();
  readonly #decoder;

  constructor(codec: Codec<In, never>) {
    this.#decoder = codec.decoder(codecContext());
  }

  /** Bytes that became no message yet. */
  get left(): number {
    return this.#queue.length;
  }

  /** The messages that `chunk` completes. Each must consume at least a byte. */
  receive(chunk: Buffer): In[] {
    // A chunk belongs to the queue: a copy keeps the tests from sharing memory by accident.
    this.#queue.push(Buffer.from(chunk));
    return this.#drain(() => this.#decoder.decode(this.#queue));
  }

  /** The messages that the end of the stream completes. */
  end(): In[] {
    const decoder = this.#decoder;
    return this.#drain(() => (decoder.end === undefined ? NEED_MORE : decoder.end(this.#queue)));
  }

  #drain(next: () => In | typeof NEED_MORE): In[] {
    const messages: In[] = [];
    while (this.#queue.length > 0) {
      const before = this.#queue.length;
      const message = next();
      if (message === NEED_MORE) break;
      if (this.#queue.length >= before) throw new Error('a message consumed no byte');
      messages.push(message);
    }
    return messages;
  }
}

/** The bytes of `messages`, one after the other. */
export function encode<Out>(codec: Codec<unknown, Out>, ...messages: Out[]): Buffer {
  const sending = new Sending(codec);
  for (const message of messages) sending.send(message);
  return sending.take();
}

/**
 * The messages in `chunks`, those of the end of the stream included; a text stands for its Latin-1 bytes.
 * @throws {PeerError} P2P_ERR_TRUNCATED_FRAME when bytes are left over.
 */
export function decode<In>(codec: Codec<In, never>, ...chunks: (Buffer | string)[]): In[] {
  const receiving = new Receiving(codec);
  const messages = chunks.flatMap((chunk) =>
    receiving.receive(typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk),
  );
  messages.push(...receiving.end());
  if (receiving.left > 0) throw new PeerError('P2P_ERR_TRUNCATED_FRAME', `${receiving.left} bytes are left`);
  return messages;
}

/** The code of the PeerError that `run` throws; `undefined` if it throws nothing. */
export function codeOf(run: () => unknown): PeerErrorCode | undefined {
  try {
    run();
  } catch (error) {
    if (PeerError.is(error)) return error.code;
    throw error;
  }
  return undefined;
}

/** What `run` throws. */
export function thrownBy(run: () => unknown): PeerError {
  try {
    run();
  } catch (error) {
    if (PeerError.is(error)) return error;
    throw error;
  }
  throw new Error('it threw nothing');
}

/** Every way to cut `bytes` in two, neither part empty. */
export function* splits(bytes: Buffer): Generator<[Buffer, Buffer]> {
  for (let at = 1; at < bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
}

/** `bytes`, one by one. */
export function drops(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (byte) => Buffer.of(byte));
}
