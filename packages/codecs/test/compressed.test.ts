import { expect, it } from '@jest/globals';
import { deflateRawSync, deflateSync, inflateRawSync } from 'node:zlib';
import { compressed, json, lengthDelimited, varintDelimited } from '@pea2pea/codecs';
import { codeOf, decode, encode, Sending, thrownBy } from './drive.js';

const text = 'all work and no play makes jack a dull boy. '.repeat(100);
const frame = (bytes: Uint8Array): Buffer => encode(lengthDelimited(), bytes);

it('a frame is the raw DEFLATE of its payload', () => {
  const wire = encode(compressed(lengthDelimited()), text);
  expect(inflateRawSync(wire.subarray(4)).toString()).toBe(text);
  expect(wire.length).toBeLessThan(text.length / 20);
  expect(decode(compressed(lengthDelimited()), frame(deflateRawSync(text))).map(String)).toEqual([text]);
});

it('each frame stands for itself', () => {
  const codec = compressed(varintDelimited());
  const [one, two] = [encode(codec, text), encode(codec, text)];
  expect(one).toEqual(two);
  expect(decode(codec, two).map(String)).toEqual([text]);
});

it('the level is between stored and small', () => {
  const sizes = [0, 1, 9].map((level) => encode(compressed(lengthDelimited(), { level }), text).length);
  expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
  expect(sizes[0]).toBeGreaterThan(text.length);
});

it('a frame that inflates to its limit is received and sent, one byte more is not', () => {
  const codec = compressed(lengthDelimited(), { maxInflatedLength: 1000 });
  expect(decode(codec, encode(codec, Buffer.alloc(1000)))[0]).toHaveLength(1000);
  const sending = new Sending(codec);
  expect(codeOf(() => sending.send(Buffer.alloc(1001)))).toBe('P2P_ERR_FRAME_TOO_LARGE');
  expect(sending.halfWritten).toBe(0);
  expect(codeOf(() => decode(codec, frame(deflateRawSync(Buffer.alloc(1001)))))).toBe(
    'P2P_ERR_FRAME_TOO_LARGE',
  );
});

it('a bomb is refused without being inflated', () => {
  const bomb = frame(deflateRawSync(Buffer.alloc(256 * 1024 * 1024), { level: 9 }));
  expect(bomb.length).toBeLessThan(300_000);
  const before = process.memoryUsage().arrayBuffers;
  expect(codeOf(() => decode(compressed(lengthDelimited()), bomb))).toBe('P2P_ERR_FRAME_TOO_LARGE');
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
});

it.each([
  ['nothing', Buffer.alloc(0)],
  ['noise', Buffer.from('hello')],
  ['another format', deflateSync('hello')],
  ['a part', deflateRawSync(text).subarray(0, -3)],
  ['bytes behind it', Buffer.concat([deflateRawSync(text), Buffer.of(0)])],
])('what is not one piece of raw DEFLATE is refused: %s', (_what, bytes) => {
  expect(codeOf(() => decode(compressed(lengthDelimited()), frame(bytes)))).toBe('P2P_ERR_INVALID_FRAME');
});

it('the limit of the framing is on the compressed bytes', () => {
  const codec = json(compressed(lengthDelimited({ maxFrameLength: 200 })));
  expect(decode(codec, encode(codec, text))).toEqual([text]);
  expect(codeOf(() => encode(compressed(lengthDelimited({ maxFrameLength: 50 })), text))).toBe(
    'P2P_ERR_FRAME_TOO_LARGE',
  );
});

it.each([
  ['`maxInflatedLength`', { maxInflatedLength: 0 }],
  ['`level`', { level: 10 }],
  ['`level`', { level: -1 }],
  ['`maxLength`', { maxLength: 5 }],
])('refuses a configuration, naming %s: %j', (named, options) => {
  const error = thrownBy(() => compressed(lengthDelimited(), options as never));
  expect(error.code).toBe('P2P_ERR_INVALID_CONFIG');
  expect(error.message).toContain(named);
});
