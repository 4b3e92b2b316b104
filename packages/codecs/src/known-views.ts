import { PeerError } from '@pea2pea/core';
import { describe } from '@pea2pea/core/authoring';
import { MAX_DEPTH } from './plain-frame.js';

const REMEDY = 'send its numbers as a list, or its bytes as a Uint8Array';

/**
 * Refuses views of memory that are not bytes, anywhere in `message`. MessagePack has no type for them, and what the
 * library makes of them depends on its version: some send the wrong part of the memory.
 *
 * @throws {PeerError} P2P_ERR_INVALID_FRAME, also for what nests deeper than a frame may, such as a cycle
 */
export function requireKnownViews(message: unknown, depth = 0): void {
  if (typeof message !== 'object' || message === null) return;
  if (depth > MAX_DEPTH)
    throw new PeerError('P2P_ERR_INVALID_FRAME', `a message of msgpack() nests deeper than ${MAX_DEPTH}`);
  if (Array.isArray(message)) {
    for (const value of message as unknown[]) if (isObject(value)) requireKnownViews(value, depth + 1);
    return;
  }
  if (Object.getPrototypeOf(message) !== Object.prototype) {
    if (ArrayBuffer.isView(message)) {
      // Not its class, which may be that of another realm.
      if ((message as Partial<Uint8Array>)[Symbol.toStringTag] === 'Uint8Array') return;
      throw new PeerError('P2P_ERR_INVALID_FRAME', `msgpack() cannot send ${describe(message)}`, {
        remedy: REMEDY,
      });
    }
    if (message instanceof Set || message instanceof Map) {
      for (const value of message.values()) requireKnownViews(value, depth + 1);
      return;
    }
  }
  for (const key in message) {
    const value = (message as Record<string, unknown>)[key];
    if (isObject(value)) requireKnownViews(value, depth + 1);
  }
}

/** Asked first where most values are not objects: a call for each would cost more than all the rest. */
function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
