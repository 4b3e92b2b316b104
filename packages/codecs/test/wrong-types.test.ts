import { describe, expect, it } from '@jest/globals';
import { bytes, delimiter, json, lengthDelimited, lines, varintDelimited } from '@pea2pea/codecs';
import type { Codec } from '@pea2pea/core';
import { encode, thrownBy } from './drive.js';

const CODECS: [name: string, codec: Codec<never, never>, takes: string][] = [
  ['bytes()', bytes(), 'a Uint8Array'],
  ['lines()', lines(), 'a string'],
  ['lengthDelimited()', lengthDelimited(), 'a Uint8Array or a string'],
  ['varintDelimited()', varintDelimited(), 'a Uint8Array or a string'],
  ['delimiter()', delimiter('|'), 'a Uint8Array or a string'],
].map(([name, codec, takes]) => [name as string, codec as Codec<never, never>, takes as string]);

const GIVEN: [given: unknown, called: string][] = [
  [{ secret: 'of the message' }, 'an object'],
  [42, 'a number'],
  [undefined, 'undefined'],
  [null, 'null'],
];

describe.each(CODECS)('%s given what it does not send', (name, codec, takes) => {
  it.each(GIVEN)('%j: says what it sends, and nothing of the message', (given, called) => {
    expect(thrownBy(() => encode(codec, given as never)).message).toBe(
      `${name} sends ${takes}, not ${called}; send that, or use a codec for what you send; the connection lives on`,
    );
  });
});

it('json() given a function says so', () => {
  expect(thrownBy(() => encode(json<unknown>(), () => {})).message).toBe(
    'json() sends what JSON can express, not a function; send that, or use a codec for what you send; the connection lives on',
  );
});
