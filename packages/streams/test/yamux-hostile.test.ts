import { Duplex } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { soon, turn, until } from '@pea2pea/testing';
import { Flag, FrameType, INITIAL_WINDOW, type FrameHeader } from '../src/yamux/frame.js';
import { readExactly, Yamux, YAMUX_DEFAULTS } from '../src/index.js';
import type { YamuxStream } from '../src/index.js';
import { all, hostile } from './yamux-lab.js';

const ANSWER = Buffer.alloc(32 * 1024);
const { data, windowUpdate, ping, goAway } = FrameType;
const { SYN, ACK, FIN, RST } = Flag;
const header = (version: number, type: number, flags: number, streamId: number, length: number): Buffer => {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt8(version, 0);
  bytes.writeUInt8(type, 1);
  bytes.writeUInt16BE(flags, 2);
  bytes.writeUInt32BE(streamId, 4);
  bytes.writeUInt32BE(length, 8);
  return bytes;
};

describe('what ends the session with P2P_ERR_INVALID_FRAME, and a Go Away that says protocol error', () => {
  it.each<[string, (peer: ReturnType<typeof hostile>['peer']) => void]>([
    ['an unknown version', (peer) => peer.raw(header(1, data, SYN, 1, 0))],
    ['an unknown type', (peer) => peer.raw(header(0, 4, 0, 0, 0))],
    ['an unknown flag', (peer) => peer.raw(header(0, windowUpdate, SYN | 16, 1, 0))],
    ['SYN and ACK together', (peer) => peer.raw(header(0, windowUpdate, SYN | ACK, 1, 0))],
    ['a ping without a flag', (peer) => peer.raw(header(0, ping, 0, 0, 1))],
    ['a ping with SYN and FIN', (peer) => peer.raw(header(0, ping, SYN | FIN, 0, 1))],
    ['a ping on a stream', (peer) => peer.raw(header(0, ping, SYN, 1, 1))],
    ['a go away with a flag', (peer) => peer.raw(header(0, goAway, RST, 0, 0))],
    ['a go away on a stream', (peer) => peer.raw(header(0, goAway, 0, 1, 0))],
    ['data for the session', (peer) => peer.raw(header(0, data, SYN, 0, 0))],
    ['a window update for the session', (peer) => peer.raw(header(0, windowUpdate, SYN, 0, 0))],
    [
      'frames without end for streams that nobody opened',
      (peer) => {
        for (let id = 1; id < 2_100; id += 2) peer.send({ type: windowUpdate, flags: RST, streamId: id });
      },
    ],
    ['a SYN with an id of ours', (peer) => peer.send({ flags: SYN, streamId: 2 })],
    [
      'a SYN for a stream that is open',
      (peer) => {
        peer.send({ flags: SYN });
        peer.send({ flags: SYN });
      },
    ],
    [
      'an ACK for a stream of the peer',
      (peer) => {
        peer.send({ flags: SYN });
        peer.send({ flags: ACK });
      },
    ],
    ['more than the window at once', (peer) => peer.raw(header(0, data, SYN, 1, INITIAL_WINDOW + 1))],
    [
      'more than the window, in pieces that nobody reads',
      (peer) => {
        peer.send({ flags: SYN }, Buffer.alloc(INITIAL_WINDOW));
        peer.send({}, Buffer.from('x'));
      },
    ],
    [
      'data behind a FIN',
      (peer) => {
        peer.send({ flags: SYN | FIN });
        peer.send({}, Buffer.from('x'));
      },
    ],
    [
      'a window beyond 32 bits',
      (peer) => peer.send({ type: windowUpdate, flags: SYN, length: 2 ** 32 - INITIAL_WINDOW }),
    ],
    [
      'more than any window, for a stream that is over',
      (peer) => {
        peer.send({ flags: SYN | RST });
        peer.raw(header(0, data, 0, 1, INITIAL_WINDOW + 1));
      },
    ],
  ])('%s', async (_what, act) => {
    const { session, peer, clock, accepted } = hostile();
    peer.read();
    act(peer);
    peer.far.end();
    await soon('the end', session.closed);
    expect(session.error).toMatchObject({ code: 'P2P_ERR_INVALID_FRAME' });
    await until('the peer is told', () => peer.goneAway !== undefined);
    expect(peer.goneAway).toBe(1);
    expect(accepted.every(({ destroyed }) => destroyed)).toBe(true);
    expect([session.size, clock.pending]).toEqual([0, 0]);
  });
});

