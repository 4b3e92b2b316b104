import { requireOneOf } from '@pea2pea/core/authoring';

/**
 * What becomes of a last frame without its end, when the stream ends.
 *
 * - `'refuse'`: the connection ends with P2P_ERR_TRUNCATED_FRAME. Nobody can tell a frame that was meant to be the last
 *   from one that the network cut: a reset after data may look like an orderly end.
 * - `'drop'`: it is thrown away, and the connection has simply ended.
 * - `'take'`: it is a message, cut or not, unless it is empty. For peers that leave out the last end, such as
 *   `printf hello | nc`; with a format on top, half a message may also look like an invalid one of the peer.
 */
export type Unfinished = 'refuse' | 'drop' | 'take';

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG */
export function requireUnfinished(value: unknown): Unfinished {
  return requireOneOf('unfinished', value, ['refuse', 'drop', 'take']);
}
