/** What one connection may be given a limit of its own for; what is left out stays as it is. */
export interface LimitChanges {
  /** Ends the connection without a complete inbound message for so long, in milliseconds; 0 means never. */
  readonly idleTimeoutMs?: number | undefined;
  /** Ends it when its peer needs longer than that to take the next 256 KiB, or all that is queued, in milliseconds. */
  readonly writeTimeoutMs?: number | undefined;
  /** Bytes that may wait for a handler that is busy: 1 to `maxBufferedBytes` of the node. */
  readonly inboundQueueBytes?: number | undefined;
  /** Bytes that may be queued to be sent: 1 to `maxBufferedBytes` of the node. */
  readonly outboundQueueBytes?: number | undefined;
  /**
   * The longest frame that is received, in bytes, as the codec counts it, in place of the `maxFrameLength` or `maxLength`
   * of the codec: 1 to `maxBufferedBytes` of the node. What is sent has the limit of the codec.
   */
  readonly maxFrameLength?: number | undefined;
}

/**
 * The limits of one connection. It begins with those of its node, and may be given others once it is known who the peer is,
 * or what was agreed with it.
 *
 * ```ts
 * connection.limits.set({ idleTimeoutMs: 1.5 * keepAliveSeconds * 1_000 });
 * ```
 */
export interface ConnectionLimits {
  /** In milliseconds; 0 means never. @default `idleTimeoutMs` of the node */
  readonly idleTimeoutMs: number;
  /** In milliseconds. @default `writeTimeoutMs` of the node */
  readonly writeTimeoutMs: number;
  /** In bytes. @default `inboundQueueBytes` of the node */
  readonly inboundQueueBytes: number;
  /** In bytes. @default `outboundQueueBytes` of the node */
  readonly outboundQueueBytes: number;
  /** In bytes; undefined: the limit of the codec. @default undefined */
  readonly maxFrameLength: number | undefined;
  /**
   * Changes limits, all of `changes` or none of them. They hold from now on, also for a frame that has begun.
   *
   * note: a timeout is noticed up to two seconds late, also where it is shorter than that.
   * note: what waits already is not dropped where a queue becomes smaller.
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the limit
   */
  set(changes: LimitChanges): void;
}
