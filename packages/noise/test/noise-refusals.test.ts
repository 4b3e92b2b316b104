import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { peerIdentity, tcpTransport } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { noiseHandshake, type NoiseOptions } from '@pea2pea/noise';
import { uniquePeer, UniquePeer } from '@pea2pea/policies';
import { soon, turn, until } from '@pea2pea/testing';
import { ALICE, BOB, MALLORY, party, wireOf, XX, type Party } from './noise-lab.js';

const IK = 'Noise_IK_25519_ChaChaPoly_SHA256';
const PSK3 = 'Noise_XXpsk3_25519_ChaChaPoly_SHA256';

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

/** A bare TCP connection: somebody who may do anything. */
async function rawTo({ address }: Party): Promise<Socket> {
  const socket = connect(address.port, address.host).on('error', () => {});
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

/** `node` refused one peer with `code` and one line, holds no slot for it, and goes on serving others. */
async function refusedOnce(node: Party, code: string, friend: Partial<NoiseOptions>): Promise<void> {
  await until('it was refused', () => node.warnings.length > 0 && node.node.connecting === 0);
  expect(node.warnings.map(({ fields }) => fields['code'])).toEqual([code]);
  expect(node.node.connections.size).toBe(0);
  await using other = await party(friend, { transport: node.node.config.transport });
  const connection = await other.node.connect(node.address);
  await connection.send('is there anybody?');
  await until('others are served', () => node.messages.length === 1);
  expect(node.warnings).toHaveLength(1);
}

describe('a peer is refused with a code and one log line, and others are served', () => {
  const psk = (byte: number): Buffer => Buffer.alloc(32, byte);
  const prologue = (text: string): Buffer => Buffer.from(text);
  const knowsBob = { pattern: IK, remoteStaticKey: BOB.publicKey };

  it.each<[string, Partial<NoiseOptions>, Partial<NoiseOptions>, string, Partial<NoiseOptions>]>([
    [
      'that takes us for somebody else',
      { ...knowsBob, remoteStaticKey: MALLORY.publicKey },
      { pattern: IK },
      'P2P_ERR_INVALID_FRAME',
      knowsBob,
    ],
    [
      'with another psk',
      { pattern: PSK3, psk: psk(1) },
      { pattern: PSK3, psk: psk(2) },
      'P2P_ERR_INVALID_FRAME',
      { pattern: PSK3, psk: psk(2) },
    ],
    ['with a shorter pattern', {}, { pattern: IK }, 'P2P_ERR_INVALID_FRAME', knowsBob],
    [
      'with another prologue',
      { pattern: IK, remoteStaticKey: BOB.publicKey, prologue: prologue('v1') },
      { pattern: IK, prologue: prologue('v2') },
      'P2P_ERR_INVALID_FRAME',
      { ...knowsBob, prologue: prologue('v2') },
    ],
    [
      'with another cipher',
      { ...knowsBob, pattern: 'Noise_IK_25519_AESGCM_SHA256' },
      { pattern: IK },
      'P2P_ERR_INVALID_FRAME',
      knowsBob,
    ],
    [
      'with another hash',
      { ...knowsBob, pattern: 'Noise_IK_25519_ChaChaPoly_BLAKE2s' },
      { pattern: IK },
      'P2P_ERR_INVALID_FRAME',
      knowsBob,
    ],
    [
      'that authorize does not want',
      { staticKey: MALLORY },
      { authorize: ({ identity }) => identity === ALICE.publicKey.toString('hex') },
      'P2P_ERR_HANDSHAKE_REJECTED',
      {},
    ],
    [
      'whose payload is longer than allowed',
      { payload: Buffer.alloc(101) },
      { maxPayloadLength: 100 },
      'P2P_ERR_FRAME_TOO_LARGE',
      { payload: Buffer.alloc(100) },
    ],
  ])('%s', async (_, dialler, listener, code, friend) => {
    const transport = tcpTransport();
    await using bob = await party({ staticKey: BOB, ...listener }, { transport });
    await using alice = await party(dialler, { transport });
    const dialled = await alice.node.connect(bob.address).catch((error: { code: string }) => error);
    // Who writes the last message has the connection before it can be refused.
    if ('closed' in dialled) expect(await dialled.closed).toMatchObject({ origin: 'reading' });
    else expect(dialled.code).toBe('P2P_ERR_HANDSHAKE_ENDED');
    expect(alice.node.connecting).toBe(0);
    await refusedOnce(bob, code, friend);
  });

  it('that is dialled and has another prologue', async () => {
    await using bob = await party({ staticKey: BOB, prologue: prologue('v2') });
    await using alice = await party({ prologue: prologue('v1') }, { transport: bob.node.config.transport });
    await expect(alice.node.connect(bob.address)).rejects.toMatchObject({ code: 'P2P_ERR_INVALID_FRAME' });
    expect(alice.warnings.map(({ fields }) => fields['code'])).toEqual(['P2P_ERR_INVALID_FRAME']);
    await refusedOnce(bob, 'P2P_ERR_HANDSHAKE_ENDED', { prologue: prologue('v2') });
  });

  it('that is dialled and that authorize does not want: it never learns our key', async () => {
    const asked: string[] = [];
    await using bob = await party({
      staticKey: BOB,
      authorize: ({ identity }) => asked.push(identity) > 0,
    });
    await using alice = await party(
      { authorize: () => Promise.resolve(false) },
      { transport: bob.node.config.transport },
    );
    await expect(alice.node.connect(bob.address)).rejects.toMatchObject({
      code: 'P2P_ERR_HANDSHAKE_REJECTED',
    });
    expect(alice.warnings).toHaveLength(1);
    await refusedOnce(bob, 'P2P_ERR_HANDSHAKE_ENDED', {});
    expect(asked).toEqual([ALICE.publicKey.toString('hex')]); // the one that was let in
  });

  it('when authorize throws', async () => {
    let isBroken = true;
    const authorize = (): boolean => {
      if (isBroken) throw new Error('no database');
      return true;
    };
    await using bob = await party({ staticKey: BOB, authorize });
    await using alice = await party({}, { transport: bob.node.config.transport });
    const connection = await alice.node.connect(bob.address).catch(() => undefined);
    await connection?.closed;
    isBroken = false;
    await refusedOnce(bob, 'P2P_ERR_HANDSHAKE_FAILED', {});
    expect(bob.warnings[0]!.fields['err']).toMatchObject({ message: expect.stringContaining('no database') });
  });

  it.each(['GET / HTTP/1.1\r\n\r\n', 'hello\n', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'])(
    'that speaks another protocol, at its first bytes: %j',
    async (text) => {
      await using bob = await party({ staticKey: BOB }, { transport: tcpTransport() });
      const socket = await rawTo(bob);
      socket.write(text, 'latin1');
      await refusedOnce(bob, 'P2P_ERR_FRAME_TOO_LARGE', {});
    },
  );

  it.each([0, 31])('whose first message has %d bytes, before they came', async (length) => {
    await using bob = await party({ staticKey: BOB }, { transport: tcpTransport() });
    const socket = await rawTo(bob);
    socket.write(Buffer.from([0, length]));
    await refusedOnce(bob, 'P2P_ERR_INVALID_FRAME', {});
  });

  it('whose ephemeral key is a point of low order', async () => {
    await using bob = await party({ staticKey: BOB }, { transport: tcpTransport() });
    const socket = await rawTo(bob);
    socket.write(Buffer.concat([Buffer.from([0, 32]), Buffer.alloc(32)]));
    await refusedOnce(bob, 'P2P_ERR_INVALID_FRAME', {});
    expect(bob.warnings[0]!.fields['err']).toMatchObject({ message: expect.stringContaining('low order') });
  });

  it('that stops in the middle of the handshake, when its time is over', async () => {
    const clock = new ControlledClock();
    await using bob = await party({ staticKey: BOB }, { transport: tcpTransport(), config: { clock } });
    const socket = await rawTo(bob);
    const answered = once(socket, 'data');
    socket.write(Buffer.concat([Buffer.from([0, 32]), ALICE.publicKey]));
    await soon('the second message', answered);
    socket.write(Buffer.from([0, 64, 1, 2, 3]));
    await until('it waits', () => bob.node.connecting === 1);
    expect(bob.warnings).toEqual([]);
    clock.advance(3_000);
    await refusedOnce(bob, 'P2P_ERR_HANDSHAKE_TIMEOUT', {});
  });

  it('that is dialled and says nothing, when its time is over', async () => {
    const clock = new ControlledClock();
    const silent = createServer((socket) => void sockets.push(socket.resume())).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    await using alice = await party({}, { transport: tcpTransport(), config: { clock } });
    const dialled = alice.node.connect({ host: '127.0.0.1', port });
    dialled.catch(() => {});
    await until('it has our first message', () => (sockets[0]?.bytesRead ?? 0) > 0);
    silent.close();
    clock.advance(3_000);
    await expect(soon('the end', dialled)).rejects.toMatchObject({ code: 'P2P_ERR_HANDSHAKE_TIMEOUT' });
    expect(alice.warnings).toHaveLength(1);
    expect([alice.node.connecting, alice.node.connections.size]).toEqual([0, 0]);
    await until('the other side noticed', () => sockets[0]!.closed);
  });

  it('that is dialled, speaks lines, and leaves at one that is not UTF-8', async () => {
    const clock = new ControlledClock(); // time stands still: no deadline ends it
    await using plain = await party(undefined, { transport: tcpTransport(), config: { clock } });
    // The key that is sent before it is random: whether that has a line feed is left to chance.
    const payload = Buffer.from('\xff\n', 'latin1');
    await using alice = await party(
      { payload: ({ index }) => (index === 0 ? payload : undefined) },
      { transport: tcpTransport(), config: { clock } },
    );
    const dialled = alice.node.connect(plain.address);
    await expect(soon('the end', dialled)).rejects.toMatchObject({ code: 'P2P_ERR_HANDSHAKE_ENDED' });
    expect(alice.warnings).toHaveLength(1);
    await until('it has left', () => plain.reasons.length === 1);
    expect(plain.reasons[0]).toMatchObject({ cause: 'invalid-frame' });
  });

  it('that is dialled without its key being known', async () => {
    await using bob = await party({ staticKey: BOB, pattern: IK });
    await using alice = await party(
      { pattern: IK, remoteStaticKey: () => undefined },
      { transport: bob.node.config.transport },
    );
    await expect(alice.node.connect(bob.address)).rejects.toMatchObject({
      code: 'P2P_ERR_INVALID_CONFIG',
      message: expect.stringContaining('`remoteStaticKey` is missing'),
    });
    await refusedOnce(bob, 'P2P_ERR_HANDSHAKE_ENDED', { pattern: IK, remoteStaticKey: () => BOB.publicKey });
  });
});

describe('a first message that somebody recorded and repeats', () => {
  /** Opens and closes an IK connection; answers what its initiator wrote first. */
  async function recorded(bob: Party): Promise<Buffer> {
    const socket = await rawTo(bob);
    const wire = wireOf(socket);
    const written: Buffer[] = [];
    await noiseHandshake(
      { read: wire.read, write: (bytes) => (written.push(Buffer.from(bytes)), wire.write(bytes)) },
      { pattern: IK, initiator: true, staticKey: ALICE, remoteStaticKey: BOB.publicKey },
    );
    await until('it is connected', () => bob.opened.length === 1);
    socket.end();
    await until('it has left', () => bob.reasons.length === 1);
    return written[0]!;
  }

  it('opens no connection', async () => {
    await using bob = await party({ staticKey: BOB, pattern: IK }, { transport: tcpTransport() });
    const first = await recorded(bob);
    const socket = await rawTo(bob);
    const answered = once(socket, 'data');
    socket.write(first);
    await soon('the answer', answered);
    socket.write(Buffer.concat([Buffer.from([0, 16]), Buffer.alloc(16)]));
    await refusedOnceAfter(bob);
    expect(bob.opened).toHaveLength(1);
  });

  it('opens one with keyConfirmation: false, on which nothing can be said', async () => {
    await using bob = await party(
      { staticKey: BOB, pattern: IK, keyConfirmation: false },
      { transport: tcpTransport() },
    );
    const first = await recorded(bob);
    const socket = await rawTo(bob);
    socket.write(first);
    await until('it is connected', () => bob.opened.length === 2);
    socket.write(Buffer.concat([Buffer.from([0, 16]), Buffer.alloc(16)]));
    await until('it ends', () => bob.reasons.length === 2);
    expect(bob.reasons[1]).toMatchObject({ origin: 'reading', cause: 'invalid-frame' });
    expect(bob.messages).toEqual([]);
  });

  async function refusedOnceAfter(bob: Party): Promise<void> {
    await until('it was refused', () => bob.warnings.length > 0 && bob.node.connecting === 0);
    expect(bob.warnings.map(({ fields }) => fields['code'])).toEqual(['P2P_ERR_INVALID_FRAME']);
  }
});

describe('messages behind the handshake', () => {
  /** A client whose bytes we can change, in a connection of its own. */
  async function client(bob: Party) {
    const socket = await rawTo(bob);
    const channel = await noiseHandshake(wireOf(socket), { pattern: XX, initiator: true, staticKey: ALICE });
    let change: (messages: Buffer) => Buffer | readonly Buffer[] = (message) => message;
    const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
    socket.write = (message: Buffer, ...rest: unknown[]) =>
      write(Buffer.concat([change(message)].flat()), ...rest);
    const stream = channel.secure(socket);
    stream.on('error', () => {});
    return { stream, changeWith: (next: typeof change) => void (change = next) };
  }

  it.each<[string, (sealed: Buffer) => Buffer | readonly Buffer[]]>([
    ['tampered with', (sealed) => Buffer.from(sealed.map((byte, at) => (at === 4 ? byte ^ 1 : byte)))],
    ['repeated', (sealed) => [sealed, sealed]],
    ['cut and followed by others', (sealed) => [sealed.subarray(0, -1), sealed]],
  ])('that are %s end their connection with invalid-frame, and no other', async (_, change) => {
    await using bob = await party({ staticKey: BOB }, { transport: tcpTransport() });
    const [good, bad] = [await client(bob), await client(bob)];
    await until('both are connected', () => bob.opened.length === 2);
    bad.stream.write('before\n');
    await until('it was heard', () => bob.messages.length === 1);
    bad.changeWith(change);
    bad.stream.write('once\n');
    await until('it ended', () => bob.reasons.length === 1);
    expect(bob.reasons[0]).toMatchObject({
      origin: 'reading',
      cause: 'invalid-frame',
      error: { code: 'P2P_ERR_INVALID_FRAME' },
    });
    good.stream.write('after\n');
    await until('the other is heard', () => bob.messages.at(-1) === 'after');
    expect(bob.messages.every((text) => ['before', 'once', 'after'].includes(text))).toBe(true);
    expect(bob.messages.filter((text) => text === 'once').length).toBeLessThan(2);
  });

  it('that are cut by the end of the connection are a truncated frame', async () => {
    await using bob = await party({ staticKey: BOB }, { transport: tcpTransport() });
    const { stream, changeWith } = await client(bob);
    changeWith((sealed) => sealed.subarray(0, -1));
    stream.end('never whole\n');
    await until('it ended', () => bob.reasons.length === 1);
    expect(bob.reasons[0]).toMatchObject({
      cause: 'invalid-frame',
      error: { code: 'P2P_ERR_TRUNCATED_FRAME' },
    });
    expect(bob.messages).toEqual([]);
  });
});

describe('who sits on the line', () => {
  it('cannot put plaintext behind the last message of a handshake under the key that it proved', async () => {
    const authorize = async (): Promise<boolean> => {
      for (let count = 0; count < 20; count++) await turn();
      return true;
    };
    await using bob = await party({ staticKey: BOB, authorize }, { transport: tcpTransport() });
    const socket = await rawTo(bob);
    const wire = wireOf(socket);
    let writes = 0;
    await noiseHandshake(
      {
        read: (size) => wire.read(size),
        write(bytes) {
          if (++writes === 1) return wire.write(bytes);
          socket.end(Buffer.concat([bytes, Buffer.from('pay Mallory\n')]));
          return Promise.resolve();
        },
      },
      { pattern: XX, staticKey: ALICE, initiator: true },
    );
    await refusedOnce(bob, 'P2P_ERR_HANDSHAKE_ENDED', { staticKey: ALICE });
    expect(bob.messages).toEqual(['is there anybody?']);
  });
});

describe('noise together with uniquePeer', () => {
  it('leaves one connection a key, whoever dialled', async () => {
    const transport = tcpTransport();
    const one = (staticKey: typeof ALICE) =>
      party(
        { staticKey },
        {
          transport,
          plugins: [
            uniquePeer({ identity: peerIdentity, localIdentity: staticKey.publicKey.toString('hex') }),
          ],
        },
      );
    await using alice = await one(ALICE);
    await using bob = await one(BOB);
    await alice.node.connect(bob.address);
    await until('both have it', () => bob.node.connections.size + alice.node.connections.size === 2);
    await bob.node.connect(alice.address).catch(() => {});
    const duplicates = (): number =>
      alice.handle.get(UniquePeer).duplicates + bob.handle.get(UniquePeer).duplicates;
    const isSettled = ({ node }: Party): boolean => node.connections.size === 1 && node.connecting === 0;
    await until('one is left', () => duplicates() > 0 && isSettled(alice) && isSettled(bob));
    const kept = alice.handle.get(UniquePeer).get(BOB.publicKey.toString('hex'))!;
    await kept.send('still here');
    await until('it is heard', () => bob.messages.length === 1);
    expect([alice.node.connections.size, bob.node.connections.size]).toEqual([1, 1]);
    expect(bob.handle.get(UniquePeer).get(ALICE.publicKey.toString('hex'))?.state).toBe('open');
  });
});
