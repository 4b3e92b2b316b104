import { memoryTransport, PeerNode, type Transport } from '@pea2pea/core';
import type { PeerConfig } from '@pea2pea/decorators';
import { ANYWHERE, lab, textCodec } from '@pea2pea/testing';

const { own } = lab();

/** The configuration of a peer that listens in memory. */
export function inMemory(transport: Transport = memoryTransport()): PeerConfig {
  return { transport, listen: ANYWHERE };
}

/** A plain node that dials peers. */
export function dialler(transport: Transport): PeerNode<string> {
  return own(new PeerNode({ codec: textCodec(), transport }));
}
