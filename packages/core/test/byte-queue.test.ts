import { beforeAll, describe, expect, it } from '@jest/globals';
import { ChunkQueue, free, LEAST_FREED, SequenceSearch } from '@pea2pea/core/authoring';
import { seededRandom } from '@pea2pea/core/testing';
import { until } from '@pea2pea/testing';

function queueOf(...chunks: (string | Buffer)[]): ChunkQueue {
  const queue = new ChunkQueue();
  for (const chunk of chunks) queue.push(Buffer.from(chunk));
  return queue;
}

const large = (byte: number): Buffer => Buffer.alloc(2000, byte);

describe('a byte queue', () => {
  it('hands out a view where the bytes lie in one chunk', () => {
    const queue = new ChunkQueue();
    const chunk = Buffer.from('hello world');
    queue.push(chunk);
    const view = queue.read(5);
    expect(view.toString()).toBe('hello');
    expect(view.buffer).toBe(chunk.buffer);
    expect(queue.length).toBe(6);
  });

  it('copies once, into the exact size, where they span chunks', () => {
    const queue = queueOf(large(1), large(2), large(3));
    const bytes = queue.read(5000);
    expect(bytes).toEqual(Buffer.concat([large(1), large(2), Buffer.alloc(1000, 3)]));
    expect(bytes.buffer.byteLength).toBe(5000);
    expect(queue.read(1000)).toEqual(Buffer.alloc(1000, 3));
    expect(queue.length).toBe(0);
  });

  it('peeks bytes and integers without consuming, across chunks, in both byte orders', () => {
    const queue = queueOf(
      Buffer.concat([large(0), Buffer.from([1, 2])]),
      Buffer.concat([Buffer.from([3, 4]), large(0)]),
    );
    queue.skip(2000);
    expect([0, 1, 2, 3].map((offset) => queue.peek(offset))).toEqual([1, 2, 3, 4]);
    expect(queue.peekUInt(0, 4)).toBe(0x01020304);
    expect(queue.peekUInt(0, 4, 'little')).toBe(0x04030201);
    expect(queue.peekUInt(1, 2)).toBe(0x0203);
    expect(queue.length).toBe(2004);
  });

  it('an integer of eight bytes above the safe range stays above it', () => {
    const queue = queueOf(Buffer.alloc(8, 0xff));
    expect(queue.peekUInt(0, 8)).toBeGreaterThan(Number.MAX_SAFE_INTEGER);
  });

  it('finds a byte from an offset on, in any chunk', () => {
    const queue = queueOf('ab\ncd', large(7), 'ef\n');
    expect(queue.indexOf(10)).toBe(2);
    expect(queue.indexOf(10, 2)).toBe(2);
    expect(queue.indexOf(10, 3)).toBe(2007);
    queue.skip(3);
    expect(queue.indexOf(10)).toBe(2004);
    expect(queue.indexOf(99)).toBe(0);
    expect(queue.indexOf(255)).toBe(-1);
  });

  it('does not find what is left in a block beyond its bytes', () => {
    const queue = queueOf('abc', 'de');
    expect(queue.indexOf(0)).toBe(-1);
    queue.push(Buffer.from('f'));
    expect(queue.read(6).toString()).toBe('abcdef');
  });

  it('reads text as UTF-8, also where a character spans chunks', () => {
    const euro = Buffer.from('€');
    const queue = queueOf(Buffer.concat([Buffer.from('x'), euro.subarray(0, 1)]), euro.subarray(1), 'y');
    expect(queue.readText(5)).toBe('x€y');
    expect(queue.readText(0)).toBe('');
  });

  it('refuses text that is no well-formed UTF-8, and takes a true U+FFFD', () => {
    expect(queueOf('\ufffd').readText(3)).toBe('\ufffd');
    expect(() => queueOf(Buffer.from([0x61, 0xff])).readText(2)).toThrow(
      expect.objectContaining({ code: 'P2P_ERR_INVALID_FRAME' }),
    );
  });

  it.each([
    ['peek', (queue: ChunkQueue) => queue.peek(3)],
    ['peek below', (queue: ChunkQueue) => queue.peek(-1)],
    ['peekUInt', (queue: ChunkQueue) => queue.peekUInt(1, 3)],
    ['read', (queue: ChunkQueue) => queue.read(4)],
    ['readText', (queue: ChunkQueue) => queue.readText(4)],
    ['skip', (queue: ChunkQueue) => queue.skip(4)],
    ['peekBytes', (queue: ChunkQueue) => queue.peekBytes(1, 3)],
    ['peekBytes below', (queue: ChunkQueue) => queue.peekBytes(-1, 2)],
    ['peekBytes of nothing', (queue: ChunkQueue) => queue.peekBytes(4, 0)],
    ['peekText', (queue: ChunkQueue) => queue.peekText(1, 3)],
    ['peekText below', (queue: ChunkQueue) => queue.peekText(-1, 2)],
  ])('%s beyond the end is a RangeError and consumes nothing', (_what, beyond) => {
    const queue = queueOf('abc');
    expect(() => beyond(queue)).toThrow(RangeError);
    expect(queue.length).toBe(3);
  });

  it('gathers dripped bytes in blocks, so that a byte does not cost an object', () => {
    const queue = new ChunkQueue();
    const before = process.memoryUsage().external;
    for (let index = 0; index < 100_000; index++) queue.push(Buffer.from([index & 0xff]));
    expect(process.memoryUsage().external - before).toBeLessThan(2_000_000);
    const bytes = queue.read(100_000);
    expect(bytes.every((byte, index) => byte === (index & 0xff))).toBe(true);
  });

  it('does not keep a large buffer for the small part of it that waits', () => {
    const queue = new ChunkQueue();
    const part = (byte: number, size: number): Buffer =>
      Buffer.alloc(64 * 1024, byte).subarray(1000, 1000 + size);
    for (let index = 0; index < 4; index++) queue.push(part(index, 2000));
    queue.push(part(4, 40_000));
    const memory = Array.from({ length: 4 }, (_, index) => {
      const view = queue.read(2000);
      expect(view.equals(Buffer.alloc(2000, index))).toBe(true);
      return view.buffer.byteLength;
    });
    // The first one did not wait for another: it may be on its way to its handler.
    expect(memory).toEqual([64 * 1024, 2000, 2000, 2000]);
    expect(queue.read(40_000).buffer.byteLength).toBe(64 * 1024);
  });

  it('answers the same bytes whatever the chunks and reads, and never writes where it has handed out', () => {
    const random = seededRandom(7);
    for (let round = 0; round < 200; round++) {
      const queue = new ChunkQueue();
      const sent: number[] = [];
      const read: Buffer[] = [];
      const kept: { view: Buffer; copy: Buffer }[] = [];
      for (let step = 0; step < 60; step++) {
        if (random.next() < 0.6) {
          const chunk = Buffer.alloc(Math.floor(random.next() ** 4 * 6000), step);
          sent.push(...chunk);
          if (chunk.length > 0) queue.push(chunk);
        } else {
          const size = Math.floor(random.next() * (queue.length + 1));
          const bytes = random.next() < 0.2 ? Buffer.from(queue.readText(0)) : queue.read(size);
          read.push(bytes);
          kept.push({ view: bytes, copy: Buffer.from(bytes) });
        }
      }
      read.push(queue.read(queue.length));
      expect(Buffer.concat(read).equals(Buffer.from(sent))).toBe(true);
      expect(kept.every(({ view, copy }) => view.equals(copy))).toBe(true);
    }
  });

  it('peeks bytes and text anywhere: a view where they lie in one chunk, else a copy', () => {
    const euro = Buffer.from('€');
    const queue = queueOf(
      Buffer.concat([large(0x61), euro.subarray(0, 2)]),
      Buffer.concat([euro.subarray(2), large(0x62)]),
    );
    queue.skip(1998);
    expect(queue.peekText(0, 5)).toBe('aa€');
    expect(queue.peekText(5, 2)).toBe('bb');
    expect(queue.peekText(7, 0)).toBe('');
    expect(queue.peekBytes(1, 5)).toEqual(Buffer.from('a€b'));
    expect(queue.peekBytes(5, 1).buffer).toBe(queue.peekBytes(8, 1).buffer);
    expect(queue.peekBytes(queue.length, 0)).toHaveLength(0);
    expect(() => queue.peekText(2, 2)).toThrow(expect.objectContaining({ code: 'P2P_ERR_INVALID_FRAME' }));
    expect(queue.length).toBe(2005);
  });

  it('finds a sequence where Buffer would, whatever the chunks, what was consumed, and where it begins to search', () => {
    const random = seededRandom(11);
    const below = (limit: number): number => Math.floor(random.next() * limit);
    // Two letters only: beginnings of the sequence are everywhere, also across chunks and in what a block has not filled yet.
    const letters = (length: number): Buffer => Buffer.from(Array.from({ length }, () => 97 + below(2)));
    for (let round = 0; round < 400; round++) {
      const queue = new ChunkQueue();
      let model: Buffer = Buffer.alloc(0);
      for (let step = 0; step < 6; step++) {
        const chunk = below(4) === 0 ? Buffer.alloc(1024 + below(3), 97) : letters(below(5));
        queue.push(Buffer.from(chunk));
        model = Buffer.concat([model, chunk]);
        const consumed = below(2) * below(model.length + 1);
        queue.skip(consumed);
        model = model.subarray(consumed);
        const sequence = letters(1 + below(6));
        const from = below(model.length + 3);
        const expected = from > model.length ? -1 : model.indexOf(sequence, from);
        expect([sequence.toString(), from, queue.indexOf(sequence, from)]).toEqual([
          sequence.toString(),
          from,
          expected,
        ]);
        const at = below(model.length + 1);
        const size = below(model.length - at + 1);
        expect(queue.peekBytes(at, size).equals(model.subarray(at, at + size))).toBe(true);
      }
    }
  });

  it('refuses to search for nothing', () => {
    expect(() => queueOf('abc').indexOf(Buffer.alloc(0))).toThrow(RangeError);
  });
});

