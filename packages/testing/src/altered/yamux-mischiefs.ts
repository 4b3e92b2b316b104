import type { Begin, Wire } from './wire.js';

const [DATA, WINDOW_UPDATE, PING, GO_AWAY] = [0, 1, 2, 3];
const [SYN, RST] = [1, 8];
/** Ids of streams that the side which dialled opens; far from those that it really has. */
const FIRST_ID = 100_001;
/** What there is room for on a new stream, in bytes. */
const WINDOW = 256 * 1024;

/** Says something after the first write, whatever goes on besides. */
const afterFirst =
  (say: (wire: Wire) => void): Begin =>
  (wire) => {
    let hasSaid = false;
    return {
      write(bytes) {
        wire.send(bytes);
        if (!hasSaid) say(wire);
        hasSaid = true;
      },
    };
  };

/** A frame of yamux: version, type, flags, stream, and a length or what stands for it. */
function frame(type: number, flags: number, id: number, length: number, content?: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head[1] = type;
  head.writeUInt16BE(flags, 2);
  head.writeUInt32BE(id, 4);
  head.writeUInt32BE(length, 8);
  return content === undefined ? head : Buffer.concat([head, content]);
}

const many = (count: number, make: (index: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, index) => make(index)));

/** What can be wrong with a peer that dialled and speaks yamux, by name. */
export const YAMUX_MISCHIEFS = {
  'opens-and-resets': {
    sentence: 'opens and resets two hundred streams',
    begin: afterFirst((wire) =>
      wire.send(
        many(200, (index) => {
          const id = FIRST_ID + 2 * index;
          return Buffer.concat([frame(WINDOW_UPDATE, SYN, id, 0), frame(WINDOW_UPDATE, RST, id, 0)]);
        }),
      ),
    ),
  },
  'opens-many': {
    sentence: 'opens five hundred streams, and says nothing on them',
    begin: afterFirst((wire) =>
      wire.send(many(500, (index) => frame(WINDOW_UPDATE, SYN, FIRST_ID + 2 * index, 0))),
    ),
  },
  overdraws: {
    sentence: 'sends on a stream more than the other side has room for',
    begin: afterFirst((wire) => {
      wire.send(frame(WINDOW_UPDATE, SYN, FIRST_ID, 0));
      wire.send(frame(DATA, 0, FIRST_ID, WINDOW + 1, Buffer.alloc(WINDOW + 1, 'x')));
    }),
  },
  'credits-much': {
    sentence: 'gives a stream more room than there are numbers for',
    begin: afterFirst((wire) => {
      wire.send(frame(WINDOW_UPDATE, SYN, FIRST_ID, 0xffff_ffff));
      wire.send(frame(WINDOW_UPDATE, 0, FIRST_ID, 0xffff_ffff));
    }),
  },
  'pings-on': {
    sentence: 'sends two thousand pings',
    begin: afterFirst((wire) => wire.send(many(2_000, (index) => frame(PING, SYN, 0, index)))),
  },
  'speaks-for-others': {
    sentence: 'sends on a hundred streams that nobody has opened',
    begin: afterFirst((wire) =>
      wire.send(many(100, (index) => frame(DATA, 0, FIRST_ID + 2 * index, 1, Buffer.from('x')))),
    ),
  },
  'takes-their-ids': {
    sentence: 'opens a stream with an id of the other side',
    begin: afterFirst((wire) => wire.send(frame(WINDOW_UPDATE, SYN, FIRST_ID + 1, 0))),
  },
  'goes-and-stays': {
    sentence: 'says that it goes away, and goes on',
    begin: afterFirst((wire) => wire.send(frame(GO_AWAY, 0, 0, 0))),
  },
} as const satisfies Readonly<Record<string, { readonly sentence: string; readonly begin: Begin }>>;

/** The name of one of {@link YAMUX_MISCHIEFS}. */
export type YamuxMischiefName = keyof typeof YAMUX_MISCHIEFS;
