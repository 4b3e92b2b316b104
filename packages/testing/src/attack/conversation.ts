import type { Clock, Link } from '@pea2pea/core';
import type { Framing } from '../altered/framing.js';
import type { HonestClient } from './outcome.js';

type Saw = HonestClient['saw'];

/** The most bytes that are kept of what a server said: it may say a lot that nobody asked for. */
const MOST_KEPT = 1024 * 1024;

/** One side of a conversation with a server, in frames. */
export class Conversation {
  readonly link: Link;
  readonly #framing: Framing;
  readonly #clock: Clock;
  #bytes: Buffer = Buffer.alloc(0);
  #end: Saw | undefined;
  #look: (() => void) | undefined;

  constructor(link: Link, framing: Framing, clock: Clock) {
    this.link = link;
    this.#framing = framing;
    this.#clock = clock;
    const { stream } = link;
    stream.on('data', this.#onData);
    stream.once('end', this.#onEnd);
    stream.once('error', this.#onError);
    stream.once('close', this.#onEnd);
    stream.resume();
  }

  get isOpen(): boolean {
    return this.#end === undefined;
  }

  say(bytes: Uint8Array): void {
    if (this.link.stream.writable) this.link.stream.write(bytes);
  }

  /** Waits for what `take` finds in the bytes that came, which is then taken off them. */
  async hear(take: (bytes: Buffer) => number | undefined, patienceMs: number): Promise<Saw> {
    return new Promise((resolve, reject) => {
      const done = (saw: Saw): void => {
        timer.cancel();
        this.#look = undefined;
        resolve(saw);
      };
      const timer = this.#clock.setTimeout(() => done('silence'), patienceMs);
      this.#look = () => {
        try {
          const length = take(this.#bytes);
          if (length !== undefined) {
            this.#bytes = this.#bytes.subarray(length);
            done('a reply');
          } else if (this.#end !== undefined) done(this.#end);
        } catch (error) {
          timer.cancel();
          this.#look = undefined;
          reject(error);
        }
      };
      this.#look();
    });
  }

  /** Waits for a frame that contains `expected`; frames before it are taken off, too. */
  hearFrame(expected: string | undefined, patienceMs: number): Promise<Saw> {
    return this.hear((bytes) => {
      let at = 0;
      for (;;) {
        const frame = this.#framing.first(bytes.subarray(at));
        if (frame === undefined) break;
        at += frame.length;
        if (expected === undefined || frame.content.includes(expected)) return at;
      }
      // Without frames, what is expected may come in pieces.
      if (this.#framing.name !== 'raw') this.#bytes = bytes.subarray(at);
      else if (expected !== undefined && bytes.includes(expected)) return bytes.length;
      return undefined;
    }, patienceMs);
  }

  /** Forgets what the server said so far. */
  forget(): void {
    this.#bytes = Buffer.alloc(0);
  }

  /** Hands the link over to somebody else. */
  release(): Link {
    const { stream } = this.link;
    stream.pause();
    stream.off('data', this.#onData);
    stream.off('end', this.#onEnd);
    stream.off('error', this.#onError);
    stream.off('close', this.#onEnd);
    return this.link;
  }

  close(): void {
    this.link.stream.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    const kept = this.#bytes.length + chunk.length > MOST_KEPT ? Buffer.alloc(0) : this.#bytes;
    this.#bytes = Buffer.concat([kept, chunk]);
    this.#look?.();
  };

  readonly #onEnd = (): void => {
    this.#end ??= 'an end';
    this.#look?.();
  };

  readonly #onError = (): void => {
    this.#end ??= 'a reset';
    this.#look?.();
  };
}
