import { ConnectionContext, SocketAddress } from '@pea2pea/core';
import type { CodecContext, Direction } from '@pea2pea/core';

/** What the codecs of the two ends of a connection are told of it. */
export interface CodecContexts {
  /** For the encoder. */
  readonly sender: CodecContext;
  /** For the decoder. */
  readonly receiver: CodecContext;
}

/**
 * What a codec may know of a connection, without one. `codecContext().context.set(key, value)` stands for a handshake.
 * @default direction 'inbound'
 */
export function codecContext(direction: Direction = 'inbound'): CodecContext {
  return { direction, address: new SocketAddress('127.0.0.1', 4000), context: new ConnectionContext() };
}

export function freshContexts(): CodecContexts {
  return { sender: codecContext('outbound'), receiver: codecContext('inbound') };
}
