import { expect, it } from '@jest/globals';
import { PeerNode } from '@pea2pea/core';
import type { Codec, StandardSchemaV1, TaggedCodec } from '@pea2pea/core';
import {
  bytes,
  compressed,
  delimiter,
  fixedLength,
  json,
  lengthDelimited,
  lines,
  mapCodec,
  tagged,
  transformed,
  unchecked,
  validated,
  varintDelimited,
} from '@pea2pea/codecs';
import type { MessageOf } from '@pea2pea/codecs';
import { cbor } from '@pea2pea/codecs/cbor';
import { msgpack } from '@pea2pea/codecs/msgpack';
import { protobuf } from '@pea2pea/codecs/protobuf';
import { z } from 'zod';
import { StringValueSchema, TimestampSchema } from '@bufbuild/protobuf/wkt';
import type { StringValue, Timestamp } from '@bufbuild/protobuf/wkt';

/** Compiles only where `codec` is of exactly this type; `npm run check:types` is what runs it. */
function exactly<Expected>() {
  return <Actual>(codec: Actual, ..._proof: Same<Actual, Expected>): Actual => codec;
}
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? [] : [never]) : [never];
interface Chat {
  text: string;
}

it('codecs say what they receive and what they send', () => {
  exactly<Codec<Buffer, Uint8Array>>()(bytes());
  exactly<Codec<string>>()(lines());
  const framed = exactly<Codec<Buffer, Uint8Array | string>>()(lengthDelimited());
  const plain: Codec<Buffer, Uint8Array> = framed;
  exactly<Codec<Chat>>()(json<Chat>(lengthDelimited()));
  exactly<Codec<unknown>>()(json(lines()));
  exactly<Codec<number, Date>>()(
    mapCodec(lines(), { decode: Number, encode: (date: Date) => date.toISOString() }),
  );
  // @ts-expect-error the other way round it is not
  exactly<Codec<Date, number>>()(
    mapCodec(lines(), { decode: Number, encode: (date: Date) => date.toISOString() }),
  );
  expect(plain).toBe(framed);
});

it('a codec fits a node that sends less than the codec could', () => {
  const inferred = new PeerNode({ codec: lengthDelimited() });
  const bytesOnly: PeerNode<Buffer, Uint8Array> = new PeerNode<Buffer, Uint8Array>({
    codec: lengthDelimited(),
  });
  expect(inferred.state).toBe('idle');
  expect(bytesOnly.state).toBe('idle');
});

it('a message format needs a framing that carries text', () => {
  const refused = [
    // @ts-expect-error bytes() has no frames and takes no text
    () => json(bytes()),
    // @ts-expect-error a codec of numbers carries no text
    () => json(mapCodec(lines(), { decode: Number, encode: (value: number) => String(value) })),
    // @ts-expect-error there are two ways to end a line
    () => lines({ newline: '\r' }),
  ];
  expect(refused).toHaveLength(3);
});

/** What Zod, Valibot and ArkType have for a date that travels as a text. */
declare const When: StandardSchemaV1<{ at: string }, { at: Date }>;
declare const Plain: StandardSchemaV1<Chat>;

it('a schema says what is received, and what is sent', () => {
  const proofs = [
    () => exactly<Codec<{ at: Date }, { at: string }>>()(json(When)),
    () => exactly<Codec<{ at: Date }, { at: string }>>()(msgpack(When, varintDelimited())),
    () => exactly<Codec<{ at: Date }, { at: string }>>()(validated(cbor(), When)),
    () => exactly<Codec<Chat>>()(json(Plain, lines())),
    () => exactly<Codec<Chat>>()(cbor<Chat>()),
    () => exactly<Codec<Timestamp>>()(protobuf(TimestampSchema)),
    // @ts-expect-error another type of message
    () => exactly<Codec<Timestamp>>()(protobuf(StringValueSchema)),
    () => exactly<Codec<StringValue>>()(protobuf(StringValueSchema, lengthDelimited())),
    // @ts-expect-error lines() carries no bytes
    () => msgpack(lines()),
    // @ts-expect-error lines() carries no bytes
    () => compressed(lines()),
  ];
  expect(proofs).toHaveLength(10);
});

it('every framing carries text and bytes', () => {
  const framings = [
    lengthDelimited(),
    varintDelimited(),
    delimiter('\0'),
    fixedLength(9),
    compressed(varintDelimited()),
    transformed(lengthDelimited(), { encoder: () => (payload) => payload, decoder: () => (frame) => frame }),
  ];
  const carried = framings.map((framing) => [json(framing), msgpack(framing), compressed(framing)]);
  expect(carried).toHaveLength(framings.length);
});

it('a member without a body, or with an open one, keeps its tag', () => {
  const codec = tagged({
    ping: z.object({}),
    pong: z.strictObject({}),
    any: z.looseObject({ known: z.number() }),
    hello: z.object({ name: z.string() }),
  });
  expect(codec.tags).toEqual(['ping', 'pong', 'any', 'hello']);
  exactly<{ type: 'ping' }>()({} as MessageOf<typeof codec, 'ping'>);
  exactly<{ type: 'pong' }>()({} as MessageOf<typeof codec, 'pong'>);
  exactly<{ type: 'any'; known: number }>()({} as MessageOf<typeof codec, 'any'>);
  exactly<{ type: 'hello'; name: string }>()({} as MessageOf<typeof codec, 'hello'>);
});

it('tagged messages are a union, told apart by their tag', () => {
  const codec = tagged({ ping: unchecked<{ nonce: number }>(), text: unchecked<Chat>() });
  type Message = { type: 'ping'; nonce: number } | { type: 'text'; text: string };
  exactly<TaggedCodec<Message, Message, 'type'>>()(codec);
  type Ping = { kind: 'ping'; nonce: number };
  exactly<TaggedCodec<Ping, Ping, 'kind'>>()(
    tagged({ ping: unchecked<{ nonce: number }>() }, { key: 'kind', over: msgpack() }),
  );
  exactly<{ type: 'text'; text: string }>()({} as MessageOf<typeof codec, 'text'>);
  const describe = (message: Message): string =>
    message.type === 'ping' ? `${message.nonce}` : message.text;
  new PeerNode({ codec }).use({ onMessage: (message) => void describe(message) });
  expect(() => {
    // @ts-expect-error a tag that is no member
    const wrong: typeof codec extends Codec<infer In> ? In : never = { type: 'pong' };
    return wrong;
  }).not.toThrow();
});
