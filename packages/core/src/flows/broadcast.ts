import type { Connection } from '../contracts/connection.js';
import { ConnectionContext } from '../contracts/connection-context.js';
import type { PeerConnection } from '../connection/connection.js';
import { encodeMessage } from '../connection/encode.js';
import type { Kernel } from '../connection/kernel.js';
import { SlabSink } from '../mechanisms/byte-sink.js';

/**
 * A way to queue `message` on many connections: encoded once where the codec says that its encoders
 * are all alike, by each connection's own encoder otherwise.
 */
export function encodeOnce(kernel: Kernel, message: unknown): (connection: PeerConnection) => boolean {
  const { codec } = kernel.config;
  if (codec.statelessEncoder !== true) return ({ writer }) => writer.trySend(message, true);
  let bytes: Buffer | undefined;
  return (connection) => {
    // A renegotiation may have given it another one.
    if (connection.codec !== codec) return connection.writer.trySend(message, true);
    bytes ??= encode(kernel, message, connection);
    return connection.writer.trySendEncoded(message, bytes);
  };
}

function encode(kernel: Kernel, message: unknown, { direction, address }: PeerConnection): Buffer {
  const sink = new SlabSink(kernel.slabs);
  const context = new ConnectionContext();
  encodeMessage(kernel.config.codec.encoder({ direction, address, context }), message, sink);
  return sink.takeBuffer();
}

/** The ids of those that a broadcast leaves out. */
export function excluded(except: Connection | Iterable<Connection> | undefined): ReadonlySet<number> {
  if (except === undefined) return new Set();
  const list = Symbol.iterator in except ? [...except] : [except];
  return new Set(list.map((connection) => connection.id));
}
