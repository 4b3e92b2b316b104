import { PeerError } from '@pea2pea/core';
import { decodeUtf8 } from '@pea2pea/core/authoring';

export const malformed = (what: string): PeerError => new PeerError('P2P_ERR_INVALID_FRAME', what);

/** The fields of a packet, one after the other. */
export class Fields {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  bytes(size: number): Buffer {
    if (this.#at + size > this.#bytes.length) throw malformed('a packet ends too early');
    return this.#bytes.subarray(this.#at, (this.#at += size));
  }

  int(size: 1 | 2): number {
    return this.bytes(size).readUIntBE(0, size);
  }

  id(): number {
    const id = this.int(2);
    if (id === 0) throw malformed('a packet has the id 0');
    return id;
  }

  text(): string {
    const text = decodeUtf8(this.bytes(this.int(2)));
    if (text.includes('\0')) throw malformed('a string contains a zero');
    return text;
  }

  rest(): Buffer {
    return this.bytes(this.#bytes.length - this.#at);
  }

  /** One at least, up to the end. */
  some<T>(read: () => T): T[] {
    const all = [read()];
    while (this.#at < this.#bytes.length) all.push(read());
    return all;
  }
}
