import { expect, it } from '@jest/globals';
import { create, equals, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  ApiSchema,
  BytesValueSchema,
  StringValueSchema,
  StructSchema,
  TimestampSchema,
} from '@bufbuild/protobuf/wkt';
import { bytes, lengthDelimited } from '@pea2pea/codecs';
import { protobuf } from '@pea2pea/codecs/protobuf';
import { codeOf, decode, encode, Sending, thrownBy } from './drive.js';

const framed = (...payloads: Uint8Array[]): Buffer =>
  Buffer.concat(payloads.flatMap((payload) => [Buffer.of(payload.length), payload]));

it('messages are written as the library writes them, behind a varint', () => {
  const codec = protobuf(TimestampSchema);
  const messages = [create(TimestampSchema, { seconds: 300n, nanos: 5 }), create(TimestampSchema)];
  const wire = framed(...messages.map((message) => toBinary(TimestampSchema, message)));
  expect(encode(codec, ...messages)).toEqual(wire);
  expect(wire.toString('hex')).toBe('05' + '08ac021005' + '00');
  const received = decode(codec, wire);
  expect(received.map((message, index) => equals(TimestampSchema, message, messages[index]!))).toEqual([
    true,
    true,
  ]);
  expect(received[0]!.seconds).toBe(300n);
});

it('any framing of bytes carries them', () => {
  const message = create(ApiSchema, { name: 'chat', methods: [{ name: 'send', requestStreaming: true }] });
  const wire = encode(protobuf(ApiSchema, lengthDelimited()), message);
  expect(wire.subarray(4)).toEqual(Buffer.from(toBinary(ApiSchema, message)));
  expect(decode(protobuf(ApiSchema, lengthDelimited()), wire)[0]!.methods[0]!.name).toBe('send');
});

it('a field that the schema does not know is dropped', () => {
  const [message] = decode(protobuf(TimestampSchema), framed(Buffer.from('08013a0161', 'hex')));
  expect(message!.seconds).toBe(1n);
  expect(message!.$unknown).toBeUndefined();
});

it.each([
  ['a field cut short', '0a05'],
  ['a text that is not UTF-8', '0a0361ff62'],
  ['a tag cut short', '80'],
  ['a field with the number 0', '0001'],
  ['a wire type that there is not', '0f'],
  ['the end of a group that did not begin', '0c'],
])('what is no message is refused: %s', (_what, hex) => {
  expect(codeOf(() => decode(protobuf(StringValueSchema), framed(Buffer.from(hex, 'hex'))))).toBe(
    'P2P_ERR_INVALID_FRAME',
  );
});

it('nesting deeper than a hundred is refused', () => {
  // Struct -> fields entry -> Value -> Struct, again and again.
  let nested: Buffer = Buffer.alloc(0);
  for (let depth = 0; depth < 200; depth++) {
    const value = lengthed(0x2a, nested);
    nested = lengthed(0x0a, lengthed(0x12, value));
  }
  const error = thrownBy(() =>
    decode(protobuf(StructSchema, lengthDelimited()), encode(lengthDelimited(), nested)),
  );
  expect(error.code).toBe('P2P_ERR_INVALID_FRAME');
  expect(String(error.cause)).toContain('recursion');
});

it('no key reaches a prototype', () => {
  const entry = Buffer.concat([
    lengthed(0x0a, Buffer.from('__proto__')),
    lengthed(0x12, Buffer.from('2001', 'hex')),
  ]);
  const [message] = decode(protobuf(StructSchema), framed(lengthed(0x0a, entry)));
  expect(Object.getPrototypeOf(message!.fields)).toBe(Object.prototype);
  expect(({} as { kind?: unknown }).kind).toBeUndefined();
});

it('a message that is none, or of another type, is not sent', () => {
  const sending = new Sending(protobuf(StringValueSchema));
  for (const message of [
    undefined,
    null,
    'text',
    { value: 'text' },
    create(TimestampSchema),
    create(BytesValueSchema),
  ]) {
    expect(codeOf(() => sending.send(message as never))).toBe('P2P_ERR_INVALID_FRAME');
    expect(sending.halfWritten).toBe(0);
  }
});

it('bytes in a message are those of the frame', () => {
  const wire = encode(protobuf(BytesValueSchema), create(BytesValueSchema, { value: Buffer.from('abc') }));
  expect(String(Buffer.from(decode(protobuf(BytesValueSchema), wire)[0]!.value))).toBe('abc');
  expect(fromBinary(BytesValueSchema, wire.subarray(1)).value).toHaveLength(3);
});

it.each([undefined, null, {}, { kind: 'enum' }, 'Chat'])(
  'a schema of no message is refused: %p',
  (schema) => {
    const error = thrownBy(() => protobuf(schema as never, bytes()));
    expect(error.code).toBe('P2P_ERR_INVALID_CONFIG');
    expect(error.message).toContain('must describe a message');
  },
);

function lengthed(tag: number, content: Buffer): Buffer {
  const length: number[] = [];
  for (let rest = content.length; ; rest = rest >> 7) {
    if (rest < 0x80) {
      length.push(rest);
      break;
    }
    length.push((rest & 0x7f) | 0x80);
  }
  return Buffer.concat([Buffer.of(tag, ...length), content]);
}
