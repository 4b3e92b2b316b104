// json(schema) with the libraries that people use. What they have in common is in validated.test.ts.
import { describe, expect, it } from '@jest/globals';
import type { Codec } from '@pea2pea/core';
import { json, lengthDelimited, lines } from '@pea2pea/codecs';
import type { StandardIssue, StandardSchemaV1 } from '@pea2pea/codecs';
import { type } from 'arktype';
import * as v from 'valibot';
import { z } from 'zod';
import { decode, encode, thrownBy } from './drive.js';

/** The same schemas in each library; their own types are inferred, and must fit. */
interface Library {
  /** Makes a date of a text, and fills in a default. */
  readonly reminder: StandardSchemaV1<{ at: string; room?: string | undefined }, { at: Date; room: string }>;
  /** Validates later. */
  readonly nick?: StandardSchemaV1<{ nick: string }>;
}

const zod = {
  reminder: z.object({
    at: z.iso.datetime().transform((text) => new Date(text)),
    room: z.string().default('lobby'),
  }),
  nick: z.object({ nick: z.string().refine(async (nick) => nick !== 'root') }),
} satisfies Library;

const valibot = {
  reminder: v.object({
    at: v.pipe(
      v.string(),
      v.isoTimestamp(),
      v.transform((text) => new Date(text)),
    ),
    room: v.optional(v.string(), 'lobby'),
  }),
  nick: v.objectAsync({
    nick: v.pipeAsync(
      v.string(),
      v.checkAsync(async (nick) => nick !== 'root'),
    ),
  }),
} satisfies Library;

/** Its schemas are functions, and never asynchronous. */
const arktype = {
  reminder: type({ at: 'string.date.iso.parse', room: "string = 'lobby'" }),
} satisfies Library;

const AT = '2031-05-01T10:00:00.000Z';

describe.each<[name: string, library: Library]>([
  ['zod', zod],
  ['valibot', valibot],
  ['arktype', arktype],
])('json with a schema of %s', (_name, { reminder }) => {
  it.each([
    ['of its own', json(reminder)],
    ['of lengths', json(reminder, lengthDelimited({ lengthFieldLength: 2 }))],
    ['of lines', json(reminder, lines())],
  ])('sends the input and receives the output, in a framing %s', (_framing, codec) => {
    expect(decode(codec, encode(codec, { at: AT }, { at: AT, room: 'attic' }))).toEqual([
      { at: new Date(AT), room: 'lobby' },
      { at: new Date(AT), room: 'attic' },
    ]);
  });

  it('refuses what does not validate, with the issues in the message and as the cause', () => {
    const error = thrownBy(() => decode(json(reminder, lines()), '{"at":"noon"}\n'));
    expect(error.code).toBe('P2P_ERR_INVALID_FRAME');
    expect(error.message).toMatch(/^a message does not validate: at: \S/);
    const [issue, ...more] = error.cause as readonly StandardIssue[];
    expect(error.message).toContain(issue!.message);
    expect(more).toEqual([]);
  });
});

it.each<[name: string, library: Required<Library>]>([
  ['zod', zod],
  ['valibot', valibot],
])('json with an asynchronous schema of %s is refused at the first message', (_name, { nick }) => {
  const error = thrownBy(() => decode(json(nick, lines()), '{"nick":"ann"}\n'));
  expect(error.code).toBe('P2P_ERR_INVALID_CONFIG');
  expect(error.message).toContain('must validate synchronously');
});

/** Compiles only where `codec` is of exactly this type; `npm run check:types` is what runs it. */
function exactly<Expected>() {
  return <Actual>(codec: Actual, ..._proof: Same<Actual, Expected>): Actual => codec;
}
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? [] : [never]) : [never];

export function whatCompiles() {
  exactly<Codec<{ at: Date; room: string }, { at: string; room?: string | undefined }>>()(json(zod.reminder));
  exactly<Codec<{ at: Date; room: string }, { at: string; room?: string | undefined }>>()(
    json(valibot.reminder),
  );
  exactly<Codec<{ at: Date; room: string }, { at: string; room?: string }>>()(json(arktype.reminder));
  // @ts-expect-error what is received is a date
  exactly<Codec<{ at: string; room: string }, { at: string }>>()(json(zod.reminder));
  // @ts-expect-error what is sent is a text
  exactly<Codec<{ at: Date; room: string }, { at: Date }>>()(json(valibot.reminder));
  // @ts-expect-error the default is filled in
  exactly<Codec<{ at: Date; room?: string }, { at: string; room?: string }>>()(json(arktype.reminder));
}
