import { PeerError } from '@pea2pea/core';
import type { Protocol } from '@pea2pea/streams';
import type { Account } from './account.js';
import type { Frame } from './frames.js';
import type { GossipPeer } from './peer.js';
import type { Publication } from './publication.js';

/** Sends frames to peers, and accounts for those that are not sent. No queue of its own: that of the connection is bounded. */
export class Outlet {
  readonly #protocol: Protocol<Frame>;
  readonly #account: Account;
  readonly #maxQueuedBytes: number;

  constructor(protocol: Protocol<Frame>, account: Account, maxQueuedBytes: number) {
    this.#protocol = protocol;
    this.#account = account;
    this.#maxQueuedBytes = maxQueuedBytes;
  }

  /** Whether a peer is slow to read. */
  isSlow({ connection }: GossipPeer): boolean {
    return connection.bufferedBytes > this.#maxQueuedBytes;
  }

  /** Sends a message; where that fails, the peer is told later that it is there. */
  message(peer: GossipPeer, publication: Publication, ageMs: number): boolean {
    const isSent = this.#send(peer, { type: 'message', ageMs, publication });
    if (isSent) this.#account.count('sent');
    return isSent;
  }

  /** Says that a message is there, or that others are wanted. */
  word(peer: GossipPeer, frame: Exclude<Frame, { type: 'message' }>): boolean {
    return this.#send(peer, frame);
  }

  #send(peer: GossipPeer, frame: Frame): boolean {
    const { connection } = peer;
    const isNews = frame.type === 'message' || frame.type === 'have';
    if (isNews && this.isSlow(peer)) return this.#missed(peer);
    try {
      if (this.#protocol.trySend(connection, frame)) return true;
    } catch (error) {
      if (!PeerError.is(error, 'P2P_ERR_FRAME_TOO_LARGE')) throw error;
      this.#account.drop('tooLarge');
      return false;
    }
    return isNews ? this.#missed(peer) : false;
  }

  #missed(peer: GossipPeer): false {
    peer.isBehind = true;
    this.#account.drop(peer.connection.state === 'open' && !peer.connection.hasEnded ? 'slow' : 'closing');
    return false;
  }
}
