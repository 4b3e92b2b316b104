import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { free, LEAST_FREED, markOwnMemory } from '@pea2pea/core/authoring';
import { soon, until } from '@pea2pea/testing';
import { duplexPair } from './duplex-pair.js';
import { securePair } from './noise-lab.js';
import { cipherPair, messagesIn, openReader, OVERHEAD } from './noise-wire.js';
import { NoiseStream } from '../src/noise-stream.js';
import { TransportCipher } from '../src/transport-cipher.js';

const MAX = 65_519;

const made: Duplex[] = [];
afterEach(() => {
  for (const stream of made.splice(0)) stream.destroy();
});

/** A stream that writes to a raw end of which the other is ours, and the key to read that with. */
function sender(rekeyAfterMessages = Infinity) {
  const raws = duplexPair();
  const [ours, theirs] = cipherPair(rekeyAfterMessages);
  const stream = new NoiseStream(raws[0], ours);
  const written: Buffer[] = [];
  raws[1].on('data', (chunk: Buffer) => void written.push(chunk));
  made.push(stream, raws[1]);
  return { stream, raws, theirs, written: () => Buffer.concat(written) };
}

describe('what is written to a NoiseStream', () => {
  it.each([
    [1, [1]],
    [8_000, [8_000]],
    [MAX, [MAX]],
    [MAX + 1, [MAX, 1]],
    [3 * MAX, [MAX, MAX, MAX]],
  ])('%d bytes are as few messages as possible', async (size, lengths) => {
    const { stream, theirs, written } = sender();
    const plaintext = Buffer.alloc(size, 'noise');
    stream.write(plaintext);
    const total = size + lengths.length * OVERHEAD;
    await until('all came through', () => written().length === total);
    const messages = messagesIn(written());
    expect(messages.map(({ length }) => length - OVERHEAD)).toEqual(lengths);
    const opened = messages.flatMap((message) =>
      theirs.receiving.open([message.subarray(2, -16)], message.subarray(-16)),
    );
    expect(Buffer.concat(opened).equals(plaintext)).toBe(true);
  });

  it('in many corked pieces goes out as one message', async () => {
    const { stream, theirs, written } = sender();
    stream.cork();
    for (let index = 0; index < 1_000; index++) stream.write(`${index},`);
    stream.uncork();
    await until('it came through', () => written().length > 0);
    const [message, ...others] = messagesIn(written());
    expect(others).toEqual([]);
    const text = String(theirs.receiving.open([message!.subarray(2, -16)], message!.subarray(-16))[0]);
    expect(text).toBe(Array.from({ length: 1_000 }, (_, index) => `${index},`).join(''));
  });

  it('is no message where it is empty', async () => {
    const { stream, written } = sender();
    await new Promise((resolve) => stream.write(Buffer.alloc(0), resolve));
    expect(written()).toHaveLength(0);
  });

  it('may be used again by its owner as soon as its callback was called', async () => {
    const { stream, theirs, written } = sender();
    const slab = Buffer.alloc(4_000);
    for (let round = 1; round <= 3; round++) {
      slab.fill(round);
      await new Promise((resolve) => stream.write(slab, resolve));
    }
    slab.fill(0);
    await until('all came through', () => written().length === 3 * (4_000 + OVERHEAD));
    const opened = messagesIn(written()).map(
      (message) => theirs.receiving.open([message.subarray(2, -16)], message.subarray(-16))[0]!,
    );
    expect(opened.map((plaintext) => [plaintext[0], plaintext.at(-1)])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
  });

  it('waits while the stream below is full, and goes on when that has room', async () => {
    const raws = duplexPair();
    const stream = new NoiseStream(raws[0], cipherPair()[0]);
    made.push(stream, raws[1]);
    let taken = 0;
    for (let index = 0; index < 20; index++) stream.write(Buffer.alloc(16_384), () => taken++);
    await until('nothing moves any more', () => raws[0].writableLength > 0);
    expect(stream.writableNeedDrain).toBe(true);
    expect(taken).toBeLessThan(20);
    raws[1].resume();
    await until('all was taken', () => taken === 20);
    expect(stream.writableLength).toBe(0);
  });
});

describe('what is read from a NoiseStream', () => {
  it.each([1, 2, 3, 17, 18, 19, 1_000])('is the same when it comes in chunks of %d bytes', async (size) => {
    const { reader, sealed } = openReader(['first', '', 'second '.repeat(100), 'third']);
    const wire = Buffer.concat(sealed);
    for (let at = 0; at < wire.length; at += size) reader.raw.write(wire.subarray(at, at + size));
    reader.raw.end();
    await soon('the end', reader.closed);
    expect(reader.error).toBeUndefined();
    expect(reader.ended).toBe(true);
    expect(String(reader.plaintext())).toBe(`first${'second '.repeat(100)}third`);
  });

  it.each([
    ['of one byte', 'x'],
    ['without a byte', ''],
  ])('takes many turns where it came in many messages %s', async (_, text) => {
    const { reader, sealed } = openReader([...Array.from({ length: 1_000 }, () => text), 'the last']);
    let most = 0;
    let turns = 0;
    const opened = jest.spyOn(TransportCipher.prototype, 'open');
    const count = (): void => {
      most = Math.max(most, opened.mock.calls.length);
      if (opened.mock.calls.length > 0) turns++;
      opened.mockClear();
      if (!reader.ended) setImmediate(count);
    };
    setImmediate(count);
    reader.raw.end(Buffer.concat(sealed));
    await soon('the end', reader.closed);
    opened.mockRestore();
    expect(reader.error).toBeUndefined();
    expect(String(reader.plaintext())).toBe(`${text.repeat(1_000)}the last`);
    expect(most).toBeLessThanOrEqual(64);
    expect(turns).toBeGreaterThan(15);
  });

  it('does not go on in the next turn where it was destroyed in this one', async () => {
    const { reader, sealed } = openReader(Array.from({ length: 1_000 }, () => 'x'));
    reader.stream.once('data', () => reader.stream.destroy());
    reader.raw.write(Buffer.concat(sealed));
    await soon('the end', reader.closed);
    const opened = jest.spyOn(TransportCipher.prototype, 'open');
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(opened).not.toHaveBeenCalled();
    opened.mockRestore();
  });

  it('fails behind all that came before, however many turns that takes', async () => {
    const { reader, sealed } = openReader(Array.from({ length: 500 }, () => 'x'));
    reader.raw.write(Buffer.concat([...sealed, Buffer.from([0, 1])]));
    await soon('the end', reader.closed);
    expect(reader.error).toMatchObject({ code: 'P2P_ERR_INVALID_FRAME' });
    expect(reader.plaintext()).toHaveLength(500);
  });

  it.each<[string, (sealed: Buffer[]) => Buffer[], string]>([
    ['tampered with', ([a, b, c]) => [a!, flipped(b!, 5), c!], 'P2P_ERR_INVALID_FRAME'],
    ['with another tag', ([a, b, c]) => [a!, flipped(b!, b!.length - 1), c!], 'P2P_ERR_INVALID_FRAME'],
    ['replayed', ([a, b]) => [a!, a!, b!], 'P2P_ERR_INVALID_FRAME'],
    ['reordered', ([a, b, c]) => [a!, c!, b!], 'P2P_ERR_INVALID_FRAME'],
    ['left out', ([a, , c]) => [a!, c!], 'P2P_ERR_INVALID_FRAME'],
    ['shorter than its tag', ([a]) => [a!, Buffer.from([0, 15]), Buffer.alloc(15)], 'P2P_ERR_INVALID_FRAME'],
    ['without anything', ([a]) => [a!, Buffer.from([0, 0])], 'P2P_ERR_INVALID_FRAME'],
    ['cut in its ciphertext', ([a, b]) => [a!, b!.subarray(0, 9)], 'P2P_ERR_TRUNCATED_FRAME'],
    ['cut in its tag', ([a, b]) => [a!, b!.subarray(0, -1)], 'P2P_ERR_TRUNCATED_FRAME'],
    ['cut in its length', ([a, b]) => [a!, b!.subarray(0, 1)], 'P2P_ERR_TRUNCATED_FRAME'],
  ])('ends with a message that is %s, after what came before it', async (_, damage, code) => {
    const { reader, sealed } = openReader(['one', 'two', 'three']);
    for (const part of damage(sealed)) reader.raw.write(part);
    reader.raw.end();
    await soon('the end', reader.closed);
    expect(reader.error).toMatchObject({ code });
    expect([String(reader.plaintext()), reader.ended]).toEqual(['one', false]);
    expect(reader.under.destroyed).toBe(true);
  });

  it('is there for who reads late, although a bad message came behind it', async () => {
    const { reader, sealed } = openReader(['one', 'two'], { flows: false });
    reader.raw.write(Buffer.concat([sealed[0]!, sealed[1]!, Buffer.from([0, 1])]));
    await until('it was decrypted', () => reader.stream.readableLength === 6);
    await new Promise((resolve) => setImmediate(resolve));
    expect(reader.stream.destroyed).toBe(false);
    reader.stream.resume();
    await soon('the end', reader.closed);
    expect(String(reader.plaintext())).toBe('onetwo');
    expect(reader.error).toMatchObject({ code: 'P2P_ERR_INVALID_FRAME' });
  });

  it.each([
    ['more', [] as Buffer[], undefined],
    ['a bad one', [Buffer.from([0, 1])], 'P2P_ERR_INVALID_FRAME'],
  ])('is no fault of the peer where a listener throws, and %s is read behind it', async (_, bad, code) => {
    const { reader, sealed } = openReader(['one', 'two', 'three', 'four']);
    const mistake = new Error('a mistake in the listener');
    reader.stream.once('data', () => {
      throw mistake;
    });
    await until('it flows', () => reader.under.readableFlowing === true);
    const chunk = Buffer.concat([...sealed.slice(0, 3), ...bad]);
    expect(() => reader.under.emit('data', chunk)).toThrow(mistake);
    expect([reader.stream.destroyed, reader.error]).toEqual([false, undefined]);
    reader.raw.end(code === undefined ? sealed[3] : undefined);
    await soon('the end', reader.closed);
    expect(String(reader.plaintext())).toBe(`onetwothree${code === undefined ? 'four' : ''}`);
    expect((reader.error as { code?: string } | undefined)?.code).toBe(code);
  });

  it('is not taken from the stream below while nobody reads', async () => {
    const { reader, sealed } = openReader(Array.from({ length: 100 }, () => 'x'.repeat(10_000)));
    reader.raw.write(sealed[0]);
    await until('the first was read', () => reader.plaintext().length === 10_000);
    reader.stream.pause();
    for (const message of sealed.slice(1)) reader.raw.write(message);
    await until('the stream below is paused', () => reader.under.isPaused());
    expect(reader.stream.readableLength).toBeLessThan(200_000);
    expect(reader.raw.writableLength).toBeGreaterThan(500_000);
    reader.stream.resume();
    reader.raw.end();
    await soon('the end', reader.closed);
    expect(reader.plaintext()).toHaveLength(1_000_000);
  });
});

describe('what is read in pieces of a fixed size', () => {
  it.each([
    ['in one chunk', 1_000],
    ['in chunks of one message', 1],
    ['in chunks as large as a turn', 32],
  ])('is all there, however short its messages are: they came %s', async (_, together) => {
    const { reader, sealed } = openReader(
      Array.from({ length: 1_000 }, () => 'x'),
      { flows: false },
    );
    let read = 0;
    reader.stream.on('readable', () => {
      while (reader.stream.read(50) !== null) read += 50;
    });
    for (let at = 0; at < sealed.length; at += together) {
      reader.raw.write(Buffer.concat(sealed.slice(at, at + together)));
    }
    await until('all was read', () => read === 1_000);
  });
});

describe('what nobody reads', () => {
  it.each([
    ['in large chunks', 1_000],
    ['message by message', 1],
  ])('is decrypted when somebody does, however short its messages are: it came %s', async (_, together) => {
    const { reader, sealed } = openReader(Array.from({ length: 3_000 }, () => 'x'));
    reader.raw.write(sealed[0]);
    await until('the first was read', () => reader.plaintext().length === 1);
    reader.stream.pause();
    for (let at = 1; at < sealed.length; at += together) {
      reader.raw.write(Buffer.concat(sealed.slice(at, at + together)));
    }
    await until('the stream below is paused', () => reader.under.isPaused());
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(reader.stream.readableLength).toBeLessThanOrEqual(64);
    reader.stream.resume();
    reader.raw.end();
    await soon('the end', reader.closed);
    expect([reader.plaintext().length, reader.ended, reader.error]).toEqual([3_000, true, undefined]);
  });
});

describe('a NoiseStream', () => {
  it('ends one way at a time, and closes when both have ended', async () => {
    const {
      streams: [left, right],
      raws,
    } = await securePair();
    made.push(left, right);
    left.end('goodbye');
    right.setEncoding('utf8');
    const heard: string[] = [];
    right.on('data', (text: string) => void heard.push(text));
    await soon('the end', once(right, 'end'));
    expect(heard.join('')).toBe('goodbye');
    expect(right.writable).toBe(true);
    const answered = once(left, 'data');
    right.end('and farewell');
    expect(String((await soon('the answer', answered))[0])).toBe('and farewell');
    await until('both closed', () => left.closed && right.closed);
    expect(raws.every((raw) => raw.destroyed)).toBe(true);
    expect([left.errored, right.errored]).toEqual([null, null]);
  });

  it('destroys the stream below with itself, and is destroyed with it', async () => {
    const { streams, raws } = await securePair();
    const errors: Error[] = [];
    for (const stream of streams) stream.on('error', (error) => errors.push(error));
    streams[0].destroy();
    expect(raws[0].destroyed).toBe(true);
    raws[1].destroy(new Error('cable cut'));
    await until('both are gone', () => streams[1].closed);
    expect(errors.map(({ message }) => message)).toEqual(['cable cut']);
  });

  it.each(['before', 'after'])(
    'closes where the stream below closed %s it was made, without an end',
    async (when) => {
      const [raw] = duplexPair();
      if (when === 'before') raw.destroy();
      const stream = new NoiseStream(raw, cipherPair()[0]);
      const ended: string[] = [];
      stream.on('end', () => ended.push('end')).resume();
      if (when === 'after') raw.destroy();
      await until('it closed', () => stream.closed);
      expect(ended).toEqual([]);
    },
  );

  it('ends with P2P_ERR_NONCE_EXHAUSTED when its nonces are used up', async () => {
    const raws = duplexPair();
    const [ours] = cipherPair(Infinity, 2n ** 64n - 2n);
    const stream = new NoiseStream(raws[0], ours);
    const failed = once(stream, 'error');
    stream.write('the last');
    stream.write('one too many');
    expect((await soon('the error', failed))[0]).toMatchObject({ code: 'P2P_ERR_NONCE_EXHAUSTED' });
    expect(stream.destroyed).toBe(true);
  });

  it.each([1, 3])(
    'with rekeyAfterMessages: %d goes on with new keys, both ways',
    async (rekeyAfterMessages) => {
      const { streams } = await securePair({ rekeyAfterMessages });
      made.push(...streams);
      const [left, right] = streams;
      for (const [from, to] of [
        [left, right],
        [right, left],
      ] as const) {
        for (let index = 0; index < 10; index++) {
          const heard = once(to, 'data');
          from.write(`message ${index}`);
          expect(String((await soon('the message', heard))[0])).toBe(`message ${index}`);
        }
      }
    },
  );

  it('does not understand a side that has other keys after so many messages', async () => {
    const { stream, theirs, written } = sender(3);
    for (let index = 0; index < 4; index++) stream.write('x');
    await until('all came through', () => written().length === 4 * (1 + OVERHEAD));
    const plain = cipherPair()[1].receiving;
    const open = (cipher: typeof plain, index: number): Buffer[] => {
      const message = messagesIn(written())[index]!;
      return cipher.open([message.subarray(2, -16)], message.subarray(-16));
    };
    for (let index = 0; index < 3; index++) expect(String(open(plain, index)[0])).toBe('x');
    expect(() => open(plain, 3)).toThrow(expect.objectContaining({ code: 'P2P_ERR_INVALID_FRAME' }));
    for (let index = 0; index < 4; index++) expect(String(open(theirs.receiving, index)[0])).toBe('x');
  });
});

function flipped(message: Buffer, at: number): Buffer {
  const copy = Buffer.from(message);
  copy[at]! ^= 0x40;
  return copy;
}

describe('memory', () => {
  // Before Node 21 memory is freed through a port, which has closed a turn after the first use.
  beforeAll(() =>
    until('memory can be freed', () => {
      const probe = Buffer.allocUnsafeSlow(LEAST_FREED);
      free(probe);
      return probe.length === 0;
    }),
  );

  /** Passes on copies, as a socket does, and remembers what was written and what came. */
  class Wire extends Duplex {
    readonly written: Buffer[] = [];
    readonly came: Buffer[] = [];
    other: Wire | undefined;
    override _read(): void {}
    override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
      this.written.push(chunk);
      for (let at = 0; at < chunk.length; at += 30_000) {
        const copy = Buffer.alloc(Math.min(30_000, chunk.length - at));
        chunk.copy(copy, 0, at);
        this.other!.came.push(copy);
        this.other!.push(copy);
      }
      setImmediate(callback);
    }
  }

  async function exchange(isMarked: boolean) {
    const [left, right] = [new Wire(), new Wire()];
    left.other = right;
    right.other = left;
    if (isMarked) for (const wire of [left, right]) markOwnMemory(wire);
    const [ours, theirs] = cipherPair();
    const [sender, receiver] = [new NoiseStream(left, ours), new NoiseStream(right, theirs)];
    made.push(sender, receiver);
    const plaintext = Buffer.alloc(3 * MAX, 'noise');
    const read: Buffer[] = [];
    receiver.on('data', (chunk: Buffer) => void read.push(chunk));
    sender.write(plaintext);
    await until('all came', () => Buffer.concat(read).length === plaintext.length);
    await until('all is written', () => sender.writableLength === 0);
    expect(Buffer.concat(read).equals(plaintext)).toBe(true);
    expect(plaintext.every((byte, at) => byte === 'noise'.charCodeAt(at % 5))).toBe(true);
    const large = ({ length }: Buffer): boolean => length >= LEAST_FREED;
    return { sealed: left.written.filter(large), chunks: right.came.filter(large) };
  }

  it('of sealed messages and of what they came in is freed at once, over a stream that has it for itself', async () => {
    expect(await exchange(true)).toEqual({ sealed: [], chunks: [] });
  });

  it('is left alone over any other stream', async () => {
    const { sealed, chunks } = await exchange(false);
    expect(sealed).toHaveLength(3);
    expect(chunks.length).toBeGreaterThan(3);
  });
});
