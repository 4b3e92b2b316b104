import { describe, expect, it } from '@jest/globals';
import { runInNewContext } from 'node:vm';
import { SlabPool, SlabSink } from '@pea2pea/core/internal';

/** What the sink has gathered, as one piece of bytes. */
function taken(sink: SlabSink): Buffer {
  return Buffer.concat(sink.take().segments);
}

function message(sink: SlabSink, write: (sink: SlabSink) => void): number {
  sink.begin();
  write(sink);
  return sink.commit();
}

describe('a byte sink', () => {
  it('gathers messages in one segment while they are small', () => {
    const sink = new SlabSink(new SlabPool());
    expect(message(sink, () => sink.write(Buffer.from('ab')))).toBe(2);
    expect(message(sink, () => sink.writeText('c€'))).toBe(4);
    expect(message(sink, () => sink.writeUInt(0x0102, 2))).toBe(2);
    expect(sink.bytes).toBe(8);
    const { segments, bytes } = sink.take();
    expect(segments).toHaveLength(1);
    expect(bytes).toBe(8);
    expect(Buffer.from(segments[0]!)).toEqual(Buffer.concat([Buffer.from('abc€'), Buffer.from([1, 2])]));
    expect(sink.bytes).toBe(0);
  });

  it('writes integers of one to eight bytes in both byte orders', () => {
    const sink = new SlabSink(new SlabPool());
    message(sink, () => {
      sink.writeUInt(0xab, 1);
      sink.writeUInt(0x010203, 3, 'little');
      sink.writeUInt(2 ** 52 + 1, 8);
      sink.writeUInt(2 ** 52 + 1, 8, 'little');
    });
    const big = Buffer.alloc(8);
    big.writeBigUInt64BE(2n ** 52n + 1n);
    expect(taken(sink)).toEqual(Buffer.from([0xab, 3, 2, 1, ...big, ...Buffer.from(big).reverse()]));
  });

  it('passes a large payload on by reference, in its place', () => {
    const sink = new SlabSink(new SlabPool());
    const large = Buffer.alloc(40_000, 7);
    message(sink, () => {
      sink.writeUInt(1, 1);
      sink.write(large);
      sink.writeUInt(2, 1);
    });
    const { segments } = sink.take();
    expect(segments).toHaveLength(3);
    expect(segments[1]).toBe(large);
  });

  it('copies a small payload, so that its owner may use it again', () => {
    const sink = new SlabSink(new SlabPool());
    const bytes = Buffer.from('safe');
    message(sink, () => sink.write(bytes));
    bytes.fill(0);
    expect(taken(sink).toString()).toBe('safe');
  });

  it('a reserved place can be set after slabs and references were put behind it', () => {
    const sink = new SlabSink(new SlabPool());
    message(sink, () => sink.writeText('x'.repeat(4000)));
    message(sink, () => {
      const position = sink.reserve(4);
      expect(sink.length).toBe(4);
      for (let part = 0; part < 10; part++) sink.write(Buffer.alloc(20_000, part));
      sink.write(Buffer.alloc(50_000, 99));
      sink.writeText('tail');
      sink.patchUInt(position, sink.length - 4, 4);
    });
    const bytes = taken(sink);
    expect(bytes.readUInt32BE(4000)).toBe(250_004);
    expect(bytes).toHaveLength(4000 + 4 + 250_004);
    expect(bytes.subarray(-4).toString()).toBe('tail');
  });

  it('rolls back to the last message, over slabs and references', () => {
    const sink = new SlabSink(new SlabPool());
    message(sink, () => sink.writeText('keep'));
    sink.begin();
    sink.writeText('x'.repeat(10_000));
    sink.write(Buffer.alloc(64_000));
    sink.write(Buffer.alloc(30_000));
    sink.write(Buffer.alloc(30_000));
    sink.write(Buffer.alloc(30_000));
    sink.rollback();
    expect(sink.bytes).toBe(4);
    message(sink, () => sink.writeText(' going'));
    expect(taken(sink).toString()).toBe('keep going');
  });

  it('a text too large for a slab is passed on by reference', () => {
    const sink = new SlabSink(new SlabPool());
    expect(message(sink, () => sink.writeText('€'.repeat(50_000)))).toBe(150_000);
    expect(taken(sink).toString()).toBe('€'.repeat(50_000));
  });

  it('slabs that were given back are used again, and what is taken is not overwritten before', () => {
    const pool = new SlabPool();
    const sink = new SlabSink(pool);
    message(sink, () => sink.writeText('first'));
    const first = sink.take();
    message(sink, () => sink.writeText('second'));
    const second = sink.take();
    expect(Buffer.from(first.segments[0]!).toString()).toBe('first');
    expect(second.slabs[0]).not.toBe(first.slabs[0]);
    pool.giveBack(first.slabs[0]!);
    message(sink, () => sink.writeText('third'));
    expect(sink.take().slabs[0]).toBe(first.slabs[0]);
  });

  it('a pool keeps a bounded number of slabs', () => {
    const pool = new SlabPool();
    const slabs = Array.from({ length: 100 }, () => pool.take(64 * 1024));
    for (const slab of slabs) pool.giveBack(slab);
    const again = Array.from({ length: 100 }, () => pool.take(64 * 1024));
    expect(again.filter((slab) => slabs.includes(slab))).toHaveLength(8);
  });

  it.each([
    [256, 1],
    [2 ** 24, 3],
    [2 ** 32, 4],
    [2 ** 64, 8],
    [-1, 4],
    [-1, 2],
    [1.5, 2],
    [1.5, 4],
    [Number.NaN, 2],
    [Number.NaN, 4],
    [Infinity, 8],
    [-Infinity, 1],
  ])('%p does not fit into %p bytes, and says so', (value, size) => {
    const sink = new SlabSink(new SlabPool());
    sink.begin();
    expect(() => sink.writeUInt(value, size)).toThrow(RangeError);
    expect(() => sink.patchUInt(sink.reserve(size), value, size)).toThrow(RangeError);
  });

  it.each(['7', 7n, undefined, null, [7]])('%p is not written as an integer', (value) => {
    const sink = new SlabSink(new SlabPool());
    sink.begin();
    for (const size of [1, 4, 8]) {
      expect(() => sink.writeUInt(value as never, size)).toThrow(TypeError);
      expect(() => sink.patchUInt(sink.reserve(size), value as never, size)).toThrow(TypeError);
    }
  });

  it.each([0, 9, -1, 1.5, Number.NaN, Infinity, '4', undefined, 4n])(
    'an integer has no size of %p bytes',
    (size) => {
      const sink = new SlabSink(new SlabPool());
      sink.begin();
      const position = sink.reserve(8);
      expect(() => sink.writeUInt(1, size as never)).toThrow(RangeError);
      expect(() => sink.reserve(size as never)).toThrow(RangeError);
      expect(() => sink.patchUInt(position, 1, size as never)).toThrow(RangeError);
      expect(sink.commit()).toBe(8);
    },
  );

  it('the byte order is one of two', () => {
    const sink = new SlabSink(new SlabPool());
    sink.begin();
    expect(() => sink.writeUInt(1, 4, 'LE' as never)).toThrow(TypeError);
    expect(() => sink.writeUInt(1, 2, 'LE' as never)).toThrow(TypeError);
  });

  it.each([
    'abc',
    [1, 2, 3],
    undefined,
    null,
    3,
    { length: 3 },
    new ArrayBuffer(3),
    new DataView(new ArrayBuffer(3)),
    new Uint16Array(3),
  ])('%p is not bytes', (value) => {
    const sink = new SlabSink(new SlabPool());
    sink.begin();
    expect(() => sink.write(value as never)).toThrow(TypeError);
    expect(sink.commit()).toBe(0);
  });

  it('bytes of another realm are bytes', () => {
    const sink = new SlabSink(new SlabPool());
    message(sink, () => sink.write(runInNewContext('Uint8Array.of(1, 2)') as Uint8Array));
    expect(taken(sink)).toEqual(Buffer.from([1, 2]));
  });

  it.each([42, undefined, null, Buffer.from('abc'), ['a']])('%p is not text', (value) => {
    const sink = new SlabSink(new SlabPool());
    sink.begin();
    expect(() => sink.writeText(value as never)).toThrow(TypeError);
    expect(sink.commit()).toBe(0);
  });

  it('a refused string is not quoted: it is a message, and may be a secret', () => {
    const sink = new SlabSink(new SlabPool());
    sink.begin();
    expect(() => sink.write('hunter2' as never)).toThrow(/^(?!.*hunter2)/);
  });

  it.each([
    ['a write', (sink: SlabSink) => sink.write(Buffer.from('x'))],
    ['a large write', (sink: SlabSink) => sink.write(Buffer.alloc(40_000))],
    ['a text', (sink: SlabSink) => sink.writeText('x')],
    ['an integer', (sink: SlabSink) => sink.writeUInt(1, 4)],
    ['a reservation', (sink: SlabSink) => sink.reserve(4)],
    ['a patch', (sink: SlabSink) => sink.patchUInt(0, 1, 1)],
  ])('outside a message %s is refused', (_what, act) => {
    const sink = new SlabSink(new SlabPool());
    const refused = (): void => expect(() => act(sink)).toThrow(/after its encode\(\) returned/);
    refused();
    message(sink, () => sink.writeUInt(7, 4));
    refused();
    sink.begin();
    sink.rollback();
    refused();
    expect(taken(sink)).toEqual(Buffer.from([0, 0, 0, 7]));
    refused();
  });

  it('an unknown position is a RangeError, as is one of an earlier message', () => {
    const sink = new SlabSink(new SlabPool());
    let earlier = 0;
    message(sink, () => (earlier = sink.reserve(4)));
    sink.begin();
    const position = sink.reserve(4);
    const unknown = [3 * 64 * 1024, -1, 1.5, position + 1, Number.NaN, Infinity, '0', undefined, earlier];
    for (const at of unknown) expect(() => sink.patchUInt(at as never, 1, 4)).toThrow(RangeError);
    sink.patchUInt(position, 1, 4);
    sink.commit();
    expect(taken(sink)).toEqual(Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]));
  });

  it('reserved bytes that nobody set are zero, not what an earlier message left there', () => {
    const pool = new SlabPool();
    const sink = new SlabSink(pool);
    message(sink, () => sink.writeText('a secret of another peer'));
    for (const slab of sink.take().slabs) pool.giveBack(slab);
    message(sink, () => sink.reserve(8));
    expect(taken(sink)).toEqual(Buffer.alloc(8));
  });
});

