import { describe, expect, it } from '@jest/globals';
import {
  bytes,
  checksummed,
  compressed,
  contentLength,
  defineCodec,
  delimiter,
  fixedLength,
  json,
  jsonValues,
  lengthDelimited,
  lines,
  mapCodec,
  records,
  tagged,
  transformed,
  unchecked,
  validated,
  varintDelimited,
} from '@pea2pea/codecs';
import * as codecs from '@pea2pea/codecs';
import { cbor } from '@pea2pea/codecs/cbor';
import { msgpack } from '@pea2pea/codecs/msgpack';
import { protobuf } from '@pea2pea/codecs/protobuf';
import type { Codec } from '@pea2pea/core';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';

const plain = () => (payload: Buffer) => payload;
const NAMES: [name: string, codec: Codec<unknown, never>][] = [
  ['bytes', bytes()],
  ['lines', lines()],
  ['contentLength', contentLength()],
  ['delimiter', delimiter('\0')],
  ['fixedLength', fixedLength(4)],
  ['jsonValues', jsonValues()],
  ['lengthDelimited', lengthDelimited()],
  ['varintDelimited', varintDelimited()],
  ['checksummed(lengthDelimited)', checksummed(lengthDelimited(), { compute: () => 0 })],
  ['compressed(lengthDelimited)', compressed(lengthDelimited())],
  ['transformed(lengthDelimited)', transformed(lengthDelimited(), { decoder: plain, encoder: plain })],
  ['records(varintDelimited, json(lines))', records(varintDelimited(), json(lines()))],
  ['json(lengthDelimited)', json()],
  ['json(compressed(varintDelimited))', json(compressed(varintDelimited()))],
  ['cbor(lengthDelimited)', cbor()],
  ['msgpack(lengthDelimited)', msgpack()],
  ['protobuf(varintDelimited)', protobuf(StringValueSchema)],
  ['mapCodec(lines)', mapCodec(lines(), { decode: Number, encode: String })],
  ['tagged(json(lengthDelimited))', tagged({ hello: unchecked<{ name: string }>() })],
  ['validated(json(lines))', validated(json(lines()), unchecked<string>())],
  ['validated(json(lengthDelimited))', json(unchecked<string>())],
];

describe('the name of a codec', () => {
  it.each(NAMES)('is as it is written: %s', (name, codec) => {
    expect(codec.name).toBe(name);
  });

  it('is there for each codec that this package makes', () => {
    const makers = Object.entries(codecs as Record<string, unknown>).filter(
      ([name, value]) => typeof value === 'function' && !['unchecked', 'defineCodec'].includes(name),
    );
    const shown = NAMES.map(([name]) => name.replace(/\(.*/, ''));
    for (const [name] of makers) expect(shown).toContain(name);
  });

  it('has a question mark for a part without one, and is cut where it is long', () => {
    const nameless: Codec<Buffer, Uint8Array> = { ...lengthDelimited(), name: undefined } as never;
    expect(json(nameless as never).name).toBe('json(?)');
    let deep: Codec<Buffer, Uint8Array> = lengthDelimited();
    for (let depth = 0; depth < 50; depth++) deep = compressed(deep);
    expect(deep.name!.length).toBe(100);
    expect(deep.name!.endsWith('…')).toBe(true);
  });

  it('of defineCodec is what it is given, or what its codecs are called', () => {
    const decoder = () => lines().decoder({} as never);
    const encoder = () => lines().encoder({} as never);
    expect(defineCodec({ decoder, encoder, name: 'smtp' }).name).toBe('smtp');
    expect(defineCodec({ decoder, encoder })).not.toHaveProperty('name');
    expect(defineCodec({ decoder: lines(), encoder: lines({ newline: '\r\n' }) }).name).toBe('lines');
    expect(defineCodec({ decoder: lines(), encoder: json(contentLength()) }).name).toBe(
      'defineCodec(lines, json(contentLength))',
    );
    for (const name of ['', 'x'.repeat(101), 7 as never])
      expect(() => defineCodec({ decoder, encoder, name })).toThrow(
        expect.objectContaining({ code: 'P2P_ERR_INVALID_CONFIG' }),
      );
  });
});
