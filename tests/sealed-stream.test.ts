import { once } from 'node:events';
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it } from '@jest/globals';
import { lines } from '@pea2pea/codecs';
import { NEED_MORE, PeerError, PeerNode, type ByteQueue, type Handshake, type Hooks } from '@pea2pea/core';
import { sealedStream, type SealedStreamOptions } from '@pea2pea/core/authoring';
import { seededRandom } from '@pea2pea/core/testing';
import { hostileValues, until } from '@pea2pea/testing';

const TAG = 16;
const HEAD = 2;
const KEY = Buffer.alloc(32, 7);

function nonceOf(count: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(count, 8);
  return nonce;
}

/** Records of `length, ciphertext, tag` with a counter as nonce; an empty one ends the stream, as in the box streams of SSB. */
function box(): SealedStreamOptions {
  let sent = 0;
  let received = 0;
  const seal = (plaintext: Uint8Array): Buffer => {
    const cipher = createCipheriv('aes-256-gcm', KEY, nonceOf(sent++));
    const sealed = Buffer.concat([
      Buffer.alloc(HEAD),
      cipher.update(plaintext),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
    sealed.writeUInt16BE(sealed.length - HEAD);
    return sealed;
  };
  const open = (input: ByteQueue) => {
    if (input.length < HEAD) return NEED_MORE;
    const length = input.peekUInt(0, HEAD);
    if (length < TAG) throw new PeerError('P2P_ERR_INVALID_FRAME', 'a record has no room for its tag');
    if (input.length < HEAD + length) return NEED_MORE;
    input.skip(HEAD);
    const record = input.read(length);
    const decipher = createDecipheriv('aes-256-gcm', KEY, nonceOf(received++));
    decipher.setAuthTag(record.subarray(-TAG));
    const plaintext = Buffer.concat([decipher.update(record.subarray(0, -TAG)), decipher.final()]);
    return plaintext.length === 0 ? null : plaintext;
  };
  return { seal, open, sealEnd: () => seal(Buffer.alloc(0)), maxPlaintextLength: 1_000 };
}

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const dialled = connect({
    port: (server.address() as { port: number }).port,
    host: '127.0.0.1',
    allowHalfOpen: true,
  });
  const [inbound] = await accepted;
  server.close();
  sockets.push(dialled, inbound);
  return [dialled, inbound];
}

/** Listens, as iterating would destroy the stream in the end, and with it the other half. */
async function readAll(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  return Buffer.concat(chunks);
}

/** What arrives, and the error that ends it. */
function collect(stream: NodeJS.ReadableStream): { bytes: string; error: unknown } {
  const seen = { bytes: '', error: undefined as unknown };
  stream.on('data', (chunk: Buffer) => (seen.bytes += String(chunk)));
  stream.on('error', (error: unknown) => void (seen.error = error));
  return seen;
}

describe('a sealed stream', () => {
  it('carries bytes both ways, however they are cut, and ends each half by itself', async () => {
    const [a, b] = await socketPair();
    const [alice, bob] = [sealedStream(a, box()), sealedStream(b, box())];
    const random = seededRandom(3);
    const sent = [Buffer.alloc(300_000), Buffer.alloc(70_000)].map((bytes) =>
      bytes.map(() => random.next() * 256),
    );
    const heard = [readAll(alice), readAll(bob)] as const;
    for (const [stream, bytes] of [
      [alice, sent[0]!],
      [bob, sent[1]!],
    ] as const) {
      for (let at = 0; at < bytes.length;) {
        const size = 1 + Math.floor(random.next() ** 3 * 5_000);
        if (!stream.write(bytes.subarray(at, at + size))) await once(stream, 'drain');
        at += size;
      }
    }
    alice.end();
    expect((await heard[1]).equals(sent[0]!)).toBe(true);
    bob.end('!'); // it may go on after the end of the peer
    expect((await heard[0]).equals(Buffer.concat([sent[1]!, Buffer.from('!')]))).toBe(true);
  });

  it('ends with P2P_ERR_INVALID_FRAME for a record that cannot be opened, after what came before', async () => {
    const [a, b] = await socketPair();
    const seen = collect(sealedStream(b, box()));
    const { seal } = box();
    const forged = Buffer.from(seal(Buffer.from('two')));
    forged[5]! ^= 1;
    a.write(Buffer.concat([box().seal(Buffer.from('one')), forged]));
    await until('the stream failed', () => seen.error !== undefined);
    expect(seen).toMatchObject({
      bytes: 'one',
      error: { code: 'P2P_ERR_INVALID_FRAME', cause: expect.anything() as unknown },
    });
    await until('the socket is gone', () => b.destroyed);
  });

  it.each([
    ['inside a record', (whole: Buffer) => whole.subarray(0, 9)],
    ['between two records, without its last one', (whole: Buffer) => whole],
  ])('that is cut %s ends with P2P_ERR_TRUNCATED_FRAME', async (_where, cut) => {
    const [a, b] = await socketPair();
    const seen = collect(sealedStream(b, box()));
    a.end(cut(Buffer.from(box().seal(Buffer.from('one')))));
    await until('the stream failed', () => seen.error !== undefined);
    expect(seen.error).toMatchObject({ code: 'P2P_ERR_TRUNCATED_FRAME' });
  });

  it('without a last record ends where the stream below ends, and skips records without content', async () => {
    const [a, b] = await socketPair();
    const open = (input: ByteQueue) =>
      input.read(1)[0] === 0x2e ? Buffer.alloc(0) : input.length < 1 ? NEED_MORE : input.read(1);
    const stream = sealedStream(b, { seal: (bytes) => bytes, open });
    a.end('.xa..xb.');
    expect((await readAll(stream)).toString()).toBe('ab');
  });

  it('does not read ahead of its reader, and lets no record grow without a limit', async () => {
    const [a, b] = await socketPair();
    let opened = 0;
    const stream = sealedStream(b, {
      seal: (bytes) => bytes,
      open: (input) => (opened++, input.read(Math.min(input.length, 100))),
    });
    a.write(Buffer.alloc(2_000_000));
    await new Promise((resolve) => setImmediate(resolve));
    expect(opened).toBe(0);
    stream.once('data', () => stream.pause());
    await until('some were opened', () => opened > 0);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(opened).toBeLessThan(200);

    const [c, d] = await socketPair();
    const seen = collect(
      sealedStream(d, { seal: (bytes) => bytes, open: () => NEED_MORE, maxRecordLength: 1_000 }),
    );
    c.write(Buffer.alloc(1_001));
    await until('it failed', () => seen.error !== undefined);
    expect(seen.error).toMatchObject({ code: 'P2P_ERR_FRAME_TOO_LARGE' });
  });

  it('tells that its functions are wrong, not the peer', async () => {
    for (const [open, code] of [
      [(input: ByteQueue) => (input.skip(1), 'text'), 'P2P_ERR_BAD_DECODER'],
      [() => Buffer.from('again'), 'P2P_ERR_STALLED_DECODER'],
    ] as const) {
      const [a, b] = await socketPair();
      const seen = collect(sealedStream(b, { seal: (bytes) => bytes, open: open as never }));
      a.write('x');
      await until('it failed', () => seen.error !== undefined);
      expect(seen.error).toMatchObject({ code });
    }
    const [a] = await socketPair();
    const stream = sealedStream(a, { seal: (() => 'text') as never, open: () => NEED_MORE });
    const failed = new Promise<unknown>((resolve) => stream.write('x', resolve));
    stream.on('error', () => {});
    expect(await failed).toMatchObject({ code: 'P2P_ERR_BAD_DECODER' });
  });

  it.each([
    ['`seal`', { open: () => NEED_MORE }],
    ['`open`', { seal: () => Buffer.alloc(0) }],
    ['`sealEnd`', { ...box(), sealEnd: Buffer.alloc(0) }],
    ['`maxPlaintextLength`', { ...box(), maxPlaintextLength: 0 }],
    ['`maxRecord`', { ...box(), maxRecord: 1 }],
  ])('refuses options, naming %s', async (named, options) => {
    const [a] = await socketPair();
    expect(() => sealedStream(a, options as never)).toThrow(named);
  });
});

describe('a connection over a sealed stream', () => {
  const secure: Hooks<string> = {
    onHandshake(handshake: Handshake) {
      handshake.upgrade(sealedStream(handshake.takeStream(), box()), { neverReenters: true });
    },
  };

  it('carries messages, says its last words, and ends in order', async () => {
    const heard: string[] = [];
    const ends: unknown[] = [];
    await using server = new PeerNode({ codec: lines() }).use(secure).use({
      async onMessage(message, connection) {
        heard.push(message);
        await connection.send(`${message}!`);
      },
      onDisconnect: (_connection, reason) => void ends.push(reason),
    });
    await using client = new PeerNode({ codec: lines() }).use(secure);
    const connection = await client.connect(await server.listen({ host: '127.0.0.1', port: 0 }));
    await connection.send('hello');
    expect(await connection.next()).toBe('hello!');
    await connection.send('x'.repeat(50_000));
    await connection.disconnect();
    await until('the server noticed', () => ends.length === 1);
    expect(heard.map(({ length }) => length)).toEqual([5, 50_000]);
    expect(ends).toEqual([{ origin: 'reading', cause: 'ended' }]);
  });

  it('ends with invalid-frame where the peer forges a record', async () => {
    await using server = new PeerNode({ codec: lines() }).use(secure).use({ onMessage() {} });
    const reasons: unknown[] = [];
    server.use({ onDisconnect: (_connection, reason) => void reasons.push(reason) });
    const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => {});
    socket.write(Buffer.concat([Buffer.from([0, 20]), Buffer.alloc(20)]));
    await until('it ended', () => reasons.length === 1);
    expect(reasons).toMatchObject([
      { origin: 'reading', cause: 'invalid-frame', error: { code: 'P2P_ERR_INVALID_FRAME' } },
    ]);
  });
});