describe('batches', () => {
  it('a batch that was written is the next one, and empty', () => {
    const pool = new SlabPool();
    const sink = new SlabSink(pool);
    message(sink, () => sink.writeText('first'));
    const batch = sink.take();
    const [slab] = batch.slabs;
    Object.assign(batch, { messages: 1, next: 1, writing: 5, waiters: [] });
    pool.giveBackBatch(batch, true);
    expect(batch).toEqual(new SlabSink(new SlabPool()).take());

    message(sink, () => sink.writeText('second'));
    const next = sink.take();
    expect(next).toBe(batch);
    expect(next.slabs[0]).toBe(slab);
    expect(Buffer.concat(next.segments).toString()).toBe('second');
  });

  it('slabs that somebody may still read from are not kept with their batch', () => {
    const pool = new SlabPool();
    const sink = new SlabSink(pool);
    message(sink, () => sink.writeText('first'));
    const batch = sink.take();
    const [slab] = batch.slabs;
    pool.giveBackBatch(batch, false);
    message(sink, () => sink.writeText('second'));
    expect(sink.take().slabs[0]).not.toBe(slab);
    expect(slab!.toString('utf8', 0, 5)).toBe('first');
  });

  it('two sinks never gather in one batch', () => {
    const pool = new SlabPool();
    const [one, other] = [new SlabSink(pool), new SlabSink(pool)];
    for (const sink of [one, other]) message(sink, () => sink.writeText('x'));
    one.clear();
    message(one, () => one.writeText('y'));
    expect([one.takeBuffer().toString(), other.takeBuffer().toString()]).toEqual(['y', 'x']);
  });
});
