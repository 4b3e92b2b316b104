import type { Duplex } from 'node:stream';
import { PeerError } from '@pea2pea/core';
import { encodeFrame, FrameType, type FrameHeader } from './frame.js';

/** The least of {@link Outbox.maxPending}. */
const MIN_MAX_PENDING = 1_024;

/** The session, as its outbox sees it. */
export interface OutboxOwner {
  /** The number of replies that wait has changed: it may be time to read on, or to stop. */
  repliesChanged(): void;
  /** Bytes that had to wait below wait no more: the peer takes them. */
  peerTakes(): void;
}

/**
 * The frames of a session on their way into the stream below.
 *
 * INVARIANT: bounded-memory. Replies and announcements are counted here; everything else is bounded by the streams: data
 * and window updates one at a time, a FIN and an RST for each. Those must not stop the reading, or two sides that send
 * much would wait for each other.
 */
export class Outbox {
  /** How many replies may wait below before we stop reading, and how many announcements before we make no more. */
  readonly maxPending: number;
  readonly #below: Duplex;
  readonly #owner: OutboxOwner;
  #replies = 0;
  #announcements = 0;
  #stopped = false;

  constructor(below: Duplex, maxStreams: number, owner: OutboxOwner) {
    this.#below = below;
    this.maxPending = Math.max(MIN_MAX_PENDING, maxStreams);
    this.#owner = owner;
  }

  /** Whether the peer takes so few of the replies that it caused that it should cause no more. */
  get isFullOfReplies(): boolean {
    return this.#replies >= this.maxPending;
  }

  /** Whether so many new streams wait to be announced that there should be no more. */
  get isFullOfAnnouncements(): boolean {
    return this.#announcements >= this.maxPending;
  }

  /** Sends a frame that carries no data. */
  send(header: FrameHeader, onWritten?: () => void): void {
    if (!this.#stopped) this.#below.write(encodeFrame(header), onWritten);
  }

  /** Sends a frame that the peer has caused: the reply to a ping, the ACK of a stream, the reset of one that is refused. */
  reply(header: FrameHeader): void {
    if (this.#stopped) return;
    this.#replies++;
    this.#owner.repliesChanged();
    this.send(header, () => {
      this.#replies--;
      this.#owner.repliesChanged();
    });
  }

  /** Sends the SYN of a stream of our own. */
  announce(header: FrameHeader): void {
    this.#announcements++;
    this.send(header, () => {
      this.#announcements--;
    });
  }

  /** Sends a frame of data; calls back when the stream below is done with it. */
  data(streamId: number, piece: Uint8Array, onWritten: (error?: Error | null) => void): void {
    if (this.#stopped) {
      onWritten(new PeerError('P2P_ERR_DISCONNECTED', 'the yamux session is over'));
      return;
    }
    const header = { type: FrameType.data, flags: 0, streamId, length: piece.length };
    let hadToWait = false;
    this.#below.write(encodeFrame(header, piece), (error) => {
      if (hadToWait) this.#owner.peerTakes();
      onWritten(error);
    });
    hadToWait = this.#below.writableLength > 0;
  }

  /** Sends nothing more. */
  stop(): void {
    this.#stopped = true;
  }
}