describe('functions of a sealed stream that throw', () => {
  const CODES = {
    seal: 'P2P_ERR_ENCODE_FAILED',
    sealEnd: 'P2P_ERR_ENCODE_FAILED',
    open: 'P2P_ERR_INVALID_FRAME',
  } as const;

  it.each(['seal', 'open', 'sealEnd'] as const)(
    '%s: whatever is thrown, the stream is destroyed, and no write succeeds',
    async (name) => {
      for (const value of [0, '', ...hostileValues().map(([, make]) => make().value)]) {
        const [a, b] = await socketPair();
        const bad = (): never => {
          throw value as Error;
        };
        const stream = sealedStream(a, { ...box(), [name]: bad });
        const failed = once(stream, 'error') as Promise<[PeerError]>;
        const written: unknown[] = [];
        stream.resume();
        if (name === 'open') b.write('hello');
        else if (name === 'seal') stream.write('hello', (error) => void written.push(error));
        else stream.end();
        const [error] = await failed;
        expect(PeerError.is(error) && (PeerError.is(value) || error.code === CODES[name])).toBe(true);
        expect(written.filter((each) => each === undefined || each === null)).toEqual([]);
        await until('the stream below is gone, too', () => a.destroyed);
      }
    },
  );
});

describe('functions of a sealed stream that are asynchronous', () => {
  it.each(['seal', 'open', 'sealEnd'] as const)(
    '%s: a promise of another realm is refused, and handled',
    async (name) => {
      const strays: unknown[] = [];
      const onStray = (error: unknown): void => void strays.push(error);
      process.on('unhandledRejection', onStray);
      const [a, b] = await socketPair();
      const foreign = runInNewContext('() => Promise.reject(new Error("oops"))') as () => never;
      const stream = sealedStream(a, { ...box(), [name]: foreign });
      const failed = once(stream, 'error') as Promise<[PeerError]>;
      stream.resume();
      if (name === 'open') b.write('hello');
      else if (name === 'seal') stream.write('hello');
      else stream.end();
      const [error] = await failed;
      expect(PeerError.is(error, 'P2P_ERR_BAD_DECODER')).toBe(true);
      await until('the stream below is gone, too', () => a.destroyed);
      process.off('unhandledRejection', onStray);
      expect(strays).toEqual([]);
    },
  );

  const late = (): never => Promise.reject(new Error('oops')) as never;

  it.each(['seal', 'open', 'sealEnd'] as const)(
    '%s: P2P_ERR_BAD_DECODER, and no stray rejection',
    async (name) => {
      const strays: unknown[] = [];
      const onStray = (error: unknown): void => void strays.push(error);
      process.on('unhandledRejection', onStray);
      const [a, b] = await socketPair();
      const stream = sealedStream(a, { ...box(), [name]: late });
      const failed = once(stream, 'error') as Promise<[PeerError]>;
      stream.once('close', () => b.destroy());
      stream.resume();
      if (name === 'open') b.write('hello');
      else if (name === 'seal') stream.write('hello');
      else stream.end();
      const [error] = await failed.catch((thrown: unknown) => [thrown as PeerError]);
      expect(error).toMatchObject({ code: 'P2P_ERR_BAD_DECODER' });
      await until('the other side ended', () => b.destroyed);
      process.off('unhandledRejection', onStray);
      expect(strays).toEqual([]);
    },
  );
});
