import { PeerError, type PeerErrorCode } from '@pea2pea/core';
import { describe } from '@pea2pea/core/authoring';

/**
 * The PeerError that `act` throws or rejects with.
 *
 * @throws {Error} when it throws nothing.
 * @throws what it throws, when that is not a PeerError, or has another code than `code`.
 */
export async function peerErrorOf(code: PeerErrorCode, act: () => unknown): Promise<PeerError> {
  let result: unknown;
  try {
    result = await act();
  } catch (error) {
    if (PeerError.is(error, code)) return error;
    throw error;
  }
  throw new Error(`${code} was expected, but there is a result: ${describe(result)}`);
}
