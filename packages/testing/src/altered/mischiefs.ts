import { chunksOf, noise } from './bytes.js';
import type { Begin, Mischief, Wire } from './wire.js';

const DRIP_MS = 20;
const MANY = 2_000;

/** What is done to the bytes of each write. */
const eachWrite =
  (alter: (bytes: Buffer, wire: Wire) => Uint8Array): Begin =>
  (wire) => ({ write: (bytes) => wire.send(alter(bytes, wire)) });

/** What is done once, with the first write. */
const firstWrite =
  (act: (bytes: Buffer, wire: Wire) => void, end?: Mischief['end']): Begin =>
  (wire) => {
    let isFirst = true;
    return {
      write(bytes) {
        if (isFirst) act(bytes, wire);
        else wire.send(bytes);
        isFirst = false;
      },
      ...(end !== undefined && { end }),
    };
  };

/** A place inside `bytes`, where they are more than one. */
const inside = (bytes: Buffer, { random }: Wire): number =>
  Math.max(1, Math.floor(random.next() * (bytes.length - 1)) + 1);

/** What can be wrong with the bytes of a connection, by name. */
export const MISCHIEFS = {
  drips: {
    sentence: 'sends one byte at a time, and waits after each',
    begin: (wire) => {
      const queue: Buffer[] = [];
      const drip = (): void => {
        const next = queue.shift();
        if (next !== undefined) wire.send(next);
        if (queue.length > 0) wire.later(DRIP_MS, drip);
      };
      return {
        write(bytes) {
          const wasEmpty = queue.length === 0;
          queue.push(...chunksOf(bytes, 1));
          if (wasEmpty) drip();
        },
      };
    },
  },
  splinters: {
    sentence: 'sends each byte by itself, as fast as it can',
    begin: (wire) => ({
      write: (bytes) => {
        for (const chunk of chunksOf(bytes, 1)) wire.send(chunk);
      },
    }),
  },
  'says-nothing': { sentence: 'connects, and says nothing', begin: () => ({ write() {} }) },
  'stops-inside': {
    sentence: 'sends a part of what it has to say, and then nothing more',
    begin: (wire) => {
      let hasStopped = false;
      return {
        write(bytes) {
          if (!hasStopped) wire.send(bytes.subarray(0, inside(bytes, wire)));
          hasStopped = true;
        },
        end() {},
      };
    },
  },
  'ends-inside': {
    sentence: 'ends inside a frame',
    begin: firstWrite((bytes, wire) => {
      wire.send(bytes.subarray(0, inside(bytes, wire)));
      wire.end();
    }),
  },
  'resets-inside': {
    sentence: 'resets inside a frame',
    begin: firstWrite((bytes, wire) => {
      wire.send(bytes.subarray(0, inside(bytes, wire)));
      wire.later(1, () => wire.reset());
    }),
  },
  'resets-at-once': {
    sentence: 'resets as soon as it is connected',
    begin: (wire) => {
      wire.later(0, () => wire.reset());
      return { write() {} };
    },
  },
  'resets-when-heard': {
    sentence: 'resets with the first bytes that arrive, which may be a reply under way',
    begin: (wire) => ({ read: () => wire.later(0, () => wire.reset()) }),
  },
  'never-reads': {
    sentence: 'goes on sending, and reads nothing',
    begin: (wire) => {
      wire.stopReading();
      return {};
    },
  },
  'reads-little': {
    sentence: 'reads once in a second, and a chunk only',
    begin: (wire) => ({
      read() {
        wire.stopReading();
        wire.later(1_000, () => wire.readOn());
      },
    }),
  },
  'half-closes': {
    sentence: 'ends its half after its first words, and stays',
    begin: firstWrite(
      (bytes, wire) => {
        wire.send(bytes);
        wire.end();
      },
      () => {},
    ),
  },
  'never-ends': { sentence: 'does not end its half when it should', begin: () => ({ end() {} }) },
  repeats: { sentence: 'sends everything twice', begin: eachWrite((bytes) => Buffer.concat([bytes, bytes])) },
  reorders: {
    sentence: 'sends every second write before the one that came first',
    begin: (wire) => {
      let kept: Buffer | undefined;
      return {
        write(bytes) {
          if (kept === undefined) {
            kept = bytes;
            return;
          }
          wire.send(bytes);
          wire.send(kept);
          kept = undefined;
        },
      };
    },
  },
  corrupts: {
    sentence: 'changes one bit of each write',
    begin: eachWrite((bytes, { random }) => {
      const at = Math.floor(random.next() * bytes.length);
      if (bytes.length > 0) bytes[at] = bytes[at]! ^ (1 << Math.floor(random.next() * 8));
      return bytes;
    }),
  },
  loses: {
    sentence: 'leaves out a byte of each write',
    begin: eachWrite((bytes, { random }) => {
      const at = Math.floor(random.next() * bytes.length);
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
    }),
  },
  inserts: {
    sentence: 'adds a byte to each write',
    begin: eachWrite((bytes, wire) => {
      const at = Math.floor(wire.random.next() * bytes.length);
      return Buffer.concat([bytes.subarray(0, at), noise(wire.random, 1), bytes.subarray(at)]);
    }),
  },
  babbles: {
    sentence: 'sends noise in place of what it has to say',
    begin: eachWrite((bytes, { random }) => noise(random, bytes.length)),
  },
  interrupts: {
    sentence: 'sends a few bytes of noise before its first words',
    begin: firstWrite((bytes, wire) => wire.send(Buffer.concat([noise(wire.random, 16), bytes]))),
  },
  oversizes: {
    sentence: 'begins with eight bytes of ones, which many protocols take for a length',
    begin: firstWrite((bytes, wire) => wire.send(Buffer.concat([Buffer.alloc(8, 0xff), bytes]))),
  },
  'goes-on': {
    sentence: 'begins a frame that does not end, without a line end or a zero',
    begin: (wire) => {
      let hasBegun = false;
      const more = (): void => {
        wire.send(Buffer.alloc(64 * 1024, 0x61));
        if (wire.restBytes >= 64 * 1024) wire.later(1, more);
      };
      return {
        write() {
          if (!hasBegun) more();
          hasBegun = true;
        },
      };
    },
  },
  floods: {
    sentence: 'sends its first words two thousand times, each by itself',
    begin: firstWrite((bytes, wire) => {
      for (let count = 0; count < MANY; count++) wire.send(bytes);
    }),
  },
  echoes: {
    sentence: 'sends back what it receives',
    begin: (wire) => ({ read: (bytes) => wire.send(bytes) }),
  },
} as const satisfies Readonly<Record<string, { readonly sentence: string; readonly begin: Begin }>>;

/** The name of one of {@link MISCHIEFS}. */
export type MischiefName = keyof typeof MISCHIEFS;
