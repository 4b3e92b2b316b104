import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { memoryTransport, PeerError, SocketAddress, type Link } from '@pea2pea/core';
import { CancellationSource } from '@pea2pea/core/authoring';

const LISTEN = { backlog: 1, reusePort: false, noDelay: true, keepAlive: true };
const DIAL = { cancellation: new CancellationSource(), noDelay: true, keepAlive: true };

async function pair(): Promise<[Link, Link]> {
  const transport = memoryTransport();
  const links: Link[] = [];
  const address = new SocketAddress('127.0.0.1', 1);
  await transport.listen(
    { address, ...LISTEN },
    { onLink: (link) => links.push(link), onPeerGone: () => {}, onAcceptError: () => {} },
  );
  const here = await transport.connect(address, DIAL);
  return [here, links[0]!];
}

describe('the memory transport', () => {
  it('carries bytes both ways, paused until somebody reads', async () => {
    const [here, there] = await pair();
    here.stream.write('ping');
    there.stream.write('pong');
    expect([here.stream.isPaused(), there.stream.isPaused()]).toEqual([true, true]);
    there.stream.resume();
    here.stream.resume();
    expect(await Promise.all([once(there.stream, 'data'), once(here.stream, 'data')])).toEqual([
      [Buffer.from('ping')],
      [Buffer.from('pong')],
    ]);
    expect(here.localAddress).toEqual(there.address);
  });

  it('holds a writer back while nobody reads', async () => {
    const [here, there] = await pair();
    let done = 0;
    for (let index = 0; index < 10; index++) here.stream.write(Buffer.alloc(20_000), () => done++);
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toBeLessThan(10);
    let read = 0;
    there.stream.on('data', (chunk: Buffer) => (read += chunk.length)).resume();
    while (done < 10) await new Promise((resolve) => setImmediate(resolve));
    while (read < 200_000) await new Promise((resolve) => setImmediate(resolve));
  });

  it.each([3, 5_000, 40_000, 300_000])(
    '%p bytes belong to who wrote them again once they are written, and to who reads them as they came',
    async (size) => {
      const [here, there] = await pair();
      const received: Buffer[] = [];
      there.stream.on('data', (chunk: Buffer) => received.push(chunk)).resume();
      const bytes = Buffer.alloc(size, 1);
      await new Promise((resolve) => here.stream.write(bytes, resolve));
      while (Buffer.concat(received).length < size) await new Promise((resolve) => setImmediate(resolve));
      for (const chunk of received) chunk.fill(2);
      expect(bytes.equals(Buffer.alloc(size, 1))).toBe(true);
      bytes.fill(3);
      expect(Buffer.concat(received).equals(Buffer.alloc(size, 2))).toBe(true);
    },
  );

  it('an end is an end there, while the other direction goes on', async () => {
    const [here, there] = await pair();
    here.stream.end('last');
    there.stream.resume();
    await once(there.stream, 'end');
    there.stream.write('still here');
    here.stream.resume();
    expect(await once(here.stream, 'data')).toEqual([Buffer.from('still here')]);
  });

  it('a destroyed end is an end there, and writing to it fails', async () => {
    const [here, there] = await pair();
    here.stream.destroy();
    there.stream.resume();
    await once(there.stream, 'end');
    const error = await new Promise((resolve) => there.stream.write('x', resolve));
    expect(error).toMatchObject({ code: 'ECONNRESET' });
  });

  it('a reset is an error there', async () => {
    const [here, there] = await pair();
    const failed = once(there.stream, 'error');
    here.reset();
    expect(await failed).toEqual([expect.objectContaining({ code: 'ECONNRESET' })]);
    expect(here.stream.destroyed).toBe(true);
  });

  it('an address can be listened at once only, and again after it was closed', async () => {
    const transport = memoryTransport();
    const options = { address: new SocketAddress('127.0.0.1', 1), ...LISTEN };
    const events = { onLink: () => {}, onPeerGone: () => {}, onAcceptError: () => {} };
    const listener = await transport.listen(options, events);
    await expect(transport.listen(options, events)).rejects.toMatchObject({ code: 'P2P_ERR_LISTEN_FAILED' });
    await listener.close();
    await expect(transport.connect(options.address, DIAL)).rejects.toMatchObject({
      code: 'P2P_ERR_CONNECT_FAILED',
    });
    await transport.listen(options, events);
  });

  it('a wildcard listener is reached through loopback, and a dial may be aborted', async () => {
    const transport = memoryTransport();
    const events = { onLink: () => {}, onPeerGone: () => {}, onAcceptError: () => {} };
    await transport.listen({ address: new SocketAddress('0.0.0.0', 5), ...LISTEN }, events);
    await transport.connect(new SocketAddress('127.0.0.1', 5), DIAL);
    const cancellation = new CancellationSource();
    cancellation.cancel(new PeerError('P2P_ERR_ABORTED', 'no'));
    await expect(
      transport.connect(new SocketAddress('127.0.0.1', 5), { ...DIAL, cancellation }),
    ).rejects.toBe(cancellation.reason);
  });
});
