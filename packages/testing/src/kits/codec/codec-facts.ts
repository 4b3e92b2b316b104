import type { KitFinding } from '../finding.js';

/** What every codec must do. A codec that fails is told which of these does not hold. */
export const CODEC_FACTS = {
  'round-trip': 'returns each message that was sent, and needs nothing after it',
  'one-chunk': 'returns what was sent, all in one chunk',
  'any-split': 'returns what was sent, however the stream is cut in two',
  drip: 'returns what was sent, one byte at a time',
  truncated: 'makes no message of a frame that was cut off, and does not swallow it',
  isolation: 'keeps nothing of one connection for another',
  'kept-messages': 'leaves messages that were kept as they are when later ones come',
  rollback: 'leaves nothing behind of a message that cannot be encoded',
  'encodes-alike': 'encodes alike for all connections, if it says so',
  'limit-met': 'carries a message that meets its limit exactly',
  'limit-exceeded':
    'refuses a message over its limit: to send it, and to receive it before all of it arrived',
  'peer-errors': 'throws nothing but a PeerError, whatever arrives',
  returns: 'returns a message or NEED_MORE, never undefined or a promise',
  consumes: 'consumes at least a byte for each message that it did not hold',
  bounded: 'waits for no more bytes than its limit, whatever arrives',
  ends: 'comes to an end, whatever arrives',
} as const;

/** The name of a fact in {@link CODEC_FACTS}. */
export type CodecFact = keyof typeof CODEC_FACTS;

/** One fact of {@link CODEC_FACTS} that does not hold. */
export interface CodecFinding extends KitFinding<CodecFact> {
  /** The beginning of the bytes that show it, in hexadecimal, where bytes do. */
  readonly input?: string;
  /** What {@link checkCodec} was seeded with: the same seed shows it again. */
  readonly seed: number;
}

/** A fact does not hold: ends the check that found it. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly fact: CodecFact;
  readonly input: Uint8Array | undefined;

  constructor(fact: CodecFact, detail: string, options: { input?: Uint8Array; cause?: unknown } = {}) {
    super(detail, { cause: options.cause });
    this.fact = fact;
    this.input = options.input;
  }
}