describe('a search for a sequence', () => {
  it('finds what a search of the whole finds, however the bytes drip, and counts what can no longer begin it', () => {
    const random = seededRandom(12);
    const below = (limit: number): number => Math.floor(random.next() * limit);
    const letters = (length: number): string =>
      Array.from({ length }, () => (below(2) === 0 ? 'a' : 'b')).join('');
    for (let round = 0; round < 400; round++) {
      const text = letters(below(40));
      const sequence = letters(1 + below(5));
      const queue = new ChunkQueue();
      const search = new SequenceSearch(Buffer.from(sequence));
      for (let at = 0; at < text.length; at++) {
        queue.push(Buffer.from(text[at]!));
        const seen = text.slice(0, at + 1);
        const found = search.find(queue);
        expect(found).toBe(seen.indexOf(sequence));
        if (found !== -1) break;
        if (below(2) === 0) continue;
        const borders = Array.from({ length: seen.length + 1 }, (_, index) => index);
        const first = borders.find((index) => sequence.startsWith(seen.slice(index)))!;
        expect(search.lengthBefore(queue)).toBe(first);
      }
    }
  });

  it('is begun again for what comes after', () => {
    const queue = queueOf('a--b--');
    const search = new SequenceSearch(Buffer.from('--'));
    expect(search.find(queue)).toBe(1);
    queue.skip(3);
    search.restart();
    expect(search.find(queue)).toBe(1);
    expect(() => new SequenceSearch(Buffer.alloc(0))).toThrow(RangeError);
  });
});

