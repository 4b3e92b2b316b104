import type { CodecContext } from '@pea2pea/core';

/** The longest frame that a decoder takes: as its codec says, unless its connection has a limit of its own. */
export class FrameLimit {
  readonly #limits: CodecContext['limits'];
  readonly #ofCodec: number;

  /** @param context undefined where a decoder is made without one, from JavaScript */
  constructor(context: CodecContext | undefined, ofCodec: number) {
    this.#limits = context?.limits;
    this.#ofCodec = ofCodec;
  }

  /** In bytes, now. */
  get bytes(): number {
    return this.#limits?.maxFrameLength ?? this.#ofCodec;
  }
}
