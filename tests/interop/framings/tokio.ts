import { expect } from '@jest/globals';
import { lengthDelimited, lines, type LengthDelimitedOptions } from '@pea2pea/codecs';
import { suite, type Bench } from '../harness/suite.js';
import { tokioUtil } from '../messages/ends.js';
import { decoded, encoded, hex } from './drive.js';
import { Streams, type Knobs } from './streams.js';

/** A codec of tokio-util, by its knobs or by the longest line, and what it is given. */
type Given = { readonly knobs: LengthDelimitedOptions } | { readonly lines: number };
type Decoding = Given & { readonly chunks: readonly Buffer[] };
type Encoding = Given & { readonly frames: readonly Buffer[] };

/** Has it decode the chunks and the end of the stream of each run; what it refuses ends the run. */
async function theyDecode(
  { start }: Bench,
  runs: readonly Decoding[],
): Promise<{ frames: string[]; refused: string | null }[]> {
  const end = await start();
  const { results } = await end.run('decode', {
    runs: runs.map((run) => ({ ...run, chunks: run.chunks.map(hex) })),
  });
  return results as never;
}

/** Has it encode the frames of each run; a frame that it refuses leaves no byte. */
async function theyEncode(
  { start }: Bench,
  runs: readonly Encoding[],
): Promise<{ wire: string; refused: (string | null)[] }[]> {
  const end = await start();
  const { results } = await end.run('encode', {
    runs: runs.map((run) => ({ ...run, frames: run.frames.map(hex) })),
  });
  return results as never;
}

/** Its frames before the first that ends in its own head, which we refuse. */
function whole(knobs: Knobs, frames: readonly string[]): { frames: readonly string[]; endsInHead: boolean } {
  const head = knobs.lengthFieldOffset + knobs.lengthFieldLength;
  const at = frames.findIndex((frame) => knobs.numSkip + frame.length / 2 < head);
  return { frames: at === -1 ? frames : frames.slice(0, at), endsInHead: at !== -1 };
}

const RUNS = 400;
const LIMIT = 40;
const times = <T>(make: () => T): T[] => Array.from({ length: RUNS }, make);

