import type { PeerError } from '../errors/errors.js';

const kUnreadable: unique symbol = Symbol.for('pea2pea.unreadable-frame');

/**
 * What a codec may return in the place of a message for a frame that it cannot read, where its framing can go on: the
 * connection lives, and whoever handles messages decides what the peer is told. `json` does with `unreadable: 'deliver'`.
 */
export class UnreadableFrame {
  /** Why it cannot be read. */
  readonly error: PeerError;

  constructor(error: PeerError) {
    this.error = error;
  }

  get [kUnreadable](): true {
    return true;
  }

  /** Whether `message` is one, also from another copy of this package. */
  static is(message: unknown): message is UnreadableFrame {
    return typeof message === 'object' && message !== null && kUnreadable in message;
  }
}
