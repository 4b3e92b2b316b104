import { expect, it } from '@jest/globals';
import { PeerNode } from '@pea2pea/core';
import type { Codec } from '@pea2pea/core';
import { bytes, json, lengthDelimited, lines, mapCodec } from '@pea2pea/codecs';

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