/** tokio-util's codecs, which ours follow. Without sockets: bytes in pieces of any size, and frames. */
export const tokio = suite('tokio-util', [tokioUtil], (test) => {
  test(`${RUNS} configurations of lengthDelimited cut streams, in pieces of any size, into the same frames`, async (bench) => {
    const streams = new Streams(1);
    const runs = times(() => {
      const knobs = streams.knobs(LIMIT);
      const frames = Array.from({ length: 5 }, () => streams.frame(knobs, 12 + streams.below(LIMIT - 12)));
      return { knobs, chunks: streams.split(Buffer.concat(frames)) };
    });
    const results = await theyDecode(bench, runs);
    for (const [index, { knobs, chunks }] of runs.entries()) {
      const [ours, its] = [decoded(lengthDelimited(knobs), chunks), results[index]!];
      const { frames } = whole(knobs, its.frames);
      expect({ knobs, frames: ours.frames }).toEqual({ knobs, frames });
      expect(its.frames.length).toBeGreaterThan(0);
    }
  });

  test(`${RUNS} configurations of lengthDelimited refuse the same of streams that make no sense, but for a head without its frame, and a frame that ends in its head`, async (bench) => {
    const streams = new Streams(2);
    const runs = times(() => {
      const knobs = streams.knobs(LIMIT);
      const frames = Array.from({ length: 5 }, () => streams.frame(knobs, streams.below(LIMIT + 3)));
      const stream = Buffer.concat(frames);
      return { knobs, chunks: streams.split(stream.subarray(0, stream.length - streams.below(4))) };
    });
    const results = await theyDecode(bench, runs);
    let cutAfterHead = 0;
    for (const [index, { knobs, chunks }] of runs.entries()) {
      const [{ frames, isRefused, left }, its] = [decoded(lengthDelimited(knobs), chunks), results[index]!];
      const { frames: expected, endsInHead } = whole(knobs, its.frames);
      expect({ knobs, frames }).toEqual({ knobs, frames: expected });
      if (endsInHead) {
        expect({ knobs, isRefused }).toEqual({ knobs, isRefused: true });
        continue;
      }
      // It has taken the head, and sees an empty rest.
      const isCutAfterHead = left > 0 && left === knobs.numSkip && its.refused === null;
      if (isCutAfterHead) cutAfterHead++;
      else
        expect({ knobs, refuses: isRefused || left > 0 }).toEqual({ knobs, refuses: its.refused !== null });
    }
    expect(cutAfterHead).toBeLessThan(RUNS / 20);
  });

  test(`${RUNS} configurations of lengthDelimited write the same length and payload, but for the limit, which is there on the payload, and for heads with more in them`, async (bench) => {
    const streams = new Streams(3);
    const runs = times(() => ({
      knobs: streams.knobs(LIMIT),
      frames: Array.from({ length: 8 }, () => streams.bytes(streams.below(LIMIT + 15))),
    }));
    const results = await theyEncode(bench, runs);
    for (const [index, { knobs, frames }] of runs.entries()) {
      const its = results[index]!;
      const { lengthFieldOffset, lengthFieldLength, lengthAdjustment, numSkip } = knobs;
      const head = lengthFieldOffset + lengthFieldLength;
      let at = 0;
      for (const [number, frame] of frames.entries()) {
        const ours = encoded(lengthDelimited(knobs), frame);
        const { length } = frame;
        const declared = length - lengthAdjustment;
        const hasHead = numSkip + length >= head;
        expect(ours !== undefined).toBe(declared >= 0 && declared <= LIMIT && hasHead);
        expect(its.refused[number] === null).toBe(declared >= 0 && length <= LIMIT);
        if (its.refused[number] !== null) continue;
        const written = its.wire.slice(at, (at += 2 * (lengthFieldLength + length)));
        if (ours === undefined) continue;
        // It writes the length and the message, whatever is around the length and whether the message contains it.
        expect(ours.slice(2 * lengthFieldOffset, 2 * head)).toBe(written.slice(0, 2 * lengthFieldLength));
        const rest = Math.max(0, head - numSkip);
        expect(ours.slice(2 * Math.max(head, numSkip))).toBe(written.slice(2 * (lengthFieldLength + rest)));
      }
      expect(at).toBe(its.wire.length);
    }
  });

  test(`${RUNS} configurations of lengthDelimited are written so that it reads them`, async (bench) => {
    const streams = new Streams(6);
    const runs = times(() => {
      const knobs = streams.knobs(LIMIT);
      const sent = Array.from({ length: 5 }, () => streams.bytes(12 + streams.below(LIMIT - 24)));
      const wires = sent.flatMap((frame) => encoded(lengthDelimited(knobs), frame) ?? []);
      return { knobs, chunks: streams.split(Buffer.from(wires.join(''), 'hex')) };
    }).filter(({ chunks }) => chunks.length > 0);
    const results = await theyDecode(bench, runs);
    for (const [index, { knobs, chunks }] of runs.entries()) {
      const [ours, its] = [decoded(lengthDelimited(knobs), chunks), results[index]!];
      expect({ knobs, frames: its.frames, refused: its.refused }).toEqual({
        knobs,
        frames: ours.frames,
        refused: null,
      });
      expect(ours.frames.length).toBeGreaterThan(0);
    }
  });

  test('a negative adjustment clips its limit, and not ours', async (bench) => {
    const knobs = { lengthFieldLength: 1, lengthAdjustment: -2, maxFrameLength: 1000 };
    const declaring = (length: number) => [Buffer.from([length]), Buffer.alloc(length - 2)];
    const lengths = [252, 253, 254, 255];
    const results = await theyDecode(
      bench,
      lengths.map((length) => ({ knobs, chunks: declaring(length) })),
    );
    expect(results.map(({ refused }) => refused === null)).toEqual([true, true, false, false]);
    for (const length of lengths) {
      expect(decoded(lengthDelimited(knobs), declaring(length)).frames).toEqual([
        hex(Buffer.alloc(length - 2)),
      ]);
    }
  });

  test(`${RUNS} streams of lines, in pieces of any size, are cut into the same lines, and a last one without an end is one where \`unfinished\` takes it`, async (bench) => {
    const streams = new Streams(4);
    const runs = times(() => {
      const maxLength = 1 + streams.below(30);
      // A CR at the end counts there: it fits all the same.
      const all = Array.from(
        { length: 6 },
        () => `${streams.line(maxLength - 1)}${streams.pick(['\n', '\r\n'])}`,
      );
      const last = streams.pick(['', streams.line(maxLength - 1), '\r']);
      return { lines: maxLength, chunks: streams.split(Buffer.from(all.join('') + last)) };
    });
    const results = await theyDecode(bench, runs);
    for (const [index, { lines: maxLength, chunks }] of runs.entries()) {
      const ours = decoded(lines({ maxLength, unfinished: 'take' }), chunks);
      const { frames, refused } = results[index]!;
      expect(ours).toEqual({ frames, isRefused: refused !== null, left: 0 });
    }
  });

  test('lines that are too long or not UTF-8 are refused in the same place', async (bench) => {
    const cases = [
      '12345678\n123456789\n',
      '123456789',
      '1234567\r\n',
      'a\n\xff\nb\n',
      '\xe6\xbc\n',
      '\n\n123456789012\n',
    ];
    const runs = cases.map((text) => ({ lines: 8, chunks: [Buffer.from(text, 'latin1')] }));
    const results = await theyDecode(bench, runs);
    for (const [index, { chunks }] of runs.entries()) {
      const { frames, isRefused } = decoded(lines({ maxLength: 8, unfinished: 'take' }), chunks);
      const its = results[index]!;
      expect({ frames, isRefused }).toEqual({ frames: its.frames, isRefused: its.refused !== null });
    }
  });

  test('a CR at the end of a line counts for its limit, and not for ours', async (bench) => {
    const chunks = [Buffer.from('12345678\r\n')];
    const [its] = await theyDecode(bench, [{ lines: 8, chunks }]);
    expect(its!.refused).toMatch(/max line length exceeded/i);
    expect(decoded(lines({ maxLength: 8 }), chunks).frames).toEqual([hex('12345678')]);
  });

  test('a line that we send is written the same, and one that it would not read as one is not sent', async (bench) => {
    const streams = new Streams(5);
    const all = times(() => streams.line(30));
    const results = await theyEncode(
      bench,
      all.map((line) => ({ lines: 30, frames: [Buffer.from(line)] })),
    );
    for (const [index, line] of all.entries()) {
      expect(encoded(lines(), line)).toBe(line.endsWith('\r') ? undefined : results[index]!.wire);
    }
  });
});
