import { PeerError, type PeerErrorCode, type SocketAddress } from '@pea2pea/core';
import { describe, printable, readData } from '@pea2pea/core/authoring';

/** As much of what the peer said as goes into our own text. */
const SHOWN_LENGTH = 200;

/**
 * A request failed, and this is what its caller is told. A handler throws one to refuse; `Requests.call` rejects with
 * one, code P2P_ERR_REQUEST_FAILED.
 *
 * ```ts
 * throw new RequestError(404, 'no such room', { room });
 * ```
 *
 * note: one that a peer answered, and that a handler lets pass, is not passed on to the handler's own caller, who has
 * not asked that peer: throw a new one with what he may know.
 */
export class RequestError extends PeerError {
  /** What kind of error: one of `RPC_CODES`, or any other whole number. */
  readonly rpcCode: number;
  /** A short sentence, as it is sent; what a peer sends may be anything. */
  readonly rpcMessage: string;
  /** More about it, as it is sent: what the codec can carry. Undefined is not sent. */
  readonly data: unknown;
  /** The peer that answered so; undefined where the error is made here. */
  readonly from: SocketAddress | undefined;

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG when `rpcCode` is no whole number, as JSON-RPC wants it. */
  constructor(rpcCode: number, rpcMessage: string, data?: unknown, from?: SocketAddress) {
    if (!Number.isSafeInteger(rpcCode)) {
      throw new PeerError(
        'P2P_ERR_INVALID_CONFIG',
        `\`rpcCode\` must be a whole number, not ${describe(rpcCode)}`,
      );
    }
    const what = `${rpcCode} "${printable(rpcMessage, SHOWN_LENGTH)}"`;
    super(
      'P2P_ERR_REQUEST_FAILED',
      from === undefined ? `refused with ${what}` : `${from} answered with ${what}`,
    );
    this.rpcCode = rpcCode;
    this.rpcMessage = rpcMessage;
    this.data = data;
    this.from = from;
  }

  /** Whether `error` is a RequestError; also across two copies of the package. */
  static override is(error: unknown, code?: PeerErrorCode): error is RequestError {
    return (
      PeerError.is(error, code ?? 'P2P_ERR_REQUEST_FAILED') &&
      Number.isSafeInteger(readData(error, 'rpcCode')) &&
      typeof readData(error, 'rpcMessage') === 'string'
    );
  }
}
