import { noise } from './bytes.js';
import type { Framing } from './framing.js';
import type { Begin, Mischief, Wire } from './wire.js';

const EMPTY_FRAMES = 20_000;
const SLOW_MS = 50;
const SLOW_LENGTH = 1_000_000;
const CHUNK = 64 * 1024;

/** A mischief for a framing. */
export type FrameMischief = (framing: Framing) => Begin;

/** Sends other frames in place of each that is written; bytes that are not a whole frame yet wait. */
const eachFrame =
  (
    make: (wire: Wire, framing: Framing) => (frame: Buffer, content: Buffer, count: number) => void,
  ): FrameMischief =>
  (framing) =>
  (wire) => {
    const send = make(wire, framing);
    let rest: Buffer = Buffer.alloc(0);
    let count = 0;
    return {
      write(bytes) {
        rest = Buffer.concat([rest, bytes]);
        for (let frame = framing.first(rest); frame !== undefined; frame = framing.first(rest)) {
          const whole = rest.subarray(0, frame.length);
          rest = rest.subarray(frame.length);
          send(whole, frame.content, count++);
          if (rest.length === 0) break;
        }
      },
    };
  };

/** Changes the content of each frame, and keeps its head. */
const eachContent = (alter: (content: Buffer, wire: Wire, count: number) => Buffer): FrameMischief =>
  eachFrame((wire, framing) => (frame, content, count) => {
    const changed = alter(content, wire, count);
    const at = frame.indexOf(content);
    // A content that is written otherwise, as with a mask, is changed where it is.
    const where = at === -1 || content.length === 0 ? framing.first(frame)!.length - content.length : at;
    wire.send(Buffer.concat([frame.subarray(0, where), changed, frame.subarray(where + content.length)]));
  });

/** Says something in place of the first write, and nothing more. */
const inPlace =
  (say: (wire: Wire, framing: Framing, bytes: Buffer) => void): FrameMischief =>
  (framing) =>
  (wire): Mischief => {
    let hasSaid = false;
    return {
      write(bytes) {
        if (!hasSaid) say(wire, framing, bytes);
        hasSaid = true;
      },
      end() {},
    };
  };

/** What can be wrong with the frames of a connection, by name. */
export const FRAME_MISCHIEFS = {
  'announces-most': {
    needs: 'heads',
    sentence: 'announces the longest frame that there can be, and a byte of it',
    make: inPlace((wire, framing) => {
      wire.send(Buffer.concat([framing.head(framing.mostAnnounced)!, Buffer.from([framing.filler])]));
    }),
  },
  'announces-more': {
    needs: 'heads',
    sentence: 'announces a byte more than it sends, so that each frame takes one of the next',
    make: eachFrame((wire, framing) => (frame, content) => {
      wire.send(
        Buffer.concat([framing.head(content.length + 1)!, frame.subarray(frame.length - content.length)]),
      );
    }),
  },
  'stops-in-head': {
    needs: 'nothing',
    sentence: 'sends the first byte of a frame, and nothing more',
    make: inPlace((wire, _framing, bytes) => wire.send(bytes.subarray(0, 1))),
  },
  'fills-slowly': {
    needs: 'frames',
    sentence: 'begins a frame of a megabyte, and sends a byte of it every 50 ms',
    make: inPlace((wire, framing) => {
      const length = Math.min(SLOW_LENGTH, framing.mostAnnounced);
      wire.send(framing.head(length) ?? Buffer.from([framing.filler]));
      const drip = (): void => {
        wire.send(Buffer.from([framing.filler]));
        wire.later(SLOW_MS, drip);
      };
      drip();
    }),
  },
  'floods-empty': {
    needs: 'frames',
    sentence: 'sends twenty thousand frames without content',
    make: inPlace((wire, framing) => {
      const empty = framing.frame(Buffer.alloc(0));
      if (empty.length > 0) wire.send(Buffer.concat(Array<Buffer>(EMPTY_FRAMES).fill(empty)));
    }),
  },
  'asks-unread': {
    needs: 'nothing',
    sentence: 'asks without end, and reads no reply',
    make: inPlace((wire, _framing, bytes) => {
      wire.stopReading();
      if (bytes.length === 0) return;
      const many = Buffer.concat(Array<Buffer>(Math.ceil(CHUNK / bytes.length)).fill(bytes));
      const more = (): void => {
        wire.send(many);
        if (many.length <= wire.restBytes) wire.later(1, more);
      };
      more();
    }),
  },
  empties: {
    needs: 'frames',
    sentence: 'sends each frame without its content',
    make: eachFrame((wire, framing) => () => wire.send(framing.frame(Buffer.alloc(0)))),
  },
  halves: {
    needs: 'frames',
    sentence: 'sends half of the content of each frame, as if it were all',
    make: eachFrame(
      (wire, framing) => (_frame, content) =>
        wire.send(framing.frame(content.subarray(0, content.length >> 1))),
    ),
  },
  'lies-first': {
    needs: 'nothing',
    sentence: 'sends noise as the content of its first frame',
    make: eachContent((content, { random }, count) =>
      count === 0 ? noise(random, content.length) : content,
    ),
  },
  'zeroes-first': {
    needs: 'nothing',
    sentence: 'sends zeros as the content of its first frame',
    make: eachContent((content, _wire, count) => (count === 0 ? Buffer.alloc(content.length) : content)),
  },
  forges: {
    needs: 'frames',
    sentence: 'changes the last byte of the content of each frame but the first',
    make: eachContent((content, _wire, count) => {
      if (count === 0 || content.length === 0) return content;
      const forged = Buffer.from(content);
      forged[forged.length - 1]! ^= 1;
      return forged;
    }),
  },
  'repeats-frames': {
    needs: 'frames',
    sentence: 'sends each frame twice',
    make: eachFrame((wire) => (frame) => {
      wire.send(frame);
      wire.send(frame);
    }),
  },
  'swaps-frames': {
    needs: 'frames',
    sentence: 'sends every second frame before the one that came first',
    make: eachFrame((wire) => {
      let kept: Buffer | undefined;
      return (frame) => {
        if (kept === undefined) {
          kept = Buffer.from(frame);
          return;
        }
        wire.send(frame);
        wire.send(kept);
        kept = undefined;
      };
    }),
  },
  'skips-frames': {
    needs: 'frames',
    sentence: 'leaves out every second frame',
    make: eachFrame((wire) => (frame, _content, count) => {
      if (count % 2 === 0) wire.send(frame);
    }),
  },
  'begins-again': {
    needs: 'frames',
    sentence: 'sends its first frame once more before each other',
    make: eachFrame((wire) => {
      let first: Buffer | undefined;
      return (frame) => {
        if (first === undefined) first = Buffer.from(frame);
        else wire.send(first);
        wire.send(frame);
      };
    }),
  },
} as const satisfies Readonly<
  Record<
    string,
    {
      /** What a framing has to have for it: frames that can be told apart, with a head that says how long they are. */
      readonly needs: 'nothing' | 'frames' | 'heads';
      readonly sentence: string;
      readonly make: FrameMischief;
    }
  >
>;

/** The name of one of {@link FRAME_MISCHIEFS}. */
export type FrameMischiefName = keyof typeof FRAME_MISCHIEFS;

/** Whether it is possible with this framing. */
export function isPossible(name: FrameMischiefName, framing: Framing): boolean {
  const { needs } = FRAME_MISCHIEFS[name];
  if (needs === 'heads') return framing.head(1) !== undefined;
  return needs === 'nothing' || framing.name !== 'raw';
}
