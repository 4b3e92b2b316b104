import { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import type { Logger } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { silentLogger, soon, until } from '@pea2pea/testing';
import { encodeFrame, FrameType } from '../src/yamux/frame.js';
import { Yamux, YAMUX_DEFAULTS, type YamuxOptions, type YamuxStream } from '../src/index.js';
import { all, hostile, sessions } from './yamux-lab.js';

const WINDOW = 256 * 1024;

/** Echoes what comes, and ends when the peer does. */
const echo = (stream: YamuxStream): void => void stream.pipe(stream);

describe('streams', () => {
  it('a stream carries bytes both ways, and ends when both sides have ended it', async () => {
    const { client, server } = sessions({ server: { onStream: echo } });
    const stream = client.openStream();
    stream.end('hello');
    expect(String(await soon('the echo', all(stream)))).toBe('hello');
    await until('both sides forget it', () => client.size === 0 && server.size === 0);
  });

  it('a half-closed stream goes on the other way', async () => {
    const { client, accepted } = sessions();
    const stream = client.openStream();
    stream.end('question');
    await until('it is offered', () => accepted.server.length === 1);
    const [other] = accepted.server;
    expect(String(await all(other!))).toBe('question');
    other!.write('answer, ');
    other!.end('at last');
    expect(String(await all(stream))).toBe('answer, at last');
  });

  it('the client opens odd ids, the server even ones, and each knows who opened a stream', async () => {
    const { client, server, accepted } = sessions();
    const ids = [client, client, server, server].map((session) => session.openStream().id);
    expect(ids).toEqual([1, 3, 2, 4]);
    await until('all are offered', () => accepted.server.length === 2 && accepted.client.length === 2);
    expect(accepted.server.map(({ id, direction }) => [id, direction])).toEqual([
      [1, 'inbound'],
      [3, 'inbound'],
    ]);
    expect(client.openStream().direction).toBe('outbound');
  });

  it('a hundred streams at once each get their own bytes back', async () => {
    const { client, server } = sessions({ server: { onStream: echo } });
    const answers = Array.from({ length: 100 }, async (_, index) => {
      const stream = client.openStream();
      stream.end(Buffer.alloc(1_000 + index, index));
      const bytes = await all(stream);
      return bytes.length === 1_000 + index && bytes.every((byte) => byte === index);
    });
    expect(await soon('all', Promise.all(answers))).not.toContain(false);
    await until('both sides forget them', () => client.size === 0 && server.size === 0);
  });

  it('whatever is written on however many streams arrives as it was', async () => {
    const streams = fc.array(fc.array(fc.uint8Array({ maxLength: 3_000 }), { maxLength: 20 }), {
      minLength: 1,
      maxLength: 10,
    });
    await fc.assert(
      fc.asyncProperty(streams, fc.boolean(), async (plans, fromServer) => {
        const { client, server, accepted } = sessions();
        const [from, to] = fromServer ? [server, accepted.client] : [client, accepted.server];
        const opened = plans.map((chunks) => {
          const stream = from.openStream();
          for (const chunk of chunks) stream.write(chunk);
          stream.end();
          return stream;
        });
        await until('all are offered', () => to.length === plans.length);
        const arrived = await soon('the bytes', Promise.all(to.map(all)));
        for (const [index, { id }] of opened.entries()) {
          const bytes = arrived[to.findIndex((stream) => stream.id === id)]!;
          expect(bytes.equals(Buffer.concat(plans[index]!))).toBe(true);
        }
        await client.close();
        await server.closed;
      }),
      { numRuns: 50 },
    );
  });

  it('a destroyed stream is reset: the peer sees P2P_ERR_DISCONNECTED, and nobody has to listen', async () => {
    const { client, server, accepted } = sessions();
    const stream = client.openStream();
    await until('it is offered', () => accepted.server.length === 1);
    stream.destroy();
    await until('the other side ends', () => accepted.server[0]!.destroyed);
    expect(accepted.server[0]!.errored).toMatchObject({ code: 'P2P_ERR_DISCONNECTED' });
    expect([client.size, server.size, client.state, server.state]).toEqual([0, 0, 'open', 'open']);
  });

  it('data on their way to a stream that was reset are let go', async () => {
    const { client, server, accepted } = sessions();
    const stream = client.openStream();
    await until('it is offered', () => accepted.server.length === 1);
    accepted.server[0]!.write(Buffer.alloc(1_000));
    stream.destroy();
    await until('the other side ends', () => accepted.server[0]!.destroyed);
    await expect(client.ping()).resolves.toBe(0);
    expect([client.state, server.state]).toEqual(['open', 'open']);
  });

  it('an onStream that throws or rejects resets the stream and is logged, one line a second', async () => {
    for (const onStream of [
      () => {
        throw new Error('oops');
      },
      () => Promise.reject(new Error('oops')),
    ]) {
      const lines: unknown[] = [];
      const logger = { warn: (fields: object) => void lines.push(fields) } as unknown as Logger;
      const { client, server, clock } = sessions({ server: { onStream, logger } });
      const streams = [client.openStream(), client.openStream()];
      await until('they are reset', () => streams.every(({ destroyed }) => destroyed));
      expect(lines).toMatchObject([{ stream: 1, err: { message: 'oops' }, suppressed: 0 }]);
      clock.advance(1_000);
      client.openStream();
      await until('it is logged', () => lines.length === 2);
      expect(lines[1]).toMatchObject({ stream: 5, suppressed: 1 });
      expect(server.state).toBe('open');
    }
  });
});

describe('flow control', () => {
  it('a writer waits for a reader that does not read, a window ahead of it', async () => {
    const { client, accepted } = sessions();
    const stream = client.openStream();
    let written = 0;
    for (let count = 0; count < 10; count++) stream.write(Buffer.alloc(64 * 1024), () => written++);
    await until(
      'the window is full',
      () => accepted.server[0]?.readableLength !== undefined && written === 4,
    );
    await client.ping();
    await client.ping();
    expect(written).toBe(4);
    // Reading makes room: what waited goes on.
    accepted.server[0]!.resume();
    await until('all is written', () => written === 10);
  });

  it('a reader that reads nothing does not hold up the other streams', async () => {
    const { client, accepted } = sessions();
    client.openStream().write(Buffer.alloc(2 * WINDOW));
    const other = client.openStream();
    other.end('I get through');
    await until('both are offered', () => accepted.server.length === 2);
    expect(String(await soon('the other', all(accepted.server[1]!)))).toBe('I get through');
  });

  it.each([7, 1_000, 100_000, WINDOW])('a reader may take %i bytes at a time', async (size) => {
    const { client, accepted } = sessions();
    const total = 3 * WINDOW + 77;
    client.openStream().end(Buffer.alloc(total, 'x'));
    await until('it is offered', () => accepted.server.length === 1);
    const reader = accepted.server[0]!;
    let length = 0;
    let ended = false;
    reader.on('end', () => (ended = true));
    reader.on('readable', () => {
      // Exactly so much and no more, so that the window opens by what was read, not by who asked for more.
      for (;;) {
        const chunk = reader.read(Math.min(size, total - length) || undefined) as Buffer | null;
        if (chunk === null) return;
        length += chunk.length;
      }
    });
    await until('it ends', () => ended);
    expect(length).toBe(total);
  });

  it('two sides that both send much, and open and reset streams meanwhile, do not wait for each other', async () => {
    let received = 0;
    const count = (stream: YamuxStream): void => {
      stream.on('data', (chunk: Buffer) => (received += chunk.length)).end();
    };
    const { client, server } = sessions({ both: { onStream: count } });
    const bytes = Buffer.alloc(512 * 1024);
    for (const session of [client, server]) {
      for (let index = 0; index < 200; index++) session.openStream().resume().end(bytes);
      for (let index = 0; index < 600; index++) session.openStream().destroy();
    }
    await until('all has come', () => received === 2 * 200 * bytes.length);
    await until('every stream is over', () => client.size === 0 && server.size === 0);
  });

  it("a listener that throws ends its own stream, and is nobody else's fault", async () => {
    const warn = jest.fn();
    const logger = { debug() {}, info() {}, warn, error() {} } as unknown as Logger;
    const { client, server } = sessions({
      server: {
        logger,
        onStream(stream) {
          stream.on('data', (chunk: Buffer) => {
            if (String(chunk) === 'bad') throw new Error('mine');
            stream.end(chunk);
          });
        },
      },
    });
    const bad = client.openStream();
    await new Promise((resolve) => setImmediate(resolve)); // it flows, so that data are delivered as they come
    bad.write('bad');
    await until('it is reset', () => bad.destroyed);
    const good = client.openStream();
    good.end('good');
    expect(String(await soon('the echo', all(good)))).toBe('good');
    expect([client.state, server.state, server.error]).toEqual(['open', 'open', undefined]);
    expect(warn).toHaveBeenCalledTimes(1);
  });

  it('a larger window is announced with SYN and ACK, and used', async () => {
    const { client, accepted } = sessions({ server: { receiveWindowBytes: 4 * WINDOW } });
    const stream = client.openStream();
    let done = false;
    stream.write(Buffer.alloc(4 * WINDOW), () => (done = true));
    await until('all of it is taken', () => done);
    expect(accepted.server[0]!.readableFlowing).toBe(null);
  });

  it('bytes sent one by one are held at about their price', async () => {
    const { client, accepted } = sessions();
    const stream = client.openStream();
    for (let count = 0; count < 5_000; count++) stream.write('x');
    stream.end();
    await until('it is offered', () => accepted.server.length === 1);
    await client.ping();
    const sizes: number[] = [];
    for await (const chunk of accepted.server[0]!) sizes.push((chunk as Buffer).length);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(5_000);
    expect(sizes.length).toBeLessThan(50);
  });
});

describe('pings and keep-alive', () => {
  it('ping() answers the round trip by the clock; who asks meanwhile gets the same answer', async () => {
    const { session, peer, clock } = hostile();
    const pings = [session.ping(), session.ping()];
    peer.read();
    await until('the ping comes', () => peer.frames.length > 0);
    clock.advance(25);
    peer.send({ ...peer.frames[0]!, flags: 2 });
    expect(await Promise.all(pings)).toEqual([25, 25]);
    expect(peer.frames).toHaveLength(1);
  });

  it('a ping without an answer is P2P_ERR_PING_TIMEOUT, one that is aborted P2P_ERR_ABORTED; the session lives', async () => {
    const { session, peer, clock } = hostile();
    const aborted = session.ping({ signal: AbortSignal.abort('enough') });
    await expect(aborted).rejects.toMatchObject({ code: 'P2P_ERR_ABORTED', cause: 'enough' });
    const late = session.ping();
    clock.advance(YAMUX_DEFAULTS.pingTimeoutMs);
    await expect(late).rejects.toMatchObject({ code: 'P2P_ERR_PING_TIMEOUT' });
    // The answer that comes late is let go.
    peer.send({ type: FrameType.ping, streamId: 0, flags: 2, length: 0 });
    peer.read();
    const next = session.ping();
    await until('it comes', () => peer.frames.at(-1)?.length === 1);
    peer.send({ type: FrameType.ping, streamId: 0, flags: 2, length: 1 });
    await expect(next).resolves.toBe(0);
    expect(session.state).toBe('open');
  });

  it('an answer that has come when the time is over is heard: nobody is given up', async () => {
    const { session, peer, clock } = hostile({ keepAliveIntervalMs: 1_000, pingTimeoutMs: 300 });
    peer.read();
    clock.advance(1_000);
    await until('it is pinged', () => peer.frames.length === 1);
    const ping = session.ping();
    peer.send({ type: FrameType.ping, streamId: 0, flags: 2, length: 0 });
    clock.advance(800); // nobody has read it yet
    await expect(ping).resolves.toBeDefined();
    expect(session.state).toBe('open');
  });

  it('a silent peer is pinged, and given up when it does not answer', async () => {
    const { session, peer, clock } = hostile({ keepAliveIntervalMs: 1_000, pingTimeoutMs: 300 });
    const stream = session.openStream();
    peer.read();
    clock.advance(1_000);
    await until('it is pinged', () => peer.frames.some(({ type }) => type === FrameType.ping));
    clock.advance(299);
    expect(session.state).toBe('open');
    clock.advance(1);
    await soon('the end', session.closed);
    expect(session.error).toMatchObject({ code: 'P2P_ERR_PING_TIMEOUT' });
    expect(stream.errored).toMatchObject({ code: 'P2P_ERR_DISCONNECTED', cause: session.error });
    expect(clock.pending).toBe(0);
  });

  it('a peer that says something, though it answers no ping, is not given up', async () => {
    const { session, peer, clock } = hostile({ keepAliveIntervalMs: 1_000, pingTimeoutMs: 300 });
    peer.read();
    clock.advance(1_000);
    await until('it is pinged', () => peer.frames.length === 1);
    peer.send({ type: FrameType.ping, streamId: 0, flags: 1, length: 7 });
    await until('it is heard', () => peer.frames.length === 2);
    clock.advance(300);
    await new Promise((resolve) => setImmediate(resolve));
    expect(session.state).toBe('open');
    session.destroy();
  });

  it('while we read nothing ourselves, nobody is pinged or given up', async () => {
    const { session, peer, clock } = hostile({ keepAliveIntervalMs: 1_000, pingTimeoutMs: 300 });
    session.frames.on('error', () => {}); // which nobody reads
    peer.read();
    clock.advance(1_000);
    clock.advance(300);
    await new Promise((resolve) => setImmediate(resolve));
    expect([session.state, peer.frames]).toEqual(['open', []]);
    session.destroy();
  });

  it('a peer that takes what had to wait, though it answers no ping, is not given up', async () => {
    const { session, peer, clock } = hostile({ keepAliveIntervalMs: 1_000, pingTimeoutMs: 300 });
    const stream = session.openStream();
    stream.write(Buffer.alloc(200_000));
    for (let round = 0; round < 3; round++) {
      clock.advance(1_000); // it is pinged, or has been
      peer.far.read(40_000); // the ping lies after more than it reads
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(300);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(session.state).toBe('open');
    clock.advance(1_000); // something was taken in this second
    clock.advance(1_000);
    clock.advance(300);
    await soon('one that takes nothing is', session.closed);
    expect(session.error).toMatchObject({ code: 'P2P_ERR_PING_TIMEOUT' });
  });

  it('a peer that says something is not pinged', async () => {
    const { session, peer, clock } = hostile({ keepAliveIntervalMs: 1_000 });
    peer.read();
    peer.send({ type: FrameType.ping, streamId: 0, flags: 1, length: 7 });
    await until('it is answered', () => peer.frames.length === 1);
    clock.advance(1_000);
    clock.advance(999);
    await new Promise((resolve) => setImmediate(resolve));
    expect(peer.frames).toEqual([{ type: FrameType.ping, streamId: 0, flags: 2, length: 7 }]);
    clock.advance(1);
    await until('then it is', () => peer.frames.length === 2);
    session.destroy();
  });
});

describe('the end', () => {
  it('close() says normal, ends the streams, and leaves nothing behind', async () => {
    const { client, server, clock, accepted } = sessions({ both: { keepAliveIntervalMs: 1_000 } });
    const stream = client.openStream();
    await until('it is offered', () => accepted.server.length === 1);
    await Promise.all([client.close(), server.closed]);
    for (const end of [stream, accepted.server[0]!]) {
      expect(end.errored).toMatchObject({ code: 'P2P_ERR_DISCONNECTED' });
    }
    expect([client.error, server.error]).toEqual([undefined, undefined]);
    expect([client.state, server.state, client.size, server.size]).toEqual(['closed', 'closed', 0, 0]);
    expect(clock.pending).toBe(0);
    expect(() => client.openStream()).toThrow(expect.objectContaining({ code: 'P2P_ERR_DISCONNECTED' }));
    await expect(client.ping()).rejects.toMatchObject({ code: 'P2P_ERR_DISCONNECTED' });
    await client.close();
  });

  it('what the peer had sent and ended can be read behind the end of the session', async () => {
    const { client, server, accepted } = sessions();
    client.openStream().end('a last word');
    await until('it is offered', () => accepted.server.length === 1);
    await client.ping();
    await Promise.all([client.close(), server.closed]);
    expect(String(await all(accepted.server[0]!))).toBe('a last word');
    await until('it is destroyed', () => accepted.server[0]!.destroyed);
    expect(accepted.server[0]!.errored).toMatchObject({ code: 'P2P_ERR_DISCONNECTED' });
  });

  it.each(['in the window', 'beyond the window', 'afterwards'])(
    'what the peer had sent and ended can be read though we write %s, and fails when it was',
    async (what) => {
      const { client, server, accepted } = sessions();
      client.openStream().end('a last word');
      await until('it is offered', () => accepted.server.length === 1);
      await client.ping();
      const [stream] = accepted.server;
      if (what === 'in the window') stream!.write('an answer');
      if (what === 'beyond the window') stream!.write(Buffer.alloc(2 * WINDOW));
      await Promise.all([client.close(), server.closed]);
      if (what === 'afterwards') await new Promise((resolve) => stream!.write('an answer', resolve));
      expect(String(await all(stream!))).toBe('a last word');
      await until('it is destroyed', () => stream!.destroyed);
      expect([stream!.errored, server.size]).toMatchObject([{ code: 'P2P_ERR_DISCONNECTED' }, 0]);
    },
  );

  it('what both sides had ended does not fail when it was read', async () => {
    const { client, server, accepted } = sessions();
    const ours = client.openStream().end('a last word');
    await until('it is offered', () => accepted.server.length === 1);
    accepted.server[0]!.end();
    ours.resume();
    await client.ping();
    await Promise.all([client.close(), server.closed]);
    expect(String(await all(accepted.server[0]!))).toBe('a last word');
    await until('it is destroyed', () => accepted.server[0]!.destroyed);
    expect([accepted.server[0]!.errored, server.size]).toEqual([null, 0]);
  });

  it.each(['this side', 'the peer'])(
    'a write callback that throws as %s ends the session is told, and hurts its own stream alone',
    async (who) => {
      const logged: object[] = [];
      const logger = { ...silentLogger, warn: (fields: object) => void logged.push(fields) } as Logger;
      const { client, server, accepted } = sessions({ client: { logger } });
      const stream = client.openStream();
      const other = client.openStream();
      stream.write(Buffer.alloc(2 * WINDOW), () => {
        throw new Error('a bug');
      });
      await until('both are offered', () => accepted.server.length === 2);
      accepted.server[0]!.end('a last word');
      await client.ping();
      await soon('the end', Promise.all([(who === 'this side' ? client : server).close(), client.closed]));
      expect([stream.destroyed, other.destroyed, client.state]).toEqual([true, true, 'closed']);
      expect(logged).toMatchObject([{ err: { message: 'a bug' } }]);
    },
  );

  it('what a write callback writes as the session ends does not follow the Go Away', async () => {
    const { client, right } = sessions();
    const [first, second] = [client.openStream(), client.openStream()];
    first.write(Buffer.alloc(2 * WINDOW), () => void second.write('late'));
    await client.ping();
    const sent: Buffer[] = [];
    right.on('data', (chunk: Buffer) => sent.push(chunk));
    await client.close();
    const goAway = encodeFrame({ type: FrameType.goAway, flags: 0, streamId: 0, length: 0 });
    expect(Buffer.concat(sent).subarray(-12)).toEqual(goAway);
  });

  it.each<['close' | 'destroy']>([['close'], ['destroy']])(
    '%s() in a reader of the frames: the stream that the frame opens is not offered',
    async (how) => {
      const { session, peer, accepted } = hostile();
      session.frames.on('error', () => {}).on('data', () => void session[how]());
      peer.read();
      peer.send({ type: FrameType.windowUpdate, flags: 1, streamId: 1 });
      peer.far.end();
      await soon('the end', session.closed);
      expect([accepted.length, session.size]).toEqual([0, 0]);
    },
  );

  it.each<['close' | 'destroy']>([['close'], ['destroy']])(
    '%s() while frames of a stream below that has closed wait for their turn ends the session',
    async (how) => {
      const update = encodeFrame({ type: FrameType.windowUpdate, flags: 0, streamId: 1, length: 1 });
      const syn = encodeFrame({ type: FrameType.windowUpdate, flags: 1, streamId: 1, length: 0 });
      const clock = new ControlledClock();
      // As a socket: it ends while it is paused, and closes then.
      const below = new Duplex({
        read() {},
        write: (_chunk, _encoding, done) => done(),
        allowHalfOpen: false,
      });
      const session = new Yamux(below, { role: 'server', clock, keepAliveIntervalMs: 0, onStream: () => {} });
      below.push(Buffer.concat([syn, ...Array<Buffer>(100_000).fill(update)]));
      below.push(null);
      await until('the first are handled', () => session.size === 1);
      below.read(0);
      await until('it has closed', () => below.closed);
      void session[how]();
      await soon('the end', session.closed);
      expect([session.state, session.size, clock.pending]).toEqual(['closed', 0, 0]);
    },
  );

  it('a ping that waits when the session ends is rejected', async () => {
    const { session } = hostile();
    const ping = session.ping();
    session.destroy();
    await expect(ping).rejects.toMatchObject({ code: 'P2P_ERR_DISCONNECTED' });
  });

  it('a peer that does not end its side is cut after closeTimeoutMs', async () => {
    const { session, clock } = hostile({ closeTimeoutMs: 50 });
    const closed = session.close();
    expect(session.state).toBe('closing');
    clock.advance(50);
    await soon('the end', closed);
    expect(session.state).toBe('closed');
  });

  it('after goAway() neither side opens streams, and those that are open go on', async () => {
    const { client, server, accepted } = sessions();
    const stream = client.openStream();
    await until('it is offered', () => accepted.server.length === 1);
    client.goAway();
    client.goAway();
    expect(() => client.openStream()).toThrow(expect.objectContaining({ code: 'P2P_ERR_DISCONNECTED' }));
    await client.ping();
    expect(() => server.openStream()).toThrow(/the peer went away, code 0/);
    stream.end('still here');
    expect(String(await all(accepted.server[0]!))).toBe('still here');
  });

  it('the error of the stream below is the error of the session', async () => {
    const { client, left } = sessions();
    left.destroy(new Error('cable cut'));
    await soon('the end', client.closed);
    expect(client.error).toMatchObject({ message: 'cable cut' });
  });

  it.each<[string, (session: Yamux, below: Duplex) => unknown, unknown]>([
    ['was destroyed', (session) => session.destroy(), undefined],
    ['was destroyed with an error', (session) => session.destroy(new Error('no')), { message: 'no' }],
    ['lost the stream below', (_session, below) => below.destroy(), { code: 'P2P_ERR_DISCONNECTED' }],
    ['was closed', (session) => session.close(), undefined],
  ])('the frames of a session that %s before they were asked for end with it', async (_how, end, error) => {
    const { client, left } = sessions();
    await end(client, left);
    await soon('the end', client.closed);
    const frames = client.frames;
    const ended = finished(frames.resume(), { writable: false });
    if (error === undefined) await soon('the end', ended);
    else await expect(soon('the end', ended)).rejects.toMatchObject(error as object);
  });

  it('a stream below that was over before ends the session at once', async () => {
    const { left } = sessions();
    left.destroy();
    const late = new Yamux(left, { role: 'client' });
    await soon('the end', late.closed);
    expect(late.error).toMatchObject({ code: 'P2P_ERR_DISCONNECTED' });
  });
});

describe('limits', () => {
  it('streams of our own: maxStreams at a time, acceptBacklog without an acknowledgement', async () => {
    const { client } = sessions({ client: { maxStreams: 3, acceptBacklog: 2 } });
    const first = client.openStream();
    client.openStream();
    const tooMany = (what: RegExp) => expect(() => client.openStream()).toThrow(what);
    tooMany(/2 streams wait for the peer/);
    await client.ping();
    client.openStream();
    await client.ping();
    tooMany(/3 streams of this side are open/);
    first.destroy();
    expect(client.openStream().id).toBe(7);
  });

  it.each([
    ['data', { type: FrameType.data, length: 0 }],
    ['a window update', { type: FrameType.windowUpdate, length: 1 }],
    ['a FIN', { type: FrameType.data, flags: 4, length: 0 }],
  ])('%s without an ACK says that the peer has accepted a stream of ours', async (_what, frame) => {
    const { session, peer } = hostile({ acceptBacklog: 1 });
    const { id } = session.openStream();
    expect(() => session.openStream()).toThrow(/1 streams wait/);
    peer.send({ ...frame, streamId: id });
    peer.send({ type: FrameType.ping, flags: 1, streamId: 0, length: 1 });
    peer.read();
    await until('all is handled', () => peer.frames.some(({ type }) => type === FrameType.ping));
    expect(session.openStream().id).toBe(id + 2);
    session.destroy();
  });

  it('a stream that is destroyed before it was acknowledged counts no longer', () => {
    const { client } = sessions({ client: { acceptBacklog: 1 } });
    client.openStream().destroy();
    expect(client.openStream().id).toBe(3);
    expect(client.size).toBe(1);
  });

  it('a stream of the peer beyond maxStreams is reset and counted; one that ends makes room', async () => {
    const { client, server, accepted } = sessions({ server: { maxStreams: 1 } });
    const first = client.openStream();
    const second = client.openStream();
    await until('the second is reset', () => second.destroyed);
    expect(server.refused).toBe(1);
    first.destroy();
    const third = client.openStream();
    third.write('x');
    await until('the third is offered', () => accepted.server.length === 2);
    expect(server.refused).toBe(1);
  });

  it('without onStream every stream of the peer is reset', async () => {
    const { client, server } = sessions({ server: { onStream: undefined } });
    const stream = client.openStream();
    await until('it is reset', () => stream.destroyed);
    expect([server.refused, server.size]).toEqual([1, 0]);
  });

  it.each([
    [{ role: 'boss' }, '`role`'],
    [{ receiveWindowBytes: 1 }, '`receiveWindowBytes`'],
    [{ maxStreams: 0 }, '`maxStreams`'],
    [{ acceptBacklog: 1.5 }, '`acceptBacklog`'],
    [{ keepAliveIntervalMs: -1 }, '`keepAliveIntervalMs`'],
    [{ pingTimeoutMs: 0 }, '`pingTimeoutMs`'],
    [{ closeTimeoutMs: 2 ** 31 }, '`closeTimeoutMs`'],
    [{ onStream: 'echo' }, '`onStream`'],
    [{ maxStream: 1 }, '`maxStream`'],
    [{ logger: {} }, '`logger`'],
    [{ clock: {} }, '`clock`'],
  ])('%j is refused', (options, name) => {
    const { left } = sessions();
    const make = () => new Yamux(left, { role: 'client', ...options } as YamuxOptions);
    expect(make).toThrow(expect.objectContaining({ code: 'P2P_ERR_INVALID_CONFIG' }));
    expect(make).toThrow(name);
  });
});

it.each([undefined, {}])('a session over %j is a TypeError', (below) => {
  expect(() => new Yamux(below as never, { role: 'client' })).toThrow(TypeError);
});
