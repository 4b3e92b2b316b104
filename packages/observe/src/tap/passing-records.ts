import type { RecordLayer } from '@pea2pea/core/authoring';
import type { Way } from './packets.js';

/** Records that are what they contain: bytes pass as they are, and are shown to `see` as they do. */
export class PassingRecords implements RecordLayer {
  readonly isIncomplete = false;
  readonly whenCut = 'at any place';
  readonly #see: (way: Way, bytes: Uint8Array) => void;
  #chunk: Buffer | undefined;

  constructor(see: (way: Way, bytes: Uint8Array) => void) {
    this.#see = see;
  }

  seal(chunks: readonly Buffer[]): Buffer[] {
    for (const chunk of chunks) this.#see('sent', chunk);
    return [...chunks];
  }

  push(chunk: Buffer): void {
    this.#see('received', chunk);
    this.#chunk = chunk;
  }

  next(): readonly Buffer[] | undefined {
    const chunk = this.#chunk;
    this.#chunk = undefined;
    return chunk && [chunk];
  }
}
