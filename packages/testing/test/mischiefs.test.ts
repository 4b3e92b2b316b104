import { describe, expect, it } from '@jest/globals';
import { memoryTransport, SocketAddress, type Link } from '@pea2pea/core';
import { CancellationSource } from '@pea2pea/core/authoring';
import type { YAMUX_ALTERATIONS } from '@pea2pea/testing';
import {
  ALTERATIONS,
  alterTransport,
  ControlledClock,
  FRAME_ALTERATIONS,
  framingOf,
  lengthPrefixed,
  seededRandom,
  turn,
  type Alteration,
  type Framing,
} from '@pea2pea/testing';

const U16 = lengthPrefixed(2);
const [ONE, TWO, THREE] = ['one', 'two', 'three'].map((word) => U16.frame(Buffer.from(word))) as [
  Buffer,
  Buffer,
  Buffer,
];

/** What a server that only records sees of a peer that has three frames to say, and waits. */
class Recording {
  readonly #chunks: Buffer[] = [];
  isEnded = false;
  isReset = false;
  connections = 0;
  readonly #links: Link[] = [];
  #isOver = false;

  onLink(link: Link): void {
    this.connections++;
    this.#links.push(link);
    link.stream.on('data', (chunk: Buffer) => this.#chunks.push(chunk));
    link.stream.on('end', () => (this.isEnded ||= !this.#isOver));
    link.stream.on('error', () => (this.isReset ||= !this.#isOver));
    link.stream.resume();
  }

  say(text: string): void {
    this.#links.at(-1)!.stream.write(text);
  }

  end(): void {
    this.#isOver = true;
    for (const { stream } of this.#links) stream.destroy();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  framesAs({ first }: Framing): string[] {
    const contents: string[] = [];
    let rest = this.bytes;
    for (let frame = first(rest); frame !== undefined && rest.length > 0; frame = first(rest)) {
      contents.push(String(frame.content));
      rest = rest.subarray(frame.length);
    }
    return rest.length === 0 ? contents : [...contents, `and ${rest.length} bytes`];
  }
}

async function record(
  name: Exclude<Alteration, `answers-${string}` | 'forgets-a-field' | 'mistakes-a-type' | 'goes-back'>,
  { waitMs = 1_000, seed = 1, reply = '', framing = U16 } = {},
): Promise<Recording> {
  const clock = new ControlledClock();
  const inner = memoryTransport();
  const recording = new Recording();
  const listener = await inner.listen(
    {
      address: new SocketAddress('127.0.0.1', 0),
      backlog: 64,
      reusePort: false,
      noDelay: true,
      keepAlive: false,
    },
    { onLink: (link) => recording.onLink(link), onPeerGone: () => {}, onAcceptError: () => {} },
  );
  const transport = alterTransport(name, inner, clock, seededRandom(seed), framing);
  const link = await transport.connect(listener.address, {
    cancellation: new CancellationSource(),
    noDelay: true,
    keepAlive: false,
  });
  link.stream.resume();
  for (const frame of [ONE, TWO, THREE]) if (link.stream.writable) link.stream.write(frame);
  if (reply !== '') recording.say(reply);
  for (let ms = 0; ms < waitMs; ms += 5) {
    clock.advance(5);
    if (ms % 50 === 0) await turn();
  }
  for (let count = 0; count < 20; count++) await turn();
  recording.end();
  link.stream.destroy();
  await listener.close();
  return recording;
}

describe('a peer with something wrong does what its sentence says', () => {
  it.each<[name: (typeof FRAME_ALTERATIONS)[number], contents: string[]]>([
    ['empties', ['', '', '']],
    ['halves', ['o', 't', 'th']],
    ['zeroes-first', ['\0\0\0', 'two', 'three']],
    ['forges', ['one', 'twn', 'thred']],
    ['repeats-frames', ['one', 'one', 'two', 'two', 'three', 'three']],
    ['swaps-frames', ['two', 'one']],
    ['skips-frames', ['one', 'three']],
    ['begins-again', ['one', 'one', 'two', 'one', 'three']],
    ['stops-in-head', ['and 1 bytes']],
    ['announces-most', ['and 3 bytes']],
    ['announces-more', ['one\0', 'and 11 bytes']],
  ])('%s', async (name, contents) => {
    expect((await record(name)).framesAs(U16)).toEqual(contents);
  });

  it('lies-first: only the content of the first frame is another one, and what it is follows from the seed', async () => {
    const [first, ...others] = (await record('lies-first', { seed: 5 })).framesAs(U16);
    expect([first!.length, others]).toEqual([3, ['two', 'three']]);
    expect(first).not.toBe('one');
    expect((await record('lies-first', { seed: 5 })).bytes).toEqual(
      (await record('lies-first', { seed: 5 })).bytes,
    );
  });

  it('announces-most: a length of two bytes is 65535, one of four all that there is', async () => {
    expect((await record('announces-most')).bytes).toEqual(Buffer.from([0xff, 0xff, 0x61]));
    const framing = lengthPrefixed(4, 'le');
    expect((await record('announces-most', { framing })).bytes).toEqual(
      Buffer.from([0xff, 0xff, 0xff, 0xff, 0x61]),
    );
  });

  it('fills-slowly: a byte every 50 ms', async () => {
    expect((await record('fills-slowly', { waitMs: 500 })).bytes.length).toBe(2 + 1 + 10);
  });

  it('floods-empty: twenty thousand frames', async () => {
    expect((await record('floods-empty')).bytes).toEqual(Buffer.alloc(40_000));
  });

  it('asks-unread: what it has to say first, without end', async () => {
    const { bytes } = await record('asks-unread', { waitMs: 200 });
    expect(bytes.length).toBeGreaterThan(900_000);
    expect(new Set(bytes)).toEqual(new Set(ONE));
  });

  it.each<[name: 'splinters' | 'repeats' | 'reorders' | 'oversizes', said: string]>([
    ['splinters', '\0\x03one\0\x03two\0\x05three'],
    ['repeats', '\0\x03one\0\x03one\0\x03two\0\x03two\0\x05three\0\x05three'],
    ['reorders', '\0\x03two\0\x03one'],
    ['oversizes', `${'\xff'.repeat(8)}\0\x03one\0\x03two\0\x05three`],
  ])('%s', async (name, said) => {
    expect((await record(name)).bytes.toString('latin1')).toBe(said);
  });

  it('echoes: what it receives, besides what it says', async () => {
    const { bytes } = await record('echoes', { reply: 'hi' });
    expect([bytes.length, bytes.includes('hi')]).toEqual([19, true]);
  });

  it.each<[name: 'corrupts' | 'loses' | 'inserts' | 'babbles', length: number]>([
    ['corrupts', 17],
    ['loses', 14],
    ['inserts', 20],
    ['babbles', 17],
  ])('%s: other bytes, as many as its sentence says', async (name, length) => {
    const { bytes } = await record(name);
    expect(bytes.length).toBe(length);
    expect(bytes).not.toEqual(Buffer.concat([ONE, TWO, THREE]));
  });

  it('drips: a byte every 20 ms', async () => {
    expect((await record('drips', { waitMs: 100 })).bytes.length).toBe(6);
    expect((await record('drips')).framesAs(U16)).toEqual(['one', 'two', 'three']);
  });

  it.each(['says-nothing', 'resets-at-once'] as const)('%s: no byte', async (name) => {
    const { bytes, isReset } = await record(name);
    expect([bytes.length, isReset]).toEqual([0, name === 'resets-at-once']);
  });

  it.each(['stops-inside', 'ends-inside', 'resets-inside'] as const)(
    '%s: a part of the first frame, then as its name says',
    async (name) => {
      const { bytes, isEnded, isReset } = await record(name);
      if (name !== 'resets-inside') {
        expect(bytes.length).toBeGreaterThan(0);
        expect(bytes.length).toBeLessThan(ONE.length + 1);
      }
      expect([isEnded, isReset]).toEqual([name === 'ends-inside', name === 'resets-inside']);
    },
  );

  it('resets-when-heard: with the first bytes that come', async () => {
    expect((await record('resets-when-heard')).isReset).toBe(false);
    expect((await record('resets-when-heard', { reply: 'hi' })).isReset).toBe(true);
  });

  it('half-closes: its end comes after its first words, and no reset', async () => {
    const { bytes, isEnded, isReset } = await record('half-closes', { reply: 'hi' });
    expect([bytes, isEnded, isReset]).toEqual([ONE, true, false]);
  });

  it('goes-on: neither a line end nor a zero', async () => {
    const { bytes } = await record('goes-on', { waitMs: 200 });
    expect([bytes.length, bytes.includes(10), bytes.includes(0)]).toEqual([1024 * 1024, false, false]);
  });

  it('floods: its first words two thousand times', async () => {
    const { bytes } = await record('floods');
    expect(bytes.length).toBe(2_000 * ONE.length + TWO.length + THREE.length);
  });

  it('interrupts: sixteen bytes come before its first words', async () => {
    const { bytes } = await record('interrupts');
    expect(bytes.subarray(16)).toEqual(Buffer.concat([ONE, TWO, THREE]));
  });

  it.each(['crowds', 'comes-and-goes'] as const)('%s: twenty connections more', async (name) => {
    expect((await record(name)).connections).toBe(21);
  });
});

describe('a framing', () => {
  const NAMES = ['raw', 'lines', 'u8', 'u16be', 'u16le', 'u32be', 'u32le', 'decimal:#', 'decimal:, '];
  it.each([...NAMES, 'content-length', 'websocket', 'tls', 'sub-protocols'])(
    '%s finds the content that it put into a frame, and waits for all of it',
    (name) => {
      const framing = framingOf(name);
      for (const length of [0, 1, 125, 126, 255]) {
        const content = Buffer.alloc(length, 'x');
        const frame = framing.frame(content);
        if (name === 'raw' && length === 0) continue;
        expect(framing.first(Buffer.concat([frame, name === 'raw' ? Buffer.alloc(0) : frame]))).toEqual({
          length: frame.length,
          content,
        });
        if (name !== 'raw') expect(framing.first(frame.subarray(0, -1))).toBeUndefined();
      }
    },
  );

  it('websocket has three forms of a length', () => {
    const framing = framingOf('websocket');
    for (const length of [65_535, 65_536, 200_000]) {
      const content = Buffer.alloc(length, 'x');
      expect(framing.first(framing.frame(content))?.content.equals(content)).toBe(true);
    }
  });

  it('that nobody knows is refused, with those that there are', () => {
    expect(() => framingOf('u64')).toThrow('there is no framing "u64", but raw, lines, u8,');
  });

  it('is looked at by peers that are wrong about frames', () => {
    for (const name of FRAME_ALTERATIONS) expect(ALTERATIONS[name]).toMatch(/^[a-z]/);
  });
});

describe('a peer that is wrong about yamux says first what it has to say, then', () => {
  /** Type, flags and stream of each frame, and its length or what stands for it. */
  function framesOf(bytes: Buffer): number[][] {
    const frames: number[][] = [];
    for (let at = 0; at < bytes.length;) {
      const [type, length] = [bytes[at + 1]!, bytes.readUInt32BE(at + 8)];
      frames.push([type, bytes.readUInt16BE(at + 2), bytes.readUInt32BE(at + 4), length]);
      at += 12 + (type === 0 ? length : 0);
    }
    return frames;
  }

  it.each<[name: (typeof YAMUX_ALTERATIONS)[number], count: number, first: number[][]]>([
    [
      'opens-and-resets',
      400,
      [
        [1, 1, 100_001, 0],
        [1, 8, 100_001, 0],
        [1, 1, 100_003, 0],
      ],
    ],
    [
      'opens-many',
      500,
      [
        [1, 1, 100_001, 0],
        [1, 1, 100_003, 0],
      ],
    ],
    [
      'overdraws',
      2,
      [
        [1, 1, 100_001, 0],
        [0, 0, 100_001, 262_145],
      ],
    ],
    [
      'credits-much',
      2,
      [
        [1, 1, 100_001, 0xffff_ffff],
        [1, 0, 100_001, 0xffff_ffff],
      ],
    ],
    [
      'pings-on',
      2_000,
      [
        [2, 1, 0, 0],
        [2, 1, 0, 1],
      ],
    ],
    [
      'speaks-for-others',
      100,
      [
        [0, 0, 100_001, 1],
        [0, 0, 100_003, 1],
      ],
    ],
    ['takes-their-ids', 1, [[1, 1, 100_002, 0]]],
    ['goes-and-stays', 1, [[3, 0, 0, 0]]],
  ])('%s', async (name, count, first) => {
    const { bytes } = await record(name);
    expect(bytes.subarray(0, ONE.length)).toEqual(ONE);
    const frames = framesOf(bytes.subarray(ONE.length, bytes.length - TWO.length - THREE.length));
    expect([frames.length, frames.slice(0, first.length)]).toEqual([count, first]);
  });
});
