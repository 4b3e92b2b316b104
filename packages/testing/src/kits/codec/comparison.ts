import { PeerError } from '@pea2pea/core';
import { describe } from '@pea2pea/core/authoring';
import { isDeepStrictEqual } from 'node:util';
import { isUint8Array } from 'node:util/types';
import { Violation } from './codec-facts.js';
import type { CodecFact } from './codec-facts.js';

/** Whether `received` is what was sent: the same value, or the bytes of what was sent as bytes or text. */
export function same(received: unknown, sent: unknown): boolean {
  const bytes = asBytes(sent);
  if (isUint8Array(received) && bytes !== undefined) return Buffer.compare(received, bytes) === 0;
  return isDeepStrictEqual(received, sent);
}

function asBytes(sent: unknown): Uint8Array | undefined {
  if (typeof sent === 'string') return Buffer.from(sent);
  return isUint8Array(sent) ? sent : undefined;
}

/** Compares messages with what was sent, each the moment it arrives: later it may have been overwritten. */
export class Comparison<In, Out> {
  readonly #fact: CodecFact;
  readonly #sent: readonly Out[];
  readonly #equals: (received: In, sent: Out) => boolean;
  #arrived = 0;

  constructor(fact: CodecFact, sent: readonly Out[], equals: (received: In, sent: Out) => boolean) {
    this.#fact = fact;
    this.#sent = sent;
    this.#equals = equals;
  }

  readonly take = (message: In): void => {
    const index = this.#arrived++;
    if (index >= this.#sent.length) {
      throw new Violation(this.#fact, `${this.#sent.length} messages were sent, and more arrived`);
    }
    if (this.#equals(message, this.#sent[index]!)) return;
    throw new Violation(this.#fact, `message ${index} arrived as another one than was sent`);
  };

  /** @throws {Violation} when messages are missing. */
  requireAll(): void {
    if (this.#arrived === this.#sent.length) return;
    throw new Violation(
      this.#fact,
      `${this.#arrived} of ${this.#sent.length} messages arrived with all of their bytes`,
    );
  }
}

/** The same for a codec that keeps no boundaries: only the bytes, one after the other, must be those that were sent. */
export class ByteComparison {
  readonly #fact: CodecFact;
  readonly #sent: Buffer;
  #arrived = 0;

  constructor(fact: CodecFact, sent: readonly unknown[]) {
    this.#fact = fact;
    this.#sent = Buffer.concat(sent.map((message) => asBytes(message) ?? noBytes(message)));
  }

  readonly take = (message: unknown): void => {
    const bytes = asBytes(message) ?? noBytes(message);
    const expected = this.#sent.subarray(this.#arrived, this.#arrived + bytes.length);
    this.#arrived += bytes.length;
    if (!expected.equals(bytes)) throw new Violation(this.#fact, 'other bytes arrived than were sent');
  };

  /** @throws {Violation} when bytes are missing. */
  requireAll(): void {
    if (this.#arrived === this.#sent.length) return;
    throw new Violation(this.#fact, `${this.#arrived} of ${this.#sent.length} bytes arrived`);
  }
}

function noBytes(message: unknown): never {
  throw new PeerError('P2P_ERR_INVALID_CONFIG', `a message is ${describe(message)}`, {
    remedy: 'set `mergesMessages` for codecs alone whose messages are bytes or strings',
  });
}