describe('what does not', () => {
  it('the largest window, exactly', async () => {
    const { session, peer, accepted } = hostile();
    peer.send({ flags: SYN }, Buffer.alloc(INITIAL_WINDOW));
    peer.send({ type: windowUpdate, length: 2 ** 32 - 1 - INITIAL_WINDOW });
    peer.send({ flags: FIN });
    await until('it is offered', () => accepted.length === 1);
    expect(await all(accepted[0]!)).toHaveLength(INITIAL_WINDOW);
    expect(session.state).toBe('open');
  });

  it('a second ACK, a second FIN, and window updates behind a FIN', async () => {
    const { session, peer, accepted } = hostile();
    const ours = session.openStream();
    for (let count = 0; count < 2; count++) peer.send({ type: windowUpdate, flags: ACK, streamId: ours.id });
    for (let count = 0; count < 2; count++) peer.send({ flags: count === 0 ? SYN | FIN : FIN });
    peer.send({ type: windowUpdate, length: 1 });
    await until('it is offered', () => accepted.length === 1);
    expect(String(await all(accepted[0]!))).toBe('');
    expect([session.state, session.size]).toEqual(['open', 2]);
  });

  it('ids that do not rise, and frames for a stream that is over', async () => {
    const { session, peer, accepted } = hostile();
    peer.send({ flags: SYN, streamId: 7 });
    peer.send({ flags: SYN, streamId: 3 });
    peer.send({ type: windowUpdate, flags: RST, streamId: 7 });
    peer.send({ streamId: 7 }, Buffer.from('late'));
    peer.send({ type: windowUpdate, flags: FIN, streamId: 7 });
    peer.send({ streamId: 3 }, Buffer.from('in time'));
    peer.send({ flags: FIN, streamId: 3 });
    await until('both are offered', () => accepted.length === 2);
    expect(accepted.map(({ id, destroyed }) => [id, destroyed])).toEqual([
      [7, true],
      [3, false],
    ]);
    expect(String(await all(accepted[1]!))).toBe('in time');
    expect(session.state).toBe('open');
  });

  it.each([
    ['RST', { type: windowUpdate, flags: RST }],
    ['FIN', { type: windowUpdate, flags: FIN }],
    ['data with RST', { flags: RST }],
    ['data with FIN', { flags: FIN }],
    ['a window update', { type: windowUpdate, length: 1 }],
    ['an ACK', { type: windowUpdate, flags: ACK }],
  ])('%s for a stream that nobody opened, of either side', async (_what, frame) => {
    const { session, peer, accepted } = hostile();
    for (const streamId of [5, 2]) peer.send({ ...frame, streamId });
    peer.send({ flags: SYN | FIN, streamId: 1 }, Buffer.from('goes on'));
    await until('it is offered', () => accepted.length === 1);
    expect(String(await all(accepted[0]!))).toBe('goes on');
    expect([session.state, session.size]).toEqual(['open', 1]);
  });

  it('data for a stream that nobody opened, which are let go, and a stream of that id later', async () => {
    const { session, peer, accepted } = hostile();
    peer.send({ streamId: 5 }, Buffer.from('lost'));
    peer.send({ flags: SYN | FIN, streamId: 5 }, Buffer.from('kept'));
    await until('it is offered', () => accepted.length === 1);
    expect(String(await all(accepted[0]!))).toBe('kept');
    expect(session.state).toBe('open');
  });

  it('as many such frames again, a second later', async () => {
    const { session, peer, clock } = hostile();
    const strays = (): void => {
      for (let id = 1; id < 2_000; id += 2) peer.send({ type: windowUpdate, flags: RST, streamId: id });
    };
    peer.read();
    for (let second = 1; second <= 3; second++) {
      strays();
      peer.send({ type: ping, flags: SYN, streamId: 0, length: second });
      await until('all is handled', () => peer.frames.length === second);
      clock.advance(1_000);
    }
    expect(session.state).toBe('open');
  });

  it('a reset of the peer, which is not answered with another', async () => {
    const { session, peer, accepted } = hostile();
    peer.read();
    peer.send({ type: windowUpdate, flags: SYN });
    peer.send({ type: windowUpdate, flags: RST });
    peer.send({ type: ping, flags: SYN, streamId: 0, length: 1 });
    await until('all is answered', () => peer.frames.some(({ type }) => type === ping));
    expect(peer.frames.map(({ type, flags }) => [type, flags])).toEqual([
      [windowUpdate, ACK],
      [ping, ACK],
    ]);
    expect([accepted[0]!.destroyed, session.size]).toEqual([true, 0]);
  });

  it('a stream that begins with data, carries them and ends in one frame', async () => {
    const { peer, accepted } = hostile();
    peer.send({ flags: SYN | FIN }, Buffer.from('all in one'));
    await until('it is offered', () => accepted.length === 1);
    expect(String(await all(accepted[0]!))).toBe('all in one');
  });
});

