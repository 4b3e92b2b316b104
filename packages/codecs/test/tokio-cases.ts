import type { LengthDelimitedOptions } from '@pea2pea/codecs';

/** What tokio-util reads with these knobs. Texts stand for Latin-1 bytes. */
interface ReadCase {
  readonly fact: string;
  readonly knobs?: LengthDelimitedOptions;
  readonly wire: string;
  readonly frames: readonly string[];
}

interface WriteCase {
  readonly fact: string;
  readonly knobs?: LengthDelimitedOptions;
  readonly payloads: readonly string[];
  readonly wire: string;
}

const HELLO = 'Hello world';
const three = ['abcdefghi', '123', 'hello world'];

/** The published cases and the documented examples of tokio-util's `length_delimited`: knobs, wire, frames. */
export const TOKIO_READS: readonly ReadCase[] = [
  { fact: 'one frame', wire: '\0\0\0\x09abcdefghi', frames: ['abcdefghi'] },
  {
    fact: 'one frame, little endian',
    knobs: { endianness: 'little' },
    wire: '\x09\0\0\0abcdefghi',
    frames: ['abcdefghi'],
  },
  {
    fact: 'several frames',
    wire: '\0\0\0\x09abcdefghi\0\0\0\x03123\0\0\0\x0bhello world',
    frames: three,
  },
  {
    fact: 'a length of one byte',
    knobs: { lengthFieldLength: 1 },
    wire: '\x09abcdefghi',
    frames: ['abcdefghi'],
  },
  {
    fact: 'a header before the length',
    knobs: { lengthFieldLength: 2, lengthFieldOffset: 4 },
    wire: 'zzzz\0\x09abcdefghi',
    frames: ['abcdefghi'],
  },
  {
    fact: 'nothing skipped, the head added to the length',
    knobs: { lengthFieldLength: 2, lengthFieldOffset: 2, numSkip: 0, lengthAdjustment: 4 },
    wire: 'xx\0\x09abcdefghiyy\0\x03123zz\0\x0bhello world',
    frames: ['xx\0\x09abcdefghi', 'yy\0\x03123', 'zz\0\x0bhello world'],
  },
  {
    fact: 'more skipped than the length field',
    knobs: { lengthFieldLength: 3, numSkip: 4 },
    wire: '\0\0\x0b\x0cHello world',
    frames: [HELLO],
  },
  {
    fact: 'a length that counts the head',
    knobs: { lengthFieldLength: 2, lengthAdjustment: -2 },
    wire: '\0\x0babcdefghi\0\x05123\0\x0dhello world',
    frames: three,
  },
  {
    fact: 'example 1',
    knobs: { lengthFieldLength: 2 },
    wire: '\0\x0bHello world',
    frames: [HELLO],
  },
  {
    fact: 'example 2: the head stays in the message',
    knobs: { lengthFieldLength: 2, lengthAdjustment: 2, numSkip: 0 },
    wire: '\0\x0bHello world',
    frames: ['\0\x0bHello world'],
  },
  {
    fact: 'example 3: the length counts the head',
    knobs: { lengthFieldLength: 2, lengthAdjustment: -2 },
    wire: '\0\x0dHello world',
    frames: [HELLO],
  },
  {
    fact: 'example 4: more head behind the length, all kept',
    knobs: { lengthFieldLength: 3, lengthAdjustment: 5, numSkip: 0 },
    wire: '\0\0\x0b\xca\xfeHello world',
    frames: ['\0\0\x0b\xca\xfeHello world'],
  },
  {
    fact: 'example 5: the length amid the head, its rest kept',
    knobs: { lengthFieldOffset: 1, lengthFieldLength: 2, lengthAdjustment: 1, numSkip: 3 },
    wire: '\xca\0\x0b\xfeHello world',
    frames: ['\xfeHello world'],
  },
  {
    fact: 'example 6: the same, the length counts everything',
    knobs: { lengthFieldOffset: 1, lengthFieldLength: 2, lengthAdjustment: -3, numSkip: 3 },
    wire: '\xca\0\x0f\xfeHello world',
    frames: ['\xfeHello world'],
  },
  {
    fact: 'example 7: unused bytes behind the length',
    knobs: { lengthFieldLength: 3, numSkip: 4 },
    wire: '\0\0\x0b\xffHello world',
    frames: [HELLO],
  },
];

/** The same for its encoder. The last is its documented rule: offset and skip concern the decoder alone. */
export const TOKIO_WRITES: readonly WriteCase[] = [
  { fact: 'one frame', payloads: ['abcdefghi'], wire: '\0\0\0\x09abcdefghi' },
  { fact: 'several frames', payloads: three, wire: '\0\0\0\x09abcdefghi\0\0\0\x03123\0\0\0\x0bhello world' },
  {
    fact: 'a length that counts two bytes more',
    knobs: { lengthAdjustment: -2 },
    payloads: ['abcdefghi'],
    wire: '\0\0\0\x0babcdefghi',
  },
  {
    fact: 'a length that counts two bytes less',
    knobs: { lengthAdjustment: 2 },
    payloads: ['abcdefghi'],
    wire: '\0\0\0\x07abcdefghi',
  },
  {
    fact: 'little endian',
    knobs: { endianness: 'little' },
    payloads: ['abcdefghi'],
    wire: '\x09\0\0\0abcdefghi',
  },
  {
    fact: 'a length of one byte',
    knobs: { lengthFieldLength: 1 },
    payloads: ['abcdefghi'],
    wire: '\x09abcdefghi',
  },
];
