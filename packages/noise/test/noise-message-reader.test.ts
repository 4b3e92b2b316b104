import { describe, expect, it } from '@jest/globals';
import { MessageReader, type SealedMessage } from '../src/message-reader.js';

const LENGTH = 65_535;

/** A message of the greatest length, with its length before it; no byte is like the one 251 before it. */
function longest(): Buffer {
  const wire = Buffer.from(Array.from({ length: 2 + LENGTH }, (_, at) => at % 251));
  wire.writeUInt16BE(LENGTH);
  return wire;
}

/** Reads `wire` in chunks of as many bytes as `sizes` say, over and over. */
function readIn(sizes: readonly number[], wire: Buffer): SealedMessage[] {
  const reader = new MessageReader();
  const messages: SealedMessage[] = [];
  for (let at = 0, turn = 0; at < wire.length; turn++) {
    const end = at + sizes[turn % sizes.length]!;
    reader.push(Buffer.from(wire.subarray(at, end)));
    for (let message = reader.next(); message !== undefined; message = reader.next()) messages.push(message);
    at = end;
  }
  return messages;
}

describe('a message that comes in chunks', () => {
  it.each([
    [[1]],
    [[7]],
    [[1_460]],
    [[4_095]],
    [[4_096]],
    [[1, 4_096]],
    [[4_095, 1, 1]],
    [[5_000, 100, 3_000, 2_000]],
    [[65_536, 1]],
  ])('of %j bytes is whole, twice, and kept in few pieces', (sizes) => {
    const wire = longest();
    const messages = readIn(sizes, Buffer.concat([wire, wire]));
    expect(messages).toHaveLength(2);
    for (const { ciphertext, tag } of messages) {
      expect(Buffer.concat([...ciphertext, tag]).equals(wire.subarray(2))).toBe(true);
      expect(ciphertext.length).toBeLessThanOrEqual(34);
      const memory = new Set(ciphertext.map(({ buffer }) => buffer));
      const kept = [...memory].reduce((sum, { byteLength }) => sum + byteLength, 0);
      expect(kept).toBeLessThan(4 * LENGTH); // the wire of both is two of it
    }
  });

  it('is not copied where it came whole, or in long pieces', () => {
    const reader = new MessageReader();
    const wire = longest();
    const chunks = [wire.subarray(0, 30_000), wire.subarray(30_000)];
    reader.push(chunks[0]!);
    expect(reader.next()).toBeUndefined();
    reader.push(chunks[1]!);
    const { ciphertext } = reader.next()!;
    expect(ciphertext.map(({ byteOffset }) => byteOffset - wire.byteOffset)).toEqual([2, 30_000]);
    expect(ciphertext.every(({ buffer }) => buffer === wire.buffer)).toBe(true);
    const short = Buffer.concat([Buffer.from([0, 20]), Buffer.alloc(20, 7)]);
    reader.push(short);
    expect(reader.next()!.ciphertext[0]!.buffer).toBe(short.buffer);
  });
});
