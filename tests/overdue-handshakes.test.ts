import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { PeerNode, type Handshake, type SocketAddress } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { generateKeyPair, noiseHandshake } from '@pea2pea/noise';
import { TlsContext, tlsHandshake } from '@pea2pea/tls';
import { lab, textCodec, until } from '@pea2pea/testing';
import { selfSigned } from '@pea2pea/testing/certificates';
import { letArrive } from './support/let-arrive.js';

const { own } = lab();

const pattern = 'Noise_XX_25519_ChaChaPoly_SHA256';
const [dialling, listening] = [generateKeyPair(), generateKeyPair()];
const certificate = await selfSigned();

/** Both sides of each secure channel; what a client says last in its handshake is not its first word. */
const CHANNELS: Record<string, (handshake: Handshake) => Promise<unknown>> = {
  tls: (handshake) => tlsHandshake(handshake, new TlsContext({ ...certificate, ca: certificate.cert })),
  noise: async (handshake) => {
    const initiator = handshake.direction === 'outbound';
    const staticKey = initiator ? dialling : listening;
    const channel = await noiseHandshake(handshake, { pattern, initiator, staticKey });
    handshake.upgrade(channel.secure(handshake.takeStream()), { reusesBuffers: true, neverReenters: true });
  },
};

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A line to `to` that passes on the first chunk of a client, keeps the others, and gives them out when it is told to. */
async function holdingLine(to: SocketAddress) {
  const held: Buffer[] = [];
  const server = createServer((near) => {
    const far = connect(to.port, to.host);
    far.pipe(near);
    near.once('data', (first: Buffer) => {
      far.write(first);
      near.on('data', (chunk: Buffer) => held.push(chunk));
    });
    line.release = () => void far.write(Buffer.concat(held.splice(0)));
    for (const socket of [near, far]) ends.push(() => socket.on('error', () => {}).destroy());
  }).listen(0, '127.0.0.1');
  ends.push(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const line = { address: { host: '127.0.0.1', port }, held, release: () => {} };
  return line;
}

describe.each(Object.keys(CHANNELS))('over %s', (name) => {
  const hooks = { onHandshake: async (handshake: Handshake) => void (await CHANNELS[name]!(handshake)) };

  it('the end of a handshake, and a message, that wait in the socket are heard before the clock is', async () => {
    const clock = new ControlledClock();
    const messages: string[] = [];
    const server = own(
      new PeerNode({
        codec: textCodec(),
        clock,
        handshakeTimeoutMs: 1_000,
        idleTimeoutMs: 1_000,
      }),
    ).use({ ...hooks, onMessage: (message) => void messages.push(message) });
    const client = own(new PeerNode({ codec: textCodec() })).use(hooks);
    ends.push(() => Promise.all([client.close(), server.close()]));
    const line = await holdingLine(await server.listen({ host: '127.0.0.1', port: 0 }));

    const connection = await client.connect(line.address);
    await until('the end of the handshake is on its way', () => line.held.length > 0);
    // What is written now waits in the socket of the server: nobody polls before the clock moves.
    line.release();
    letArrive();
    clock.advance(1_500);
    await until('it is decided', () => server.connecting === 0);
    expect(server.heuristics).toMatchObject({ handshakeTimeouts: 0, openedInbound: 1 });

    for (let round = 1; round <= 3; round++) {
      await connection.send('still here');
      await until('it is on its way', () => line.held.length > 0);
      line.release();
      letArrive();
      clock.advance(1_500);
      await until(
        'it is heard, or too late',
        () => messages.length === round || server.connections.size === 0,
      );
      expect([messages.length, server.connections.size]).toEqual([round, 1]);
    }
  });
});