describe('a peer that wants to do harm', () => {
  it('ends in the middle of a frame: P2P_ERR_TRUNCATED_FRAME; between frames: an orderly end', async () => {
    for (const [bytes, code] of [
      [header(0, data, SYN, 1, 5), 'P2P_ERR_TRUNCATED_FRAME'],
      [header(0, ping, SYN, 0, 5).subarray(0, 11), 'P2P_ERR_TRUNCATED_FRAME'],
      [header(0, ping, SYN, 0, 5), undefined],
    ] as const) {
      const { session, peer } = hostile();
      peer.read();
      peer.raw(bytes);
      peer.far.end();
      await soon('the end', session.closed);
      expect((session.error as { code?: string } | undefined)?.code).toBe(code);
    }
  });

  it.each([
    ['opens streams that are refused', 1, undefined],
    ['opens streams that are destroyed at once', 2, (stream: YamuxStream) => void stream.destroy()],
    [
      'opens streams that are destroyed soon',
      2,
      (stream: YamuxStream) => void setImmediate(() => stream.destroy()),
    ],
  ])('%s, without reading the answers: it has to wait', async (_what, answers, onStream) => {
    const { session, peer } = hostile({ onStream });
    let taken = 0;
    for (let chunk = 0; chunk < 100; chunk++) {
      const syns = Array.from({ length: 1_000 }, (_, index) =>
        header(0, windowUpdate, SYN, 2_000 * chunk + 2 * index + 1, 0),
      );
      peer.far.write(Buffer.concat(syns), () => taken++);
    }
    await until('it has to wait', () => taken > 0);
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(taken).toBeLessThan(50);
    peer.read();
    await until('all are handled', () => taken === 100 && session.size === 0);
    await until('the last is answered', () => peer.frames.at(-1)?.flags === RST);
    expect(peer.frames.length).toBeLessThanOrEqual(answers * 100_000);
    expect(session.state).toBe('open');
  });

  it('sends on a window that it has not seen grow, and reads nothing: it breaks the protocol', async () => {
    const { session, peer, accepted } = hostile({
      onStream: (stream) => void accepted.push(stream.resume()),
    });
    session.openStream().write(Buffer.alloc(INITIAL_WINDOW)); // nothing else gets through
    peer.send({ flags: SYN }, Buffer.alloc(INITIAL_WINDOW / 2));
    for (let count = 0; count < 20; count++) {
      await new Promise((resolve) => setImmediate(resolve)); // so that what came is read
      peer.send({}, Buffer.alloc(INITIAL_WINDOW / 2));
    }
    await until('the session ends', () => session.state !== 'open');
    expect(session.error).toMatchObject({ code: 'P2P_ERR_INVALID_FRAME' });
    session.destroy();
  });

  it('takes no bytes: we open no more streams than it could be told of', async () => {
    const { session, peer } = hostile();
    session.openStream().write(Buffer.alloc(INITIAL_WINDOW));
    const open = () => session.openStream().destroy();
    for (let count = 0; count < 500; count++) open();
    expect(() => {
      for (let count = 0; count < 600; count++) open();
    }).toThrow(expect.objectContaining({ code: 'P2P_ERR_TOO_MANY_STREAMS' }));
    peer.read();
    await until('it has been told', () => peer.frames.length > 2_000);
    open();
    session.destroy();
  });

  it('pings without reading the answers: it has to wait, and nothing piles up', async () => {
    const { session, peer } = hostile();
    const pings = Buffer.concat(Array.from({ length: 1_000 }, (_, index) => header(0, ping, SYN, 0, index)));
    let taken = 0;
    for (let count = 0; count < 100; count++) peer.far.write(pings, () => taken++);
    await until('it has to wait', () => taken > 0);
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(taken).toBeLessThan(50);
    // And when it reads, every single one is answered.
    peer.read();
    await until('all are answered', () => peer.frames.length === 100_000);
    expect(
      peer.frames.every(({ flags }, index) => flags === ACK && peer.frames[index]!.length === index % 1_000),
    ).toBe(true);
    expect(session.state).toBe('open');
  });

  it('opens streams without end: each beyond maxStreams is reset, and the session holds no more', async () => {
    const { session, peer, accepted } = hostile({ maxStreams: 10 });
    peer.read();
    for (let index = 0; index < 5_000; index++)
      peer.send({ type: windowUpdate, flags: SYN, streamId: 2 * index + 1 });
    await until('all are answered', () => peer.frames.length === 5_000);
    expect([session.size, session.refused, accepted.length]).toEqual([10, 4_990, 10]);
  });

  it('opens and resets streams in one breath: none is left, and beyond a thousand a second none is begun', async () => {
    const { session, peer } = hostile();
    for (let index = 0; index < 5_000; index++) {
      peer.send({ type: windowUpdate, flags: SYN | RST, streamId: 2 * index + 1 });
    }
    peer.send({ type: ping, streamId: 0, flags: SYN, length: 1 });
    peer.read();
    await until('all is handled', () => peer.frames.some(({ type }) => type === ping));
    // Those of one second, and no more: a stream that is begun costs more than its reset.
    expect([session.size, session.refused, session.state]).toEqual([0, 5_000 - 1_025, 'open']);
  });

  it('opens and resets streams that are answered, and reads nothing: what waits for it is bounded', async () => {
    const { session, peer, accepted, clock } = hostile({
      onStream: (stream) => void accepted.push(stream.end(ANSWER)),
    });
    for (let id = 1; id < 16_000; id += 2) {
      peer.send({ type: windowUpdate, flags: SYN, streamId: id });
      peer.send({ type: windowUpdate, flags: RST, streamId: id });
    }
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
    // A slot is taken for as long as a frame of its stream waits.
    expect(accepted.length).toBeGreaterThanOrEqual(YAMUX_DEFAULTS.maxStreams);
    expect(accepted.length).toBeLessThan(YAMUX_DEFAULTS.maxStreams + 10);
    expect(session.size).toBe(0);
    // And when it reads, there is room again.
    peer.read();
    peer.send({ type: ping, flags: SYN, streamId: 0, length: 1 });
    await until('all is handled', () => peer.frames.some(({ type }) => type === ping));
    clock.advance(5_000);
    peer.send({ type: windowUpdate, flags: SYN, streamId: 20_001 });
    await until('one more is offered', () => accepted.at(-1)!.id === 20_001);
    session.destroy();
  });

  it('opens and resets streams whose handlers go on: there are as many at once as there may be streams', async () => {
    let running = 0;
    let most = 0;
    const finish: (() => void)[] = [];
    const { session, peer, clock } = hostile({
      maxStreams: 16,
      onStream: async () => {
        most = Math.max(most, ++running);
        await new Promise<void>((resolve) => finish.push(resolve));
        running--;
      },
    });
    peer.read();
    const pairs = async (first: number): Promise<void> => {
      for (let id = first; id < first + 1_000; id += 2) {
        peer.send({ type: windowUpdate, flags: SYN, streamId: id });
        peer.send({ type: windowUpdate, flags: RST, streamId: id });
      }
      peer.send({ type: ping, flags: SYN, streamId: 0, length: first });
      await until('all is handled', () => peer.frames.at(-1)?.length === first);
    };
    await pairs(1);
    expect([most, running, session.size, session.refused]).toEqual([16, 16, 0, 500 - 16]);
    for (const end of finish.splice(0)) end();
    await until('the handlers have ended', () => running === 0);
    clock.advance(1_000);
    await pairs(1_001);
    expect([most, running]).toEqual([16, 16]);
    for (const end of finish) end();
    session.destroy();
  });

  it('opens streams that handlers destroy at once: not one more of them runs than there may be streams', async () => {
    let running = 0;
    let most = 0;
    let drops = true;
    const { session, peer, clock } = hostile({
      maxStreams: 4,
      onStream: async (stream) => {
        if (drops) return void stream.destroy();
        most = Math.max(most, ++running);
        return new Promise<void>(() => {});
      },
    });
    peer.read();
    const open = async (first: number): Promise<void> => {
      for (let index = 0; index < 50; index++) {
        peer.send({ type: windowUpdate, flags: SYN, streamId: first + 2 * index });
        peer.send({ type: ping, flags: SYN, streamId: 0, length: first + index });
        await until('it is handled', () => peer.frames.at(-1)?.length === first + index);
      }
    };
    await open(1);
    drops = false;
    clock.advance(1_000);
    await open(1_001);
    expect([most, running, session.refused]).toEqual([4, 4, 46]);
    session.destroy();
  });

  it.each<[string, (session: Yamux) => void]>([
    ['does not read replies: no more than the limit wait, whatever a chunk holds', () => {}],
    [
      'has a connection that reads no frames: none is handled beyond what is read ahead',
      (session) => void session.frames.read(0),
    ],
  ])('%s', async (_what, prepare) => {
    const chunk = Buffer.concat(Array<Buffer>(20_000).fill(header(0, ping, SYN, 0, 0)));
    let written = 0;
    const below = new Duplex({
      read() {},
      write: () => void written++, // and never called back
    });
    const session = new Yamux(below, { role: 'server', keepAliveIntervalMs: 0 });
    prepare(session);
    below.push(chunk);
    for (let turn = 0; turn < 500; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(below.writableLength / 12).toBeLessThanOrEqual(1_024 + 64);
    expect(session.frames.readableLength / 12).toBeLessThanOrEqual(2 * 64);
    session.destroy();
    expect([written, session.state]).toEqual([1, 'closing']);
  });

  it('is not let to send more for a reader that has only looked at what came', async () => {
    const { session, peer, accepted } = hostile();
    peer.read();
    peer.send({ flags: SYN }, Buffer.alloc(INITIAL_WINDOW));
    await until('it is offered', () => accepted.length === 1);
    const [stream] = accepted;
    const granted = () =>
      peer.frames.reduce((sum, { type, length }) => sum + (type === windowUpdate ? length : 0), 0);
    expect(stream!.read(1)).toHaveLength(1);
    await until('the frames are there', () => peer.frames.length === 1);
    // The ACK came, and no more: what has been read is less than half a window.
    expect(stream!.read(INITIAL_WINDOW / 2 - 2)).not.toBeNull();
    expect(granted()).toBe(0);
    expect(stream!.read(1)).toHaveLength(1);
    await until('it may send as much as was read', () => granted() > 0);
    expect(granted()).toBe(INITIAL_WINDOW / 2);
    session.destroy();
  });

  it('is not let to send more for the part of a frame that has not come yet', async () => {
    const { session, peer, accepted } = hostile();
    peer.read();
    peer.send({ type: windowUpdate, flags: SYN });
    await until('it is offered', () => accepted.length === 1);
    const [stream] = accepted;
    expect(stream!.read()).toBeNull(); // a reader waits, and is given what comes
    peer.raw(Buffer.concat([header(0, data, 0, 1, INITIAL_WINDOW), Buffer.alloc(1_000)]));
    await until('the part is there', () => stream!.readableLength === 1_000);
    await turn(5);
    expect(peer.frames.filter(({ type, length }) => type === windowUpdate && length > 0)).toEqual([]);
    peer.raw(Buffer.alloc(INITIAL_WINDOW - 1_000));
    expect(await soon('all of it', readExactly(stream!, INITIAL_WINDOW))).toHaveLength(INITIAL_WINDOW);
    await until('it may send as much again', () =>
      peer.frames.some(({ length }) => length === INITIAL_WINDOW),
    );
    session.destroy();
  });

  it('sends many small frames at once: they take many turns, and none is lost', async () => {
    const handled: number[] = [];
    const answers = (peer: { frames: FrameHeader[] }): number => peer.frames.length;
    const { session, peer } = hostile();
    peer.read();
    const watch = (): void => {
      handled.push(answers(peer));
      if (session.state !== 'closed') setImmediate(watch);
    };
    setImmediate(watch);
    peer.raw(Buffer.concat(Array.from({ length: 2_000 }, (_, index) => header(0, ping, SYN, 0, index))));
    peer.far.end();
    await until('the session is over', () => session.state === 'closed');
    await until('all were answered', () => answers(peer) >= 2_000);
    const steps = handled.map((count, index) => count - (handled[index - 1] ?? 0));
    expect(Math.max(...steps)).toBeLessThanOrEqual(192);
    expect(peer.frames.slice(0, 2_000).map(({ length }) => length)).toEqual([...Array(2_000).keys()]);
    expect(session.error).toBeUndefined();
  });

  it('breaks the protocol behind many frames of one chunk: they were handled, and what follows is not', async () => {
    const { session, peer } = hostile();
    peer.read();
    const pings = (from: number): Buffer[] =>
      Array.from({ length: 500 }, (_, index) => header(0, ping, SYN, 0, from + index));
    peer.raw(Buffer.concat([...pings(0), header(1, data, SYN, 1, 0), ...pings(500)]));
    await until('the session is over', () => session.state !== 'open');
    await until('the peer was told', () => peer.goneAway !== undefined);
    expect(session.error).toMatchObject({ code: 'P2P_ERR_INVALID_FRAME' });
    expect(peer.frames.filter(({ type }) => type === ping)).toHaveLength(500);
  });

  it('is not heard any more once the session has ended, whatever else came with it', async () => {
    let offered = 0;
    const { session, peer } = hostile({
      onStream() {
        offered++;
        session.destroy();
      },
    });
    const syn = (streamId: number): Buffer => header(0, windowUpdate, SYN, streamId, 0);
    peer.raw(Buffer.concat([syn(1), syn(3), Buffer.from('garbage, garbage, garbage')]));
    await soon('the end', session.closed);
    expect([offered, session.error]).toEqual([1, undefined]);
  });

  it('goes away: nothing new is opened, and what is open goes on', async () => {
    const { session, peer } = hostile();
    const stream = session.openStream();
    peer.send({ type: goAway, streamId: 0, length: 0 });
    peer.send({ streamId: stream.id, flags: ACK | FIN }, Buffer.from('bye'));
    expect(String(await all(stream))).toBe('bye');
    expect(() => session.openStream()).toThrow(/the peer went away, code 0/);
  });

  it.each([
    [1, 'a protocol error'],
    [2, 'an internal error'],
    [3, 'an internal error'],
  ])('goes away with code %i: the session is over, and so is what waits for the peer', async (code, why) => {
    const { session, peer, clock } = hostile();
    const stream = session.openStream();
    const ping = session.ping();
    peer.send({ type: goAway, streamId: 0, length: code });
    await expect(ping).rejects.toMatchObject({ code: 'P2P_ERR_DISCONNECTED' });
    expect(session.error).toMatchObject({
      code: 'P2P_ERR_DISCONNECTED',
      message: expect.stringContaining(why),
    });
    expect(stream.errored).toMatchObject({ cause: session.error });
    peer.read();
    peer.far.end();
    await soon('the end', session.closed);
    expect([clock.pending, peer.goneAway]).toEqual([0, undefined]);
  });

  it('sends whatever it likes: the session goes on or ends with a frame error, and streams with it', async () => {
    const plausible: fc.Arbitrary<Buffer> = fc
      .record({
        version: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 1),
        type: fc.integer({ min: 0, max: 4 }),
        flags: fc.constantFrom(0, SYN, ACK, FIN, RST, SYN | FIN, SYN | RST, SYN | ACK, 32),
        streamId: fc.integer({ min: 0, max: 8 }),
        body: fc.uint8Array({ maxLength: 40 }),
      })
      .map(({ version, type, flags, streamId, body }) =>
        Buffer.concat([
          header(version, type, flags, streamId, body.length),
          ...(type === data ? [body] : []),
        ]),
      );
    const stream = fc.array(
      fc.oneof({ weight: 20, arbitrary: plausible }, fc.uint8Array({ maxLength: 30 })),
      {
        maxLength: 30,
      },
    );
    await fc.assert(
      fc.asyncProperty(stream, fc.integer({ min: 1, max: 50 }), async (parts, size) => {
        const { session, peer, accepted, clock } = hostile();
        session.openStream();
        peer.read();
        const bytes = Buffer.concat(parts);
        // In pieces of any size: a header may come in two.
        for (let offset = 0; offset < bytes.length; offset += size)
          peer.raw(bytes.subarray(offset, offset + size));
        peer.far.end();
        await soon('the end', session.closed);
        expect([
          'P2P_ERR_INVALID_FRAME',
          'P2P_ERR_TRUNCATED_FRAME',
          'P2P_ERR_DISCONNECTED',
          undefined,
        ]).toContain((session.error as { code?: string } | undefined)?.code);
        for (const { destroyed, writableEnded } of accepted) expect(destroyed || !writableEnded).toBe(true);
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});

it('the headers that a peer hears are those that were meant', async () => {
  const { session, peer } = hostile({ receiveWindowBytes: 2 * INITIAL_WINDOW });
  peer.read();
  const stream = session.openStream();
  stream.end('hello');
  peer.send({ flags: SYN });
  await until('all has come', () => peer.frames.length === 4);
  const expected: FrameHeader[] = [
    { type: windowUpdate, flags: SYN, streamId: 2, length: INITIAL_WINDOW },
    { type: data, flags: 0, streamId: 2, length: 5 },
    { type: windowUpdate, flags: FIN, streamId: 2, length: 0 },
    { type: windowUpdate, flags: ACK, streamId: 1, length: INITIAL_WINDOW },
  ];
  expect(peer.frames.sort((left, right) => right.streamId - left.streamId)).toEqual(expected);
  expect(String(Buffer.concat(peer.bodies))).toBe('hello');
});
