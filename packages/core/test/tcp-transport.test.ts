import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { SocketAddress, tcpTransport, type Link, type TransportListener } from '@pea2pea/core';
import { CancellationSource } from '@pea2pea/core/authoring';

const LISTEN = { backlog: 1, reusePort: false, noDelay: true, keepAlive: true };
const DIAL = { cancellation: new CancellationSource(), noDelay: true, keepAlive: true };

async function pair(): Promise<{ here: Link; there: Link; listener: TransportListener }> {
  const transport = tcpTransport();
  let onLink!: (link: Link) => void;
  const arrived = new Promise<Link>((resolve) => (onLink = resolve));
  const address = new SocketAddress('127.0.0.1', 0);
  const events = { onLink, onPeerGone: () => {}, onAcceptError: () => {} };
  const listener = await transport.listen({ address, ...LISTEN }, events);
  const here = await transport.connect(listener.address, DIAL);
  return { here, there: await arrived, listener };
}

/** Moments at which a link may be reset, from one that has not said a word to one that is gone. */
const moments: Record<string, (stream: Socket) => Promise<void> | void> = {
  'that is idle': () => {},
  'that has written': (stream) => void stream.write('some'),
  'whose writes are not taken': (stream) => void stream.write(Buffer.alloc(16 * 1024 * 1024)),
  'that ends in this very turn': (stream) => void stream.end(),
  'that ends in this very turn, after some words': (stream) => void stream.end('last'),
  'that ends once its writes are taken': (stream) => void stream.end(Buffer.alloc(16 * 1024 * 1024)),
  'that has ended': async (stream) => {
    stream.end();
    await once(stream, 'finish');
  },
  'that is destroyed': (stream) => void stream.destroy(),
};

describe('the TCP transport', () => {
  it.each(Object.entries(moments))('a reset closes a link %s', async (_which, reach) => {
    const { here, there, listener } = await pair();
    const errors: Error[] = [];
    here.stream.on('error', (error) => errors.push(error));
    await reach(here.stream as Socket);
    const closed = once(here.stream, 'close');
    here.reset();
    await closed;
    expect(errors).toEqual([]);
    there.stream.destroy();
    await listener.close();
  });
});
