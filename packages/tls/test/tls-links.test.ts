import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { describe, expect, it } from '@jest/globals';
import {
  PeerError,
  PeerNode,
  SocketAddress,
  type DisconnectReason,
  type Handshake,
  type Transport,
} from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { TlsContext, tlsHandshake } from '@pea2pea/tls';
import { ANYWHERE, lab, peerErrorOf, textCodec, until } from '@pea2pea/testing';
import { mine, party, trusted } from './tls-lab.js';

const { own } = lab();

const { ca } = trusted;
/** Of application data, as far as its header says. */
const BAD_RECORD = Buffer.from(`1703030020${'00'.repeat(32)}`, 'hex');

/** A stream that says what the test says, and to which nobody listens. */
function link(): Duplex {
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, callback) => callback() });
  stream.on('error', () => {});
  return stream;
}

/** A node with TLS whose clock stands still, and what became of its handshakes. `before` comes in front of TLS. */
function secured(before: (handshake: Handshake) => void | Promise<void> = () => {}) {
  const context = new TlsContext({ ...mine, ca });
  const outcomes: unknown[] = [];
  let isBegun = false;
  let events: Parameters<Transport['listen']>[1] | undefined;
  const transport: Transport = {
    name: 'test',
    resolve: (address) => [address],
    connect: () => Promise.reject(new Error('nowhere')),
    listen: (_options, given) => {
      events = given;
      return Promise.resolve({ address: new SocketAddress('127.0.0.1', 1), close: () => Promise.resolve() });
    },
  };
  const make = (over: 'TCP' | 'links') =>
    new PeerNode<string>({
      codec: textCodec(),
      clock: new ControlledClock(),
      ...(over === 'links' && { transport }),
    }).use({
      async onHandshake(handshake) {
        await before(handshake);
        isBegun = true;
        outcomes.push(await tlsHandshake(handshake, context).catch((error: unknown) => error));
        handshake.reject('the test has seen enough');
      },
    });
  return {
    make,
    outcomes,
    isBegun: () => isBegun,
    arrive: (stream: Duplex) => events!.onLink(linkOf(stream)),
  };
}

function linkOf(stream: Duplex) {
  return {
    stream,
    address: new SocketAddress('127.0.0.1', 9),
    localAddress: new SocketAddress('127.0.0.1', 1),
    reusesBuffers: false,
    neverReenters: false,
    reset: () => void stream.destroy(),
  };
}

/** What TLS says where `stream` is what it is on top of. */
async function outcomeOver(
  direction: string,
  stream: Duplex,
  act: () => void,
  before?: (handshake: Handshake) => void | Promise<void>,
): Promise<unknown> {
  const lab = secured(before);
  await using node = lab.make('links');
  if (direction === 'outbound') {
    void node.connect({ host: '127.0.0.1', port: 9 }, { stream }).catch(() => {});
  } else {
    await node.listen(ANYWHERE);
    lab.arrive(stream);
  }
  await until(lab.isBegun);
  await new Promise((resolve) => setImmediate(resolve));
  act();
  await until(() => lab.outcomes.length === 1);
  return lab.outcomes[0];
}

it('a stream that brings the reply inside of a write is not too fast for the side that dialled', async () => {
  const end = (other: () => Duplex): Duplex =>
    new Duplex({
      read() {},
      write(chunk, _encoding, callback) {
        other().push(chunk);
        callback();
      },
    });
  const dialling: Duplex = end(() => dialled);
  const dialled: Duplex = end(() => dialling);
  // A stream that was read before hands on at once what comes.
  const server = secured(async (handshake) => {
    await handshake.read(1);
    await handshake.write('b');
  });
  const client = secured(async (handshake) => {
    await handshake.write('a');
    await handshake.read(1);
    await until(server.isBegun);
    await new Promise((resolve) => setImmediate(resolve)); // by then its TLS reads
  });
  await using listening = server.make('links');
  await using node = client.make('links');
  await listening.listen(ANYWHERE);
  server.arrive(dialled);
  void node.connect({ host: '127.0.0.1', port: 9 }, { stream: dialling }).catch(() => {});
  await until('it is over', () => client.outcomes.length === 1);
  expect(client.outcomes[0]).toMatchObject({ protocol: 'TLSv1.3' });
});

describe.each(['outbound', 'inbound'])('%s: a stream below TLS', (direction) => {
  it('that fails is no refusal of ours, so nobody is banned for it', async () => {
    for (const failure of [
      Object.assign(new Error('no way'), { code: 'ERR_WEBRTC' }),
      Object.assign(new Error('no way'), { code: 'ETIMEDOUT', syscall: 'read' }),
      new Error('no way'),
    ]) {
      const stream = link();
      const error = await outcomeOver(direction, stream, () => stream.destroy(failure));
      expect(error).toMatchObject({ code: 'P2P_ERR_HANDSHAKE_ENDED', cause: failure });
      expect((error as Error).message).toContain('no way');
    }
  });

  it('that ends with a PeerError passes it on', async () => {
    const failure = new PeerError('P2P_ERR_INVALID_FRAME', 'not what is spoken below');
    const stream = link();
    expect(await outcomeOver(direction, stream, () => stream.destroy(failure))).toBe(failure);
  });

  it.each<[string, (stream: Duplex) => void | Promise<void>]>([
    ['is destroyed', (stream) => void stream.destroy()],
    ['failed', (stream) => void stream.destroy(new Error('no way'))],
    ['has an end that was not read yet', (stream) => void stream.push(null)],
    [
      'was read to its end',
      async (stream) => {
        stream.push(null);
        stream.resume();
        await once(stream, 'end');
      },
    ],
  ])('that %s before is not waited for', async (_, end) => {
    const stream = link();
    const error = await outcomeOver(
      direction,
      stream,
      () => {},
      () => end(stream),
    );
    expect(error).toMatchObject({ code: 'P2P_ERR_HANDSHAKE_ENDED' });
  });
});

