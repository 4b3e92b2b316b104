import type { Clock, Handshake } from '@pea2pea/core';
import { Duplex } from 'node:stream';
import type { Dice } from './dice.js';
import { pause } from './time.js';

/** The first line that each side says: who it is, which log it will send under, and whether bytes are masked from then on. */
export interface Greeting {
  readonly name: string;
  readonly serial: number;
  /** The dialler decides for both. */
  readonly masked: boolean;
}

export const MAX_GREETING = 64;

export function formatGreeting({ name, serial, masked }: Greeting): string {
  return `CHAOS/1 ${name} ${serial} ${masked ? 'masked' : 'plain'}\n`;
}

/** The greeting in a line without its end; undefined where it is none. */
export function parseGreeting(line: Buffer): Greeting | undefined {
  const match = /^CHAOS\/1 (\S+) (\d+) (masked|plain)$/.exec(line.toString('latin1'));
  if (match === null) return undefined;
  return { name: match[1]!, serial: Number(match[2]), masked: match[3] === 'masked' };
}

export const MASK = 0x5a;

/** A duplex on top of another that flips bits both ways: what TLS is to the kernel, without its cost. */
export class MaskedStream extends Duplex {
  readonly #inner: Duplex;

  constructor(inner: Duplex) {
    super({ allowHalfOpen: true });
    this.#inner = inner;
    inner.on('data', (chunk: Buffer) => {
      if (!this.push(masked(chunk))) inner.pause();
    });
    inner.on('end', () => this.push(null));
    inner.on('error', (error: Error) => this.destroy(error));
    inner.on('close', () => {
      if (!inner.readableEnded) this.destroy(inner.errored ?? new Error('the stream below was closed'));
    });
    inner.pause();
    // Events of a stream that is over do not come again.
    if (inner.readableEnded) this.push(null);
    else if (inner.destroyed) this.destroy(inner.errored ?? new Error('the stream below was closed'));
  }

  /** Bytes that came through the stream below, and wait in this one or others of its kind below it. */
  get waiting(): number {
    return this.readableLength + (this.#inner instanceof MaskedStream ? this.#inner.waiting : 0);
  }

  override _read(): void {
    this.#inner.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#inner.write(masked(chunk), callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (this.#inner.destroyed) callback();
    else this.#inner.end(callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#inner.destroy();
    callback(error);
  }
}

/** Goes on masked. What comes meanwhile may be read below the mask, and has to come through it. */
export async function putMaskOn(handshake: Handshake, dice: Dice, clock: Clock): Promise<void> {
  const below = handshake.takeStream();
  if (dice.chance(0.5)) await Promise.race([handshake.peek(1), pause(clock, dice.integer(1, 40))]);
  handshake.upgrade(new MaskedStream(below));
}

function masked(chunk: Buffer): Buffer {
  return Buffer.from(chunk.map((byte) => byte ^ MASK));
}
