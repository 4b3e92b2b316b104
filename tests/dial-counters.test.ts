import { Duplex, duplexPair } from 'node:stream';
import { expect, it } from '@jest/globals';
import type { Heuristics, Transport } from '@pea2pea/core';
import { inMemory, join, lab, listen, until } from '@pea2pea/testing';

const { makeNode } = lab();

type Counter = keyof Heuristics;

/** Ways in which a dial ends, and the one counter that says so. */
const ENDINGS: Record<string, [Counter, (a: ReturnType<typeof makeNode>, to: string) => unknown]> = {
  'it connects': ['openedOutbound', ({ node }, to) => node.connect(to)],
  'its address is taken': [
    'dialsRefused',
    async ({ node }, to) => {
      await node.connect(to);
      return node.connect(to);
    },
  ],
  'nobody listens': ['connectFailures', ({ node }) => node.connect('127.0.0.1:1')],
  'it was aborted before it began': [
    'connectFailures',
    ({ node }, to) => node.connect(to, { signal: AbortSignal.abort() }),
  ],
  'the node closes in the same turn': [
    'connectFailures',
    ({ node }, to) => {
      const dial = node.connect(to);
      void node.close();
      return dial;
    },
  ],
  'the node closes in the same turn, with a stream': [
    'connectFailures',
    ({ node }, to) => {
      const dial = node.connect(to, { stream: duplexPair()[0] });
      void node.close();
      return dial;
    },
  ],
  'the node has closed': [
    'connectFailures',
    async ({ node }, to) => {
      await node.close();
      return node.connect(to);
    },
  ],
  'the peer refuses its handshake': ['handshakeFailures', ({ node }) => node.connect('127.0.0.1:2')],
  'its stream is over': [
    'openedOutbound',
    ({ node }, to) => node.connect(to, { stream: new Duplex({ read() {} }).destroy() }),
  ],
  'the transport throws what is none of its errors': [
    'connectFailures',
    ({ node }) => node.connect('name.test:1'),
  ],
};

it.each(Object.entries(ENDINGS))(
  'a dial is counted in one counter where %s',
  async (_what, [counter, act]) => {
    const { transport } = inMemory();
    const foreign: Transport = {
      name: 'foreign',
      listen: (...args) => transport.listen(...args),
      connect: (...args) => transport.connect(...args),
      resolve(address) {
        if (!address.isIp) throw new TypeError('a bug of the transport');
        return transport.resolve(address);
      },
    };
    const b = makeNode({ transport });
    const to = (await listen(b)).toString();
    const refusing = makeNode({ transport }, { onHandshake: (handshake) => handshake.reject('no') });
    await refusing.node.listen({ host: '127.0.0.1', port: 2 });
    const a = makeNode(
      { transport: foreign },
      { onHandshake: async (handshake) => void (handshake.address.port === 2 && (await handshake.read(1))) },
    );

    await Promise.resolve(act(a, to)).catch(() => {});
    await until('nothing is being set up', () => a.node.connecting === 0);
    const h = a.node.heuristics;
    expect(h[counter]).toBe(1);
    const ended =
      h.dialsRefused + h.connectTimeouts + h.connectFailures + h.handshakeFailures + h.openedOutbound;
    expect(h.dialled).toBe(ended + h.handshakeTimeouts);
    expect(h.dialled).toBeGreaterThan(0);
  },
);

it('what makes no sense is no dial', async () => {
  const a = makeNode(inMemory());
  await expect(a.node.connect('nonsense')).rejects.toMatchObject({ code: 'P2P_ERR_INVALID_ADDRESS' });
  await join(a, makeNode({ transport: a.node.config.transport }));
  expect(a.node.heuristics.dialled).toBe(1);
});
