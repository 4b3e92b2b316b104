import { describe, expect, it } from '@jest/globals';
import type { Codec, Decoder, Encoder } from '@pea2pea/core';
import { defineCodec, json, lengthDelimited, lines, transformed } from '@pea2pea/codecs';
import { decode, encode, thrownBy } from './drive.js';

describe('defineCodec', () => {
  it('receives as one codec and sends as another, with the types of each', () => {
    const server = defineCodec({ decoder: lines(), encoder: json<{ n: number }>(lengthDelimited()) });
    server satisfies Codec<string, { n: number }>;
    // @ts-expect-error what it sends is no string
    server satisfies Codec<string>;
    const client = defineCodec({ decoder: json<{ n: number }>(lengthDelimited()), encoder: lines() });
    client satisfies Codec<{ n: number }, string>;
    expect(decode(server, encode(client, 'hello'))).toEqual(['hello']);
    expect(decode(client, encode(server, { n: 1 }))).toEqual([{ n: 1 }]);
    expect([server.statelessEncoder, client.statelessEncoder]).toEqual([true, true]);
  });

  it('makes what functions make, one for each connection', () => {
    const seen: string[] = [];
    const codec = defineCodec({
      decoder: ({ direction }): Decoder<string> => ({
        decode: (input) => `${direction} ${input.readText(input.length)}`,
      }),
      encoder: ({ direction }): Encoder<number> => {
        seen.push(direction);
        return { encode: (value, output) => void output.writeText(String(value)) };
      },
    });
    codec satisfies Codec<string, number>;
    expect(decode(codec, encode(codec, 5))).toEqual(['inbound 5']);
    expect(seen).toEqual(['inbound']);
    expect(codec.statelessEncoder).toBe(false);
    expect(
      defineCodec({ ...lines(), encoder: () => ({ encode() {} }), statelessEncoder: true }).statelessEncoder,
    ).toBe(true);
  });

  it('says that an encoder has state where the codec that it comes from does', () => {
    const same = () => (bytes: Buffer) => bytes;
    const stateful = transformed(lengthDelimited(), { encoder: same, decoder: same });
    expect(defineCodec({ decoder: lines(), encoder: stateful }).statelessEncoder).toBe(false);
  });

  it('calls the methods of a codec on that codec', () => {
    class Shouting implements Codec<string> {
      readonly #lines = lines();
      decoder() {
        return this.#lines.decoder({} as never);
      }
      encoder() {
        return this.#lines.encoder({} as never);
      }
    }
    const codec = defineCodec({ decoder: new Shouting(), encoder: new Shouting() });
    expect(decode(codec, encode(codec, 'hi'))).toEqual(['hi']);
  });

  it.each([
    ['`decoder`', { decoder: {}, encoder: lines() }],
    ['`decoder`', { encoder: lines() }],
    ['`encoder`', { decoder: lines(), encoder: null }],
    ['`statelessEncoder`', { decoder: lines(), encoder: lines(), statelessEncoder: 1 }],
    ['`encode`', { decoder: lines(), encoder: lines(), encode: 1 }],
  ])('refuses parts, naming %s', (named, parts) => {
    const error = thrownBy(() => defineCodec(parts as never));
    expect(error.code).toBe('P2P_ERR_INVALID_CONFIG');
    expect(error.message).toContain(named);
  });
});
