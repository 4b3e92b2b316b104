import { describe, expect, it } from '@jest/globals';
import { memoryTransport, PeerNode } from '@pea2pea/core';
import { connectNodes, edgesOf, expectedConnections, type Topology } from '@pea2pea/core/topology';
import { textCodec } from '@pea2pea/testing';

const random = (degree: number, seed: number): Topology => ({ kind: 'random', degree, seed });

describe('topologies', () => {
  const cases: [Topology, number, number, number[] | undefined][] = [
    ['line', 4, 3, [1, 2, 2, 1]],
    ['ring', 4, 4, [2, 2, 2, 2]],
    ['mesh', 4, 6, [3, 3, 3, 3]],
    ['star', 4, 3, [3, 1, 1, 1]],
    ['tree', 7, 6, [2, 3, 3, 1, 1, 1, 1]],
    [{ kind: 'grid', columns: 3, rows: 2 }, 6, 7, [2, 3, 2, 2, 3, 2]],
    [random(4, 7), 12, 24, undefined],
  ];

  it.each(cases)('%j over %i nodes has %i connections', async (topology, n, total, perNode) => {
    const expected = expectedConnections(topology, n);
    expect(expected.total).toBe(total);
    if (perNode !== undefined) expect(expected.perNode).toEqual(perNode);

    const transport = memoryTransport();
    const nodes = Array.from(
      { length: n },
      () => new PeerNode({ codec: textCodec(), transport, maxConnectionsPerIp: 50 }),
    );
    await connectNodes(nodes, topology);
    expect(nodes.map(({ connections }) => connections.size)).toEqual(expected.perNode);
    await Promise.all(nodes.map((node) => node.close()));
  });

  it('a random one is the same for the same seed, another for another, and connected', () => {
    expect(edgesOf(random(3, 1), 50)).toEqual(edgesOf(random(3, 1), 50));
    expect(edgesOf(random(3, 1), 50)).not.toEqual(edgesOf(random(3, 2), 50));
    const reached = new Set([0]);
    const edges = edgesOf(random(2, 9), 40);
    for (let round = 0; round < 40; round++) {
      for (const [a, b] of edges) {
        if (reached.has(a)) reached.add(b);
        if (reached.has(b)) reached.add(a);
      }
    }
    expect(reached.size).toBe(40);
  });

  it('a connection whose far end does not open is an error, not a wait for ever', async () => {
    const transport = memoryTransport();
    const make = (): PeerNode<string> =>
      new PeerNode({ codec: textCodec(), transport, handshakeTimeoutMs: 40 });
    const [a, b] = [make(), make().use({ onHandshake: (handshake) => handshake.reject('no') })];
    await expect(connectNodes([a, b], 'line')).rejects.toMatchObject({ code: 'P2P_ERR_HANDSHAKE_TIMEOUT' });
    await Promise.all([a.close(), b.close()]);
  });

  const mistakes: [Topology, number][] = [
    ['line', 1],
    ['ring', 2],
    ['mesh', 0],
    ['star', 1.5],
    [{ kind: 'grid', columns: 3, rows: 3 }, 8],
    [{ kind: 'grid', columns: 0, rows: 3 }, 3],
    [random(8, 1), 8],
    [random(1, 1), 8],
  ];
  it.each(mistakes)('%j over %p nodes is refused', async (topology, n) => {
    const refused = expect.objectContaining({ code: 'P2P_ERR_INVALID_CONFIG' });
    expect(() => expectedConnections(topology, n)).toThrow(refused);
    await expect(connectNodes(Array<PeerNode<never>>(Math.floor(n)), topology)).rejects.toThrow(refused);
  });
});
