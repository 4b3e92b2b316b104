import { describe, expect, it } from '@jest/globals';
import { connect, type Socket } from 'node:net';
import { memoryTransport, type NodeConfig, type PeerNode } from '@pea2pea/core';
import { CancellationSource } from '@pea2pea/core/authoring';
import { ControlledClock } from '@pea2pea/core/testing';
import { generateKeyPair, noise } from '@pea2pea/noise';
import { tls } from '@pea2pea/tls';
import { selfSigned } from '@pea2pea/testing/certificates';
import { lab, listen, textCodec, turn, until, warningsIn } from '@pea2pea/testing';

const { makeNode, own } = lab();

/** A node whose handshakes wait for their turn, and how many have had it. The clock stands still. */
async function paced(config: Partial<NodeConfig<string>> = {}) {
  const clock = new ControlledClock();
  const transport = memoryTransport();
  const computed: string[] = [];
  const server = makeNode(
    { transport, clock, maxHandshakesPerSecondPerIp: 4, maxConnectionsPerIp: 50, ...config },
    {
      async onHandshake(handshake) {
        await handshake.turn();
        if (handshake.direction === 'inbound') computed.push(handshake.address.host);
      },
    },
  );
  const address = await listen(server);
  /** Bare links from one address. */
  const come = (localAddress: string, times: number): void => {
    for (let index = 0; index < times; index++) {
      const cancellation = new CancellationSource();
      void transport.connect(address, { cancellation, noDelay: true, keepAlive: false, localAddress });
    }
  };
  const pass = async (durationMs: number): Promise<void> => {
    clock.advance(durationMs);
    await turn(5);
  };
  return { server, computed, come, pass };
}

describe('expensive handshakes of one address', () => {
  it('are computed at once up to the limit, then one after the other as time passes', async () => {
    const { server, computed, come, pass } = await paced();
    come('10.0.0.1', 7);
    await until('all have come', () => server.node.heuristics.delayedHandshakes === 3);
    expect(computed).toHaveLength(4);
    for (const more of [5, 6, 7, 7]) {
      await pass(250);
      expect(computed).toHaveLength(more);
    }
    await until('all are connected', () => server.node.connections.size === 7);
  });

  it('delay no other address', async () => {
    const { server, computed, come } = await paced();
    come('10.0.0.1', 7);
    await until('all have come', () => server.node.heuristics.delayedHandshakes === 3);
    come('10.0.0.2', 1);
    come('10.0.0.3', 4);
    await until('the others are connected', () => computed.length === 9);
    expect(server.node.heuristics.delayedHandshakes).toBe(3);
  });

  it('are counted by IPv6 prefix', async () => {
    const { server, computed, come } = await paced();
    for (const host of ['2001:db8::1', '2001:db8::2', '2001:db8::3', '2001:db8::4', '2001:db8::5'])
      come(host, 1);
    await until('one waits', () => server.node.heuristics.delayedHandshakes === 1);
    expect(computed).toHaveLength(4);
  });

  it('begin anew where nobody came for a second', async () => {
    const { server, computed, come, pass } = await paced();
    come('10.0.0.1', 4);
    await until('all are connected', () => computed.length === 4);
    await pass(1_000);
    come('10.0.0.1', 4);
    await until('all are connected', () => computed.length === 8);
    expect(server.node.heuristics.delayedHandshakes).toBe(0);
  });

  it('do not take the turn of those after them where they ended while they waited', async () => {
    const { server, computed, come, pass } = await paced({ handshakeTimeoutMs: 600 });
    come('10.0.0.1', 4 + 10);
    await until('all have come', () => server.node.heuristics.delayedHandshakes === 10);
    await pass(250);
    await pass(250);
    expect(computed).toHaveLength(6);
    await pass(100);
    await until('the others were too late', () => server.node.heuristics.handshakeTimeouts === 8);
    come('10.0.0.1', 1);
    await until('one more waits', () => server.node.heuristics.delayedHandshakes === 11);
    await pass(250);
    expect(computed).toHaveLength(7);
  });

  it('are told in one warning a second, which names the option', async () => {
    const { server, come } = await paced();
    come('10.0.0.1', 9);
    await until('all have come', () => server.node.heuristics.delayedHandshakes === 5);
    expect(warningsIn(server.log).map(({ text }) => text)).toEqual([
      expect.stringMatching(
        /^maxHandshakesPerSecondPerIp \(4\) is reached: handshakes of 10\.0\.0\.1:\d+ wait$/,
      ),
    ]);
  });
});

it('dials never wait for a turn', async () => {
  const clock = new ControlledClock();
  const transport = memoryTransport();
  const client = makeNode(
    { transport, clock, maxHandshakesPerSecondPerIp: 1, maxConnectionsPerIp: 50 },
    { onHandshake: (handshake) => handshake.turn() },
  );
  for (let index = 0; index < 5; index++) {
    const server = makeNode({ transport });
    await client.node.connect(await listen(server));
  }
  expect(client.node.heuristics.delayedHandshakes).toBe(0);
});

describe.each(['noise', 'tls'] as const)('%s', (name) => {
  const staticKey = generateKeyPair();
  const pattern = 'Noise_XX_25519_ChaChaPoly_SHA256';

  it('waits for its turn before it computes', async () => {
    const certificate = await selfSigned();
    const use = ({ node }: { readonly node: PeerNode<string> }) =>
      name === 'noise'
        ? node.use(noise({ pattern, staticKey }))
        : node.use(tls({ ...certificate, ca: certificate.cert }));
    const server = makeNode({ maxHandshakesPerSecondPerIp: 2, codec: textCodec() });
    use(server);
    const address = await listen(server);
    const clients = Array.from({ length: 4 }, () => makeNode());
    for (const client of clients) use(client);
    const startedMs = performance.now();
    await Promise.all(clients.map((client) => client.node.connect(address)));
    await until('all are connected', () => server.node.connections.size === 4);
    expect(server.node.heuristics.delayedHandshakes).toBeGreaterThanOrEqual(1);
    expect(performance.now() - startedMs).toBeGreaterThan(400);
  });
});

it('who sends nothing costs noise no turn', async () => {
  const staticKey = generateKeyPair();
  const server = makeNode({ maxHandshakesPerSecondPerIp: 1 });
  server.node.use(noise({ pattern: 'Noise_XX_25519_ChaChaPoly_SHA256', staticKey }));
  const { host, port } = await listen(server);
  const silent: Socket[] = Array.from({ length: 3 }, () => connect(port, host).on('error', () => {}));
  own({ close: () => Promise.resolve(silent.forEach((socket) => socket.destroy())) });
  await until('all are being set up', () => server.node.connecting === 3);
  expect(server.node.heuristics.delayedHandshakes).toBe(0);
});
