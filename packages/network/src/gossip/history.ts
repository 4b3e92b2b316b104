import type { MessageId, Publication } from './publication.js';

/** A message that is kept for peers that missed it. */
export interface Kept {
  readonly id: MessageId;
  readonly publication: Publication;
  /** When it was published, on the clock of this node, as far as peers have said. */
  readonly publishedAtMs: number;
  /** When this node got it. */
  readonly gotAtMs: number;
  /** How often which connection has been sent it on request; made when the first asks. */
  served: Map<number, number> | undefined;
}

/** What one takes besides its bytes, roughly. */
const OVERHEAD = 256;

/**
 * The messages of the last while, bounded by time and bytes: the oldest go first. A message is as old everywhere as it is here, give or take
 * what it was under way, so none lives for ever by going round.
 */
export class History {
  readonly #maxMs: number;
  readonly #maxBytes: number;
  /** In the order in which they came. */
  readonly #kept = new Map<MessageId, Kept>();
  #bytes = 0;
  #newestMs = -Infinity;

  constructor(maxMs: number, maxBytes: number) {
    this.#maxMs = maxMs;
    this.#maxBytes = maxBytes;
  }

  get size(): number {
    return this.#kept.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(id: MessageId, publication: Publication, publishedAtMs: number, nowMs: number): void {
    this.#kept.set(id, { id, publication, publishedAtMs, gotAtMs: nowMs, served: undefined });
    this.#newestMs = nowMs;
    this.#bytes += sizeOf(publication);
    if (this.#bytes > this.#maxBytes) this.#shrink();
  }

  /** The message, unless it is too old. */
  get(id: MessageId, nowMs: number): Kept | undefined {
    const kept = this.#kept.get(id);
    return kept !== undefined && nowMs - kept.publishedAtMs <= this.#maxMs ? kept : undefined;
  }

  /**
   * The newest messages of a topic that came since `sinceMs`, newest first, and that will still be here in `marginMs`: whoever hears of them
   * may ask for them.
   */
  recent(topic: string, { sinceMs, marginMs, most }: Recent, nowMs: number): MessageId[] {
    const ids: MessageId[] = [];
    if (this.#newestMs < sinceMs) return ids;
    for (const { id, publication, publishedAtMs, gotAtMs } of [...this.#kept.values()].reverse()) {
      if (gotAtMs < sinceMs || ids.length === most) break;
      if (publication.topic === topic && nowMs - publishedAtMs <= this.#maxMs - marginMs) ids.push(id);
    }
    return ids;
  }

  /** Forgets what is too old. */
  sweep(nowMs: number): void {
    for (const kept of this.#kept.values()) {
      if (nowMs - kept.publishedAtMs > this.#maxMs) this.#forget(kept);
    }
  }

  #shrink(): void {
    for (const kept of this.#kept.values()) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#forget(kept);
    }
  }

  #forget({ id, publication }: Kept): void {
    this.#kept.delete(id);
    this.#bytes -= sizeOf(publication);
  }
}

interface Recent {
  readonly sinceMs: number;
  readonly marginMs: number;
  readonly most: number;
}

function sizeOf({ bytes }: Publication): number {
  return bytes.length + OVERHEAD;
}