describe('chunks that nobody else has', () => {
  // Before Node 21 memory is freed through a port, which has closed a turn after the first use.
  beforeAll(() =>
    until('memory can be freed', () => {
      const probe = Buffer.allocUnsafeSlow(LEAST_FREED);
      free(probe);
      return probe.length === 0;
    }),
  );
  const own = (byte: number): Buffer => Buffer.alloc(LEAST_FREED, byte);

  it('are freed when they are used up, and not before', () => {
    const queue = new ChunkQueue();
    const chunks = [own(1), own(2)];
    for (const chunk of chunks) queue.pushOwn(chunk);
    const view = queue.read(LEAST_FREED - 1);
    queue.freeSpent();
    expect(view).toHaveLength(LEAST_FREED - 1);
    expect(queue.hasSpent).toBe(false);
    queue.skip(1);
    expect(queue.hasSpent).toBe(true);
    expect(view).toHaveLength(LEAST_FREED - 1);
    queue.freeSpent();
    expect(view).toHaveLength(0);
    expect(chunks.map(({ length }) => length)).toEqual([0, LEAST_FREED]);
    expect(queue.read(LEAST_FREED)).toEqual(own(2));
  });

  it('and what was copied from several of them, are freed together', () => {
    const queue = new ChunkQueue();
    queue.pushOwn(own(1));
    queue.pushOwn(own(2));
    const copy = queue.read(2 * LEAST_FREED);
    expect(copy).toEqual(Buffer.concat([own(1), own(2)]));
    queue.freeSpent();
    expect(copy).toHaveLength(0);
  });

  it('stay with who has views of them, where they are kept', () => {
    const queue = new ChunkQueue();
    queue.pushOwn(own(1));
    const used = queue.read(LEAST_FREED);
    queue.keepSpent();
    queue.pushOwn(own(2));
    const part = queue.read(10);
    queue.keepAll();
    const rest = queue.read(LEAST_FREED - 10);
    queue.freeSpent();
    expect([used.length, part.length, rest.length]).toEqual([LEAST_FREED, 10, LEAST_FREED - 10]);
  });

  it('a part of a memory is not freed, nor is what is small', () => {
    const memory = Buffer.alloc(2 * LEAST_FREED, 1);
    const small = Buffer.alloc(LEAST_FREED - 1, 1);
    for (const bytes of [memory.subarray(1), memory.subarray(0, LEAST_FREED), small]) free(bytes);
    expect([memory.length, small.length]).toEqual([2 * LEAST_FREED, LEAST_FREED - 1]);
  });
});
