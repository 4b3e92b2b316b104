/** Traffic of a connection, or of a node over all its connections, dead ones included. */
export interface Stats {
  /** When counting began, in milliseconds since the Unix epoch. */
  readonly since: number;
  /** Messages that the decoder returned. */
  readonly messagesReceived: number;
  /** Bytes that arrived after the handshake, whether or not they became messages. */
  readonly bytesReceived: number;
  /** Messages handed to the operating system. */
  readonly messagesSent: number;
  /** Bytes handed to the operating system after the handshake. */
  readonly bytesSent: number;
  /**
   * Messages that `send`, `trySend` or `broadcast` did not queue, because there was no room.
   *
   * note: not all are lost: who waits for `drained()` and tries again has sent them after all.
   */
  readonly messagesRefused: number;
}
