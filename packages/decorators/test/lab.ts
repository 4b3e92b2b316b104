import { expect } from '@jest/globals';
import { memoryTransport, PeerError, PeerNode, type PeerErrorCode, type Transport } from '@pea2pea/core';
import type { PeerConfig } from '@pea2pea/decorators';
import { textCodec } from './text-codec.js';

/** Where test peers listen: port 0 of a network that ends with the test. */
export const ANYWHERE = { host: '127.0.0.1', port: 0 };

/** The configuration of a peer that listens in memory. */
export function inMemory(transport: Transport = memoryTransport()): PeerConfig {
  return { transport, listen: ANYWHERE };
}

/** A plain node that dials peers. */
export function dialler(transport: Transport): PeerNode<string> {
  return new PeerNode({ codec: textCodec(), transport });
}

/** Resolves when `condition` holds; fails after a second. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`still not: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** What `act` throws or rejects with, which must be a PeerError of this code. */
export async function peerErrorOf(code: PeerErrorCode, act: () => unknown): Promise<PeerError> {
  try {
    await act();
  } catch (error) {
    if (!PeerError.is(error, code)) throw error;
    return error;
  }
  expect(`nothing was thrown, ${code} was expected`).toBe('');
  throw new Error('unreachable');
}
