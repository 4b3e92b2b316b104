import { expect } from '@jest/globals';
import { soon, until } from '@pea2pea/testing';
import { because, suite, type Bench } from '../harness/suite.js';
import { goYamux, hashicorp, jsYamux, rust13, rust14 } from './ends.js';
import {
  counted,
  echo,
  openOurs,
  openTheirs,
  pair,
  readAll,
  readOf,
  type Pair,
  type Setup,
} from './stream-end.js';

const MIB = 1024 * 1024;

/** Both roles: the side that dials has the odd streams. */
const ROLES = [
  ['we dial', true],
  ['it dials', false],
] as const;

export const yamux = suite('yamux', [hashicorp, goYamux, rust13, rust14, jsYamux], (test) => {
  for (const [role, weDial] of ROLES) {
    const both = (
      name: string,
      run: (make: (setup?: Partial<Setup>) => Promise<Pair>, bench: Bench) => Promise<void>,
      options = {},
    ) =>
      test(`${name} (${role})`, (bench) => run((setup) => pair(bench, { weDial, ...setup }), bench), options);

    both('a stream of ours carries 1 and 16 MiB there and back', async (make) => {
      const { session } = await make({ theirs: { serve: 'echo' } });
      for (const size of [MIB, 16 * MIB]) {
        const stream = session.openStream();
        stream.end(counted(size));
        expect(await soon('the echo', readAll(stream))).toEqual(readOf(size));
      }
      await until('both streams are over', () => session.size === 0);
    });

    both('a stream of its own carries 1 and 16 MiB there and back', async (make) => {
      const { session, end } = await make({ ours: { onStream: echo } });
      for (const size of [MIB, 16 * MIB]) {
        expect(await end.exchange(await end.open(), size)).toEqual(readOf(size));
      }
      await until('both streams are over', () => session.size === 0);
    });

    both('100 streams of ours at once each get their own bytes back', async (make) => {
      const { session } = await make({ theirs: { serve: 'echo' } });
      const sizes = Array.from({ length: 100 }, (_, index) => 1 + index * 1_009);
      const echoes = sizes.map((size, seed) => {
        const stream = session.openStream();
        stream.end(counted(size, seed));
        return readAll(stream);
      });
      expect(await soon('the echoes', Promise.all(echoes))).toEqual(
        sizes.map((size, seed) => readOf(size, seed)),
      );
      await until('all streams are over', () => session.size === 0);
    });

    both('100 streams of its own at once each get their own bytes back', async (make) => {
      const { session, end } = await make({ ours: { onStream: echo } });
      const sizes = Array.from({ length: 100 }, (_, index) => 1 + index * 1_009);
      const echoes = sizes.map(async (size, seed) => end.exchange(await end.open(), size, seed));
      expect(await Promise.all(echoes)).toEqual(sizes.map((size, seed) => readOf(size, seed)));
      await until('all streams are over', () => session.size === 0);
    });

    both('bytes that are written one by one arrive', async (make) => {
      const { session } = await make({ theirs: { serve: 'echo' } });
      const stream = session.openStream();
      for (const byte of counted(1_000)) stream.write(Buffer.of(byte));
      stream.end();
      expect(await soon('the echo', readAll(stream))).toEqual(readOf(1_000));
    });

    both('after our half-close it reads the end, and can still write', async (make) => {
      const made = await make();
      const [stream, theirs] = await openOurs(made);
      stream.end(counted(500));
      expect(await made.end.read(theirs)).toEqual(readOf(500));
      await made.end.write(theirs, 70_000, 3);
      await made.end.do('closeWrite', theirs);
      expect(await soon('what it wrote', readAll(stream))).toEqual(readOf(70_000, 3));
      await until('the stream is over', () => made.session.size === 0);
    });

    both('after its half-close we read the end, and can still write', async (make) => {
      const made = await make();
      const [stream, theirs] = await openTheirs(made);
      await made.end.do('closeWrite', theirs);
      expect(await soon('the end', readAll(stream))).toEqual(readOf(0));
      stream.end(counted(70_000, 3));
      expect(await made.end.read(theirs)).toEqual(readOf(70_000, 3));
      await until('the stream is over', () => made.session.size === 0);
    });

    both('a stream that we open and end without a byte is an end there', async (make) => {
      const { session, end } = await make();
      const stream = session.openStream();
      stream.end();
      const theirs = await end.accepted();
      expect(await end.read(theirs)).toEqual(readOf(0));
      await end.do('closeWrite', theirs);
      expect(await soon('its end', readAll(stream))).toEqual(readOf(0));
      await until('the stream is over', () => session.size === 0);
    });

    both('a stream that it opens and ends without a byte is an end here, or nothing', async (make) => {
      const made = await make({ ours: { onStream: echo } });
      const theirs = await made.end.open();
      await made.end.do('closeWrite', theirs);
      await made.session.ping();
      await until('the stream is over', () => made.session.size === 0);
      expect(made.session.state).toBe('open');
    });

    both(
      'a stream that we reset is an error there, and hurts no other',
      async (make) => {
        const made = await make();
        const [other, theirOther] = await openOurs(made);
        const [stream, theirs] = await openOurs(made);
        stream.destroy();
        const { how } = await made.end.read(theirs);
        expect(how).not.toBe('end');
        other.end('x');
        expect((await made.end.read(theirOther)).how).toBe('end');
      },
      { failsWith: because([rust13, rust14], 'a reset reads as an end') },
    );

    both(
      'a stream that it resets is P2P_ERR_DISCONNECTED here, and hurts no other',
      async (make) => {
        const made = await make();
        const [other, theirOther] = await openTheirs(made);
        const [stream, theirs] = await openTheirs(made);
        await made.end.do('reset', theirs);
        await until('the stream is destroyed', () => stream.destroyed);
        expect(stream.errored).toMatchObject({ code: 'P2P_ERR_DISCONNECTED' });
        await made.end.write(theirOther, 5);
        expect(await soon('the other', new Promise((resolve) => other.once('data', resolve)))).toEqual(
          counted(5),
        );
      },
      { notWith: because([hashicorp], 'it has no reset') },
    );

    both('a stream of ours that it does not read makes us wait, while others go on', async (make) => {
      const made = await make();
      const [stream, theirs] = await openOurs(made);
      let flushed = false;
      stream.end(counted(2 * MIB), () => (flushed = true));
      const [other, theirOther] = await openOurs(made);
      other.end(counted(100_000));
      expect(await made.end.read(theirOther)).toEqual(readOf(100_000));
      await made.session.ping();
      expect(flushed).toBe(false);
      expect(await made.end.read(theirs)).toEqual(readOf(2 * MIB));
      await until('our write is done', () => flushed);
    });

    both('a stream of its own that we do not read makes it wait, while others go on', async (make) => {
      const made = await make();
      const [stream, theirs] = await openTheirs(made);
      let written = false;
      const write = made.end.write(theirs, 2 * MIB).then(async () => {
        written = true;
        await made.end.do('closeWrite', theirs);
      });
      const [other, theirOther] = await openTheirs(made);
      await made.end.write(theirOther, 100_000);
      await made.end.do('closeWrite', theirOther);
      expect(await soon('the other', readAll(other))).toEqual(readOf(100_000));
      await made.session.ping();
      expect(written).toBe(false);
      expect(await soon('everything', readAll(stream))).toEqual(readOf(2 * MIB));
      await write;
    });

    both('a window of 1 MiB that we announce is used to the last byte, and not beyond', async (make) => {
      const made = await make({ ours: { receiveWindowBytes: MIB } });
      const [stream, theirs] = await openTheirs(made);
      await made.end.write(theirs, MIB - 1);
      let written = false;
      const more = made.end.write(theirs, 2, (MIB - 1) % 251).then(() => (written = true));
      await made.session.ping();
      expect(written).toBe(false);
      const all = readAll(stream);
      await more;
      await made.end.do('closeWrite', theirs);
      expect((await soon('everything', all)).length).toBe(MIB + 1);
    });

    both(
      'a window of 1 MiB that it announces is used to the last byte',
      async (make) => {
        const made = await make({ theirs: { window: MIB } });
        const [stream, theirs] = await openOurs(made);
        const write = new Promise((resolve) => stream.write(counted(MIB - 1), resolve));
        await soon('the write', write, 5_000);
        stream.end();
        expect(await made.end.read(theirs)).toEqual(readOf(MIB - 1));
      },
      {
        failsWith: because([jsYamux], 'it announces 256 KiB, whatever `initialStreamWindowSize` is'),
        notWith: because([rust13, rust14], 'it has no such option: its windows grow by themselves'),
      },
    );

    both('it replies to our pings', async (make) => {
      const { session } = await make();
      expect(await session.ping()).toBeGreaterThanOrEqual(0);
      expect(await session.ping()).toBeGreaterThanOrEqual(0);
    });

    both(
      'we reply to its pings',
      async (make) => {
        const { session, end } = await make();
        await end.session('ping');
        await end.session('ping');
        expect(session.state).toBe('open');
      },
      {
        notWith: because(
          [rust13, rust14],
          'it has no ping that a user may ask for; the keep-alive below shows its own',
        ),
      },
    );

    both('with a keep-alive on either side, an idle session stays', async (make) => {
      const { session } = await make({ ours: { keepAliveIntervalMs: 50 }, theirs: { keepAliveMs: 50 } });
      let pings = 0;
      session.frames.on('data', () => pings++);
      await until('there were ten pings and replies', () => pings >= 10);
      await session.ping();
      expect(session.state).toBe('open');
    });

    both(
      'after our Go Away an open stream goes on, and new ones are refused',
      async (make) => {
        const made = await make();
        const [stream, theirs] = await openOurs(made);
        made.session.goAway();
        stream.end(counted(100_000));
        expect(await made.end.read(theirs)).toEqual(readOf(100_000));
        await made.end.write(theirs, 100_000, 5);
        await made.end.do('closeWrite', theirs);
        expect(await soon('what it wrote', readAll(stream))).toEqual(readOf(100_000, 5));
        await expect(made.end.open()).rejects.toThrow();
      },
      {
        failsWith: {
          ...because([goYamux], 'its session is over then, and unread bytes are lost'),
          ...because([rust13, rust14], 'its session is over then: reads return 0 bytes, writes fail'),
          ...because([jsYamux], 'its streams close then, without an error'),
        },
      },
    );

    both(
      'after its Go Away an open stream goes on, and ours are refused',
      async (make) => {
        const made = await make();
        const [stream, theirs] = await openOurs(made);
        await made.end.session('goAway');
        await made.session.ping();
        expect(() => made.session.openStream()).toThrow('the peer went away, code 0');
        stream.end(counted(100_000));
        expect(await made.end.read(theirs)).toEqual(readOf(100_000));
      },
      { notWith: because([rust13, rust14, jsYamux], 'it sends a Go Away only as it closes the session') },
    );

    both(
      'when we close the session, its session ends, and what we had ended can still be read',
      async (make) => {
        const made = await make();
        const [stream, theirs] = await openOurs(made);
        stream.end(counted(10_000));
        await until('the last frame is out', () => stream.writableFinished);
        await made.session.ping();
        await soon('our end', made.session.close());
        await made.end.session('ended');
        expect(made.session.error).toBeUndefined();
        expect(await made.end.read(theirs)).toEqual(readOf(10_000));
      },
    );

    both('when it closes the session, ours ends in order', async (make) => {
      const made = await make();
      const [stream] = await openTheirs(made);
      await made.session.ping(); // a socket that is closed with something unread resets the connection
      await made.end.session('closeSession');
      await soon('our end', made.session.closed);
      expect(made.session.error).toBeUndefined();
      stream.resume(); // some end each stream first: what is complete is there until it was read
      await until('the stream is over', () => stream.destroyed);
    });

    both('what it had ended before it closed the session can still be read', async (make) => {
      const made = await make();
      const [stream, theirs] = await openTheirs(made);
      await made.end.write(theirs, 10_000);
      await made.end.do('closeWrite', theirs);
      await made.session.ping();
      await made.end.session('closeSession');
      await until('the session ends', () => made.session.state !== 'open');
      expect(await soon('the rest', readAll(stream))).toEqual(readOf(10_000));
    });

    both('when it resets the connection, our session and its streams end with an error', async (make) => {
      const made = await make();
      const [stream] = await openTheirs(made);
      await made.end.session('cut');
      await soon('our end', made.session.closed);
      expect(made.session.error).toBeDefined();
      expect(stream.errored).toMatchObject({ code: 'P2P_ERR_DISCONNECTED' });
    });

    both('when we reset the connection, its session ends', async (make) => {
      const made = await make();
      await openOurs(made);
      made.socket.resetAndDestroy();
      await made.end.session('ended');
    });

    both(
      'when we reset the connection, a read there is an error, not an end',
      async (make) => {
        const made = await make();
        const [, theirs] = await openOurs(made);
        const read = made.end.read(theirs);
        made.socket.resetAndDestroy();
        expect((await read).how).not.toBe('end');
      },
      { failsWith: because([hashicorp, rust13, rust14, jsYamux], 'a read there ends as if the stream had') },
    );

    both('one stream more than we allow is reset, and hurts no other', async (make) => {
      const made = await make({ ours: { maxStreams: 4 } });
      const kept: [number, Awaited<ReturnType<Pair['accepted']>>][] = [];
      for (let count = 0; count < 4; count++) {
        const [stream, theirs] = await openTheirs(made);
        kept.push([theirs, stream]);
      }
      const refused = await made.end.open();
      await made.end.write(refused, 1).catch(() => {});
      expect(
        await made.end.read(refused).catch((error: Error) => ({ how: error.message, length: 0 })),
      ).toMatchObject({ length: 0 });
      expect(made.session.refused).toBe(1);
      for (const [theirs, stream] of kept) {
        stream.end(counted(1_000));
        expect(await made.end.read(theirs)).toEqual(readOf(1_000));
      }
    });
  }
});
