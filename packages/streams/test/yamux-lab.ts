import { duplexPair, type Duplex } from 'node:stream';
import { ControlledClock } from '@pea2pea/core/testing';
import { silentLogger } from '@pea2pea/testing';
import { encodeFrame, FrameType, type FrameHeader } from '../src/yamux/frame.js';
import { FrameReader } from '../src/yamux/frame-reader.js';
import type { YamuxOptions } from '../src/yamux/options.js';
import { Yamux } from '../src/yamux/session.js';
import type { YamuxStream } from '../src/yamux/stream.js';

type Options = Partial<YamuxOptions>;

/** Two sessions over one pair of streams in memory; `accepted` are the streams that each was offered. */
export function sessions({ client = {}, server = {}, both = {} }: Record<string, Options> = {}) {
  const clock = new ControlledClock();
  const [left, right] = duplexPair();
  const accepted = { client: [] as YamuxStream[], server: [] as YamuxStream[] };
  const make = (below: Duplex, role: 'client' | 'server', options: Options): Yamux =>
    new Yamux(below, {
      role,
      clock,
      keepAliveIntervalMs: 0,
      logger: silentLogger,
      onStream: (stream) => void accepted[role].push(stream),
      ...both,
      ...options,
    });
  return {
    clock,
    left,
    right,
    accepted,
    client: make(left, 'client', client),
    server: make(right, 'server', server),
  };
}

/** A session, and its peer in the hands of the test: frames are written and read one by one. */
export function hostile(options: Options = {}) {
  const clock = new ControlledClock();
  const [near, far] = duplexPair();
  const accepted: YamuxStream[] = [];
  const session = new Yamux(near, {
    role: 'server',
    clock,
    keepAliveIntervalMs: 0,
    logger: silentLogger,
    onStream: (stream) => void accepted.push(stream),
    ...options,
  });
  const frames: FrameHeader[] = [];
  const bodies: Buffer[] = [];
  const reader = new FrameReader({
    onHeader: (header) => void frames.push(header),
    onBody: (_header, piece) => void bodies.push(Buffer.from(piece)),
    onEnd: () => {},
  });
  far.on('error', () => {});
  const peer = {
    far,
    /** Headers that the session has sent. */
    frames,
    bodies,
    read: () => void far.on('data', (chunk: Buffer) => reader.feed(chunk)),
    raw: (bytes: Uint8Array) => void far.write(bytes),
    send: (header: Partial<FrameHeader>, body?: Uint8Array) => {
      const whole = { type: FrameType.data, flags: 0, streamId: 1, length: body?.length ?? 0, ...header };
      far.write(encodeFrame(whole, body));
    },
    /** The code of the Go Away that the session has sent. */
    get goneAway() {
      return frames.find(({ type }) => type === FrameType.goAway)?.length;
    },
  };
  return { session, below: near, peer, clock, accepted };
}

/** All that comes until the end. Not `for await`: that destroys a stream behind its end, and so resets a half-open one. */
export function all(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve, reject) => {
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => resolve(Buffer.concat(chunks)));
    stream.on('error', reject);
  });
}
