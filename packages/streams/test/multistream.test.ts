import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { getEventListeners } from 'node:events';
import { duplexPair, type Duplex } from 'node:stream';
import { memoryTransport, PeerNode } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { soon, textCodec, until } from '@pea2pea/testing';
import { handle, list, readExactly, select, Yamux } from '../src/index.js';

const HEADER = '\x13/multistream/1.0.0\n';

/** All that is there, as text. */
function taken(stream: Duplex): string {
  let text = '';
  for (let chunk = stream.read() as Buffer | null; chunk !== null; chunk = stream.read() as Buffer | null) {
    text += chunk.toString('latin1');
  }
  return text;
}

/** A negotiation with a peer in the hands of the test, which says `bytes` and ends. */
function against(
  negotiate: (stream: Duplex) => Promise<unknown>,
  bytes: string | Buffer,
): { result: Promise<unknown>; far: Duplex; near: Duplex } {
  const [near, far] = duplexPair();
  far.write(bytes, 'latin1');
  far.end();
  return { result: soon('the negotiation', negotiate(near)), far, near };
}

describe('a signal', () => {
  it('that fifty negotiations, reads and pings wait on has one listener', async () => {
    const abort = new AbortController();
    const { signal } = abort;
    const waits: Promise<unknown>[] = [];
    for (let index = 0; index < 50; index++) {
      waits.push(select(duplexPair()[0], ['/a'], { signal }), readExactly(duplexPair()[0], 1, { signal }));
      waits.push(
        new Yamux(duplexPair()[0], { role: 'client', clock: new ControlledClock() }).ping({ signal }),
      );
    }
    await until('all wait', () => getEventListeners(signal, 'abort').length > 0);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    abort.abort('enough');
    for (const wait of waits) await expect(wait).rejects.toMatchObject({ code: 'P2P_ERR_ABORTED' });
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('select and handle', () => {
  it('agree on the first proposal that the listener speaks', async () => {
    const [left, right] = duplexPair();
    const agreed = await Promise.all([
      select(left, ['/tls/1.0.0', '/noise', '/plaintext/2.0.0']),
      handle(right, ['/plaintext/2.0.0', '/noise']),
    ]);
    expect(agreed).toEqual(['/noise', '/noise']);
  });

  it('say what the specification has them say', async () => {
    const [near, far] = duplexPair();
    const selected = select(near, ['/a', '/b']);
    await until('it proposes', () => far.readableLength > 0);
    expect(taken(far)).toBe(`${HEADER}\x03/a\n`);
    far.write(`${HEADER}\x03na\n`);
    await until('it proposes the next', () => far.readableLength > 0);
    expect(taken(far)).toBe('\x03/b\n');
    far.write('\x03/b\n');
    expect(await selected).toBe('/b');

    const [listener, dialler] = duplexPair();
    const handled = handle(listener, ['/b', '/long']);
    dialler.write(`${HEADER}\x03ls\n\x03/a\n${HEADER}\x03/b\n`);
    expect(await handled).toBe('/b');
    expect(taken(dialler)).toBe(`${HEADER}\x0c\x03/b\n\x06/long\n\n\x03na\n${HEADER}\x03/b\n`);
  });

  it('read no byte behind the negotiation, however the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 40 })), fc.boolean(), async (cuts, dials) => {
        const [near, far] = duplexPair();
        const said = Buffer.from(`${HEADER}${dials ? '\x03na\n' : '\x04/no\n'}\x06/yes!\nand then`, 'latin1');
        const negotiated = dials ? select(near, ['/no', '/yes!']) : handle(near, ['/yes!']);
        let offset = 0;
        for (const cut of [...cuts, said.length]) {
          far.write(said.subarray(offset, offset + cut));
          offset += cut;
          await new Promise((resolve) => setImmediate(resolve));
        }
        expect(await soon('the negotiation', negotiated)).toBe('/yes!');
        expect(near.listenerCount('readable')).toBe(0);
        const rest: Buffer[] = [];
        near.on('data', (chunk: Buffer) => rest.push(chunk));
        await until('the rest comes', () => Buffer.concat(rest).length === 8);
        expect(String(Buffer.concat(rest))).toBe('and then');
      }),
      { numRuns: 60 },
    );
  });

  it('a protocol may have as many bytes as fit a message, and no more', async () => {
    const longest = `/${'ü'.repeat(511)}`;
    expect(Buffer.byteLength(longest)).toBe(1_023);
    const [left, right] = duplexPair();
    // Too long to be listed beside itself, so the listener is one of the test.
    const selected = select(left, [longest]);
    right.write(Buffer.concat([Buffer.from(HEADER), Buffer.of(0x80, 0x08), Buffer.from(`${longest}\n`)]));
    expect(await selected).toBe(longest);
    await expect(select(left, [`${longest}x`])).rejects.toMatchObject({ code: 'P2P_ERR_INVALID_CONFIG' });
  });

  it('list() answers what the listener speaks, and select() may follow', async () => {
    const [left, right] = duplexPair();
    const protocols = ['/noise', `/${'long'.repeat(50)}`, '/c'];
    const handled = handle(right, protocols);
    expect(await list(left)).toEqual(protocols);
    expect(await select(left, ['/c'])).toBe('/c');
    expect(await handled).toBe('/c');
  });

  it('the header goes out once on a stream, however often it is asked for the list, and anew for the next agreement', async () => {
    const [near, far] = duplexPair();
    const lists = '\x05\x03/c\n\n'.repeat(2);
    far.write(`${HEADER}${lists}\x03/c\n${HEADER}\x03/d\n`, 'latin1');
    expect([await list(near), await list(near)]).toEqual([['/c'], ['/c']]);
    expect([await select(near, ['/c']), await select(near, ['/d'])]).toEqual(['/c', '/d']);
    expect(taken(far)).toBe(`${HEADER}\x03ls\n\x03ls\n\x03/c\n${HEADER}\x03/d\n`);
  });

  it('list() takes a list of up to 64 KiB', async () => {
    const name = `/${'n'.repeat(61)}`;
    const entry = Buffer.concat([Buffer.of(63), Buffer.from(`${name}\n`)]);
    const listOf = (count: number, length = count * 64 + 1): Buffer =>
      Buffer.concat([
        Buffer.from(HEADER),
        Buffer.of((length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14),
        ...Array<Buffer>(count).fill(entry),
        Buffer.from('\n'),
      ]);
    expect(await against((stream) => list(stream), listOf(1_023)).result).toEqual(Array(1_023).fill(name));
    await expect(against((stream) => list(stream), listOf(1_024)).result).rejects.toMatchObject({
      code: 'P2P_ERR_FRAME_TOO_LARGE',
    });
  });

  it('list() takes an `na` for an empty list', async () => {
    expect(await against((stream) => list(stream), `${HEADER}\x03na\n`).result).toEqual([]);
  });

  it('work over the handshake of a node, and lose no byte', async () => {
    const transport = memoryTransport();
    const heard: string[] = [];
    const agreed: string[] = [];
    const make = () =>
      new PeerNode<string>({ codec: textCodec(), transport, listen: { host: '10.0.0.1', port: 0 } });
    await using bob = make().use({
      onHandshake: async (handshake) => void agreed.push(await handle(handshake, ['/chat/1', '/chat/2'])),
      onMessage: (message) => void heard.push(message),
    });
    await using alice = make().use({
      onHandshake: async (handshake) => void agreed.push(await select(handshake, ['/chat/3', '/chat/2'])),
    });
    const connection = await alice.connect(await bob.listen());
    await connection.send('hello');
    await until('it is heard', () => heard.length === 1);
    expect([agreed, heard]).toEqual([['/chat/2', '/chat/2'], ['hello']]);
  });
});

describe('what is refused', () => {
  const dial = (stream: Duplex) => select(stream, ['/a', '/b']);
  const answer = (stream: Duplex) => handle(stream, ['/a']);

  it.each<[string, (stream: Duplex) => Promise<unknown>, string | Buffer, string]>([
    ['a listener that speaks none', dial, `${HEADER}\x03na\n\x03na\n`, 'P2P_ERR_HANDSHAKE_REJECTED'],
    ['a listener that takes what nobody proposed', dial, `${HEADER}\x03/c\n`, 'P2P_ERR_INVALID_FRAME'],
    ['a listener with another header', dial, '\x0f/multistream/2\n', 'P2P_ERR_INVALID_FRAME'],
    ['a listener that goes away', dial, `${HEADER}\x03n`, 'P2P_ERR_HANDSHAKE_ENDED'],
    ['a dialler without a header', answer, '\x03/a\n', 'P2P_ERR_INVALID_FRAME'],
    ['a dialler that speaks HTTP', answer, 'GET / HTTP/1.1\r\n\r\n'.padEnd(90), 'P2P_ERR_INVALID_FRAME'],
    ['a dialler that goes away', answer, HEADER, 'P2P_ERR_HANDSHAKE_ENDED'],
    ['a message without a newline', answer, `${HEADER}\x03/ab`, 'P2P_ERR_INVALID_FRAME'],
    ['an empty message', answer, `${HEADER}\x00`, 'P2P_ERR_INVALID_FRAME'],
    ['a message of 1025 bytes', answer, `${HEADER}\x81\x08`, 'P2P_ERR_FRAME_TOO_LARGE'],
    ['a length of three bytes', answer, `${HEADER}\xff\xff\x01`, 'P2P_ERR_FRAME_TOO_LARGE'],
    ['a length longer than it has to be', answer, `${HEADER}\x83\x00/a\n`, 'P2P_ERR_INVALID_FRAME'],
    ['proposals without end', answer, HEADER + '\x03/x\n'.repeat(127), 'P2P_ERR_HANDSHAKE_REJECTED'],
    ['lists without end', answer, HEADER + '\x03ls\n'.repeat(127), 'P2P_ERR_HANDSHAKE_REJECTED'],
    [
      'a list that ends in the middle',
      (stream) => list(stream),
      `${HEADER}\x04\x09/\n\n`,
      'P2P_ERR_INVALID_FRAME',
    ],
    ['a list with an empty entry', (stream) => list(stream), `${HEADER}\x02\x00\n`, 'P2P_ERR_INVALID_FRAME'],
  ])('%s', async (_what, negotiate, bytes, code) => {
    const { result, near } = against(negotiate, Buffer.from(bytes as string, 'latin1'));
    await expect(result).rejects.toMatchObject({ code });
    for (const event of ['readable', 'error', 'close']) expect(near.listenerCount(event)).toBe(0);
  });

  it('whatever a peer says, it ends with one of these codes or a protocol', async () => {
    const piece = fc.constantFrom(HEADER, '\x03na\n', '\x03/a\n', '\x03ls\n', '\x03/b\n', '\x82', '\n');
    const said = fc.array(fc.oneof(piece, fc.string()), { maxLength: 12 }).map((pieces) => pieces.join(''));
    await fc.assert(
      fc.asyncProperty(said, fc.constantFrom(dial, answer), async (text, negotiate) => {
        const outcome = await against(negotiate, text).result.catch((error: { code: string }) => error.code);
        expect(String(outcome)).toMatch(
          /^\/[ab]$|^P2P_ERR_(HANDSHAKE_(REJECTED|ENDED)|INVALID_FRAME|FRAME_TOO_LARGE)$/,
        );
      }),
      { numRuns: 300 },
    );
  });

  it.each([dial, answer])(
    'an abort ends the wait: P2P_ERR_ABORTED, and nobody listens any more',
    async (negotiate) => {
      const abort = new AbortController();
      const [near] = duplexPair();
      const { signal } = abort;
      const waiting =
        negotiate === dial ? select(near, ['/a'], { signal }) : handle(near, ['/a'], { signal });
      await new Promise((resolve) => setImmediate(resolve));
      abort.abort('enough');
      await expect(soon('the end', waiting)).rejects.toMatchObject({
        code: 'P2P_ERR_ABORTED',
        cause: 'enough',
      });
      for (const event of ['readable', 'end', 'close'])
        expect(near.listenerCount(event)).toBeLessThanOrEqual(1);
      await expect(select(near, ['/a'], { signal })).rejects.toMatchObject({ code: 'P2P_ERR_ABORTED' });
    },
  );

  it('a stream that fails: P2P_ERR_HANDSHAKE_ENDED with its error as the cause', async () => {
    const [near] = duplexPair();
    const waiting = answer(near);
    near.destroy(new Error('cable cut'));
    await expect(soon('the end', waiting)).rejects.toMatchObject({
      code: 'P2P_ERR_HANDSHAKE_ENDED',
      cause: { message: 'cable cut' },
    });
    await expect(answer(near)).rejects.toMatchObject({ code: 'P2P_ERR_HANDSHAKE_ENDED' });
    await expect(dial(near)).rejects.toMatchObject({ code: 'P2P_ERR_HANDSHAKE_ENDED' });
  });

  it.each([[[]], [['noise']], [['/a\n/b']], [[7]], [Array<string>(65).fill('/a')], ['/a']])(
    'protocols %j',
    async (protocols) => {
      const [near] = duplexPair();
      for (const negotiate of [select, handle]) {
        await expect(negotiate(near, protocols as string[])).rejects.toMatchObject({
          code: 'P2P_ERR_INVALID_CONFIG',
        });
      }
    },
  );

  it('protocols that do not fit one list', async () => {
    const [near] = duplexPair();
    const protocols = ['/a', '/b'].map((name) => name.padEnd(600, 'x'));
    await expect(handle(near, protocols)).rejects.toMatchObject({ code: 'P2P_ERR_INVALID_CONFIG' });
  });
});

it.each([NaN, -1, '4'])('readExactly() of %p bytes is a RangeError', async (size) => {
  await expect(readExactly(duplexPair()[0], size as number)).rejects.toThrow(RangeError);
});

it.each([{ signal: 5 }, null])(
  'the options %j, and what is no stream, are P2P_ERR_INVALID_CONFIG',
  async (options) => {
    const refused = { code: 'P2P_ERR_INVALID_CONFIG' };
    await expect(select(duplexPair()[0], ['/a'], options as never)).rejects.toMatchObject(refused);
    await expect(handle(null as never, ['/a'])).rejects.toMatchObject(refused);
  },
);