describe('a TCP connection below TLS', () => {
  it('that is destroyed before is not waited for', async () => {
    const lab = secured(async (handshake) => {
      const stream = handshake.takeStream();
      await once(stream.destroy(), 'close');
    });
    await using node = lab.make('TCP');
    const { host, port } = await node.listen(ANYWHERE);
    const socket = connect({ host, port }).on('error', () => {});
    await until(() => lab.outcomes.length === 1);
    expect(lab.outcomes[0]).toMatchObject({ code: 'P2P_ERR_HANDSHAKE_ENDED' });
    socket.destroy();
  });

  it.each([
    ['with', 'STARTTLS\n'],
    ['behind', 'STARTTLS\n\x16\x03\x01'],
  ])('whose end came %s what was read before is not waited for', async (_, text) => {
    const lab = secured(async (handshake) => {
      await handshake.readUntil('\n', 16);
      const stream = handshake.takeStream() as unknown as { _readableState: { ended: boolean } };
      await until(() => stream._readableState.ended); // and nobody was told
    });
    await using node = lab.make('TCP');
    const { host, port } = await node.listen(ANYWHERE);
    const socket = connect({ host, port, allowHalfOpen: true }).on('error', () => {});
    socket.end(text, 'latin1');
    await until(() => lab.outcomes.length === 1);
    expect(lab.outcomes[0]).toMatchObject({ code: 'P2P_ERR_HANDSHAKE_ENDED' });
    socket.destroy();
  });
});

describe('what is no TLS', () => {
  it('in one chunk with the end of the handshake is refused', async () => {
    await using server = await party({ tls: mine });
    const uplink = connect({ host: server.address.host, port: server.address.port }).on('error', () => {});
    const stream = new Duplex({
      read() {},
      write: (chunk: Buffer, _encoding, callback) => void uplink.write(chunk, () => callback()),
    });
    uplink.once('data', (flight: Buffer) => void stream.push(Buffer.concat([flight, BAD_RECORD])));
    const context = new TlsContext({ ca });
    await using node = own(new PeerNode<string>({ codec: textCodec() })).use({
      onHandshake: async (handshake) => void (await tlsHandshake(handshake, context)),
    });
    const error = await peerErrorOf('P2P_ERR_HANDSHAKE_REJECTED', () =>
      node.connect({ host: '127.0.0.1', port: 9 }, { stream }),
    );
    expect(error.message).toContain('BAD_RECORD_MAC');
    expect(error.cause).toMatchObject({ code: 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC' });
    uplink.destroy();
  });

  it('does not take away what came before, however long that waits for its handler', async () => {
    await using lab = await slowReader();
    lab.release();
    await until(() => lab.reasons.length === 1);
    expect(lab.handled).toEqual(lab.said);
    expect(lab.reasons[0]).toMatchObject({
      origin: 'reading',
      cause: 'invalid-frame',
      error: { code: 'P2P_ERR_INVALID_FRAME' },
    });
  });

  it('is why the connection ends, also where the peer resets it before all was read', async () => {
    await using lab = await slowReader();
    lab.raw.resetAndDestroy();
    await until(() => lab.stream()?.destroyed === true);
    lab.release();
    await until(() => lab.reasons.length === 1);
    expect(lab.reasons[0]).toMatchObject({ origin: 'reading', cause: 'invalid-frame' });
  });
});

/** A node that has read a bad record behind messages that it has no room for: its handler is busy until `release`. */
async function slowReader() {
  const context = new TlsContext(mine);
  const handled: string[] = [];
  const reasons: DisconnectReason[] = [];
  let release = (): void => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  const node = own(new PeerNode<string>({ codec: textCodec(), inboundQueueBytes: 1 })).use({
    onHandshake: async (handshake) => void (await tlsHandshake(handshake, context)),
    async onMessage(text) {
      handled.push(text);
      await released;
    },
    onDisconnect: (_connection, reason) => void reasons.push(reason),
  });
  const { host, port } = await node.listen(ANYWHERE);
  const stream = () => ([...node.connections][0] as unknown as { stream: Duplex } | undefined)?.stream;
  const raw: Socket = connect({ host, port }).on('error', () => {});
  await once(raw, 'connect');
  const socket = connectTls({ socket: raw, rejectUnauthorized: false }).on('error', () => {});
  await once(socket, 'secureConnect');
  const said = Array.from({ length: 10 }, (_, index) => `message ${index}`);
  socket.write(`${said.slice(0, 4).join('\n')}\n`);
  await until(() => stream()?.isPaused() === true && handled.length === 1);
  socket.write(`${said.slice(4).join('\n')}\n`);
  await until(() => stream()!.readableLength > 0);
  const alert = once(socket, 'error');
  raw.write(BAD_RECORD);
  await alert; // it has seen the record
  return {
    handled,
    reasons,
    said,
    raw,
    stream,
    release,
    async [Symbol.asyncDispose]() {
      raw.destroy();
      release();
      await node.close();
    },
  };
}
