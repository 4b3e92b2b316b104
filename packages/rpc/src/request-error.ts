import { PeerError, type PeerErrorCode, type SocketAddress } from '@pea2pea/core';
import { describe, printable, readData, requireString } from '@pea2pea/core/authoring';

/** At most this many characters of the peer's message are quoted in ours. */
const SHOWN_LENGTH = 200;

/**
 * The error that the caller of a failed request gets. A handler throws one to refuse a request; `Requests.call` rejects
 * with one. Its code is P2P_ERR_REQUEST_FAILED.
 *
 * ```ts
 * throw new RequestError(404, 'no such room', { room });
 * ```
 *
 * note: if a handler itself makes a request and lets its RequestError through, its own caller does not get that error, but
 * an internal error. To pass it on, throw a new RequestError with what the caller may know.
 */
export class RequestError extends PeerError {
  /** The kind of error: one of `RPC_CODES`, or any other integer. */
  readonly rpcCode: number;
  /** A short sentence about the error, as sent. From a peer, it may be any string. */
  readonly rpcMessage: string;
  /** More about the error, as sent: any value that the codec can carry. Undefined is not sent. */
  readonly data: unknown;
  /** The peer that sent the error; undefined for an error made on this side. */
  readonly from: SocketAddress | undefined;

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG when `rpcCode` is not an integer, or `rpcMessage` not a string, as JSON-RPC requires. */
  constructor(rpcCode: number, rpcMessage: string, data?: unknown, from?: SocketAddress) {
    if (!Number.isSafeInteger(rpcCode)) {
      throw new PeerError(
        'P2P_ERR_INVALID_CONFIG',
        `\`rpcCode\` must be an integer, not ${describe(rpcCode)}`,
      );
    }
    requireString('rpcMessage', rpcMessage, { min: 0 });
    const what = `${rpcCode} "${printable(rpcMessage, SHOWN_LENGTH)}"`;
    super(
      'P2P_ERR_REQUEST_FAILED',
      from === undefined ? `refused with ${what}` : `${from} refused with ${what}`,
    );
    this.rpcCode = rpcCode;
    this.rpcMessage = rpcMessage;
    this.data = data;
    this.from = from;
  }

  /** Whether `error` is a RequestError, also one from another copy of this package. */
  static override is(error: unknown, code?: PeerErrorCode): error is RequestError {
    return (
      PeerError.is(error, code ?? 'P2P_ERR_REQUEST_FAILED') &&
      Number.isSafeInteger(readData(error, 'rpcCode')) &&
      typeof readData(error, 'rpcMessage') === 'string'
    );
  }
}
