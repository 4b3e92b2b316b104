import { expect, it } from '@jest/globals';
import { fixedLength } from '@pea2pea/codecs';
import { codeOf, decode, encode, Sending, thrownBy } from './drive.js';

it('frames of one size have nothing between them', () => {
  expect(encode(fixedLength(4), 'abcd', Buffer.from('efgh')).toString()).toBe('abcdefgh');
  expect(decode(fixedLength(4), 'abcdef', 'gh').map(String)).toEqual(['abcd', 'efgh']);
});

it('a stream that ends inside a frame is truncated', () => {
  expect(codeOf(() => decode(fixedLength(4), 'abcdef'))).toBe('P2P_ERR_TRUNCATED_FRAME');
});

it('what has another size is not sent, in bytes of UTF-8', () => {
  const sending = new Sending(fixedLength(4));
  expect(codeOf(() => sending.send('abc'))).toBe('P2P_ERR_INVALID_FRAME');
  expect(codeOf(() => sending.send(Buffer.alloc(0)))).toBe('P2P_ERR_INVALID_FRAME');
  expect(codeOf(() => sending.send('üüü'))).toBe('P2P_ERR_FRAME_TOO_LARGE');
  expect(codeOf(() => sending.send(5 as never))).toBe('P2P_ERR_INVALID_FRAME');
  sending.send('üü');
  expect(sending.take().toString()).toBe('üü');
});

it.each([0, -1, 1.5, '4', undefined, Infinity])('a frame of %p bytes makes no sense', (size) => {
  const error = thrownBy(() => fixedLength(size as number));
  expect(error.code).toBe('P2P_ERR_INVALID_CONFIG');
  expect(error.message).toContain('`size`');
});
