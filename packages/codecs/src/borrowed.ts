import { requireBoolean } from '@pea2pea/core/authoring';

/** The option of codecs whose messages are bytes. */
export interface BorrowedOption {
  /**
   * Whether a received message is valid only until its handler has returned, or the promise of the handler has settled. The
   * memory of large messages, and of many small ones that came together, is freed then instead of being left to the
   * garbage collector. Copy what you keep: `Buffer.from(message)`.
   *
   * note: a view that is kept for longer has no bytes any more, or still has its own: it never shows those of another message.
   * note: it has no effect on messages that are pulled: `connection.next()`.
   * @default false: a message is yours
   */
  readonly borrowed?: boolean;
}

/** What a decoder keeps whose messages are views. @throws {PeerError} P2P_ERR_INVALID_CONFIG */
export function viewsAre(borrowed: boolean): 'borrowed' | 'messages' {
  return requireBoolean('borrowed', borrowed) ? 'borrowed' : 'messages';
}
