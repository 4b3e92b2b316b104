import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ReceiveBuffer } from '../src/yamux/receive-buffer.js';

it('what was pushed comes out in order, however pushes and shifts take turns', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: 1, max: 9_000 }) },
    { weight: 1, arbitrary: fc.constant('shift' as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const buffer = new ReceiveBuffer();
      const pushed: Buffer[] = [];
      const shifted: Buffer[] = [];
      for (const [index, size] of steps.entries()) {
        if (size === 'shift') {
          const piece = buffer.shift();
          if (piece !== undefined) shifted.push(piece);
        } else {
          const piece = Buffer.alloc(size, index + 1);
          buffer.push(piece);
          pushed.push(piece);
        }
        const length = Buffer.concat(pushed).length - Buffer.concat(shifted).length;
        expect(buffer.length).toBe(length);
      }
      for (let piece = buffer.shift(); piece !== undefined; piece = buffer.shift()) shifted.push(piece);
      expect(Buffer.concat(shifted).equals(Buffer.concat(pushed))).toBe(true);
      expect(buffer.length).toBe(0);
    }),
  );
});

it('a piece that is most of the memory behind it is kept as it is, a small part of that is copied', () => {
  const chunk = Buffer.alloc(64 * 1024);
  const buffer = new ReceiveBuffer();
  buffer.push(chunk.subarray(0, 40 * 1024));
  buffer.push(chunk.subarray(0, 8 * 1024));
  buffer.push(chunk.subarray(0, 10));
  expect(buffer.shift()!.buffer).toBe(chunk.buffer);
  for (const size of [8 * 1024, 4 * 1024]) expect(buffer.shift()!.buffer.byteLength).toBe(size);
});

it('nothing is left behind clear()', () => {
  const buffer = new ReceiveBuffer();
  buffer.push(Buffer.from('abc'));
  buffer.clear();
  expect([buffer.length, buffer.shift()]).toEqual([0, undefined]);
  buffer.push(Buffer.from('d'));
  expect(String(buffer.shift())).toBe('d');
});
