import { describe, expect, it } from '@jest/globals';
import { memoryTransport, tcpTransport, type Link, type Transport } from '@pea2pea/core';
import { ANYWHERE, checkTransport, describeTransport, simulate } from '@pea2pea/testing';

const runner = { describe, it };

describeTransport('tcp', () => ({ transport: tcpTransport(), address: ANYWHERE }), { runner });
describeTransport('memory', () => ({ transport: memoryTransport(), address: ANYWHERE }), { runner });

describe.each([1, 2, 3])('a simulated network, seed %p', (seed) => {
  const make = () => {
    const world = simulate({ seed, lossPercent: 1, splitPercent: 30, timeWaitMs: 0 });
    const [here, there] = [world.host('10.0.0.1'), world.host('10.0.0.2')];
    return {
      transport: there.config.transport,
      dialler: here.config.transport,
      address: { host: '10.0.0.2', port: 0 },
      pass: () => world.run(5),
    };
  };
  describeTransport('between two hosts', make, { runner });
  describeTransport('of a host with itself', () => ({ ...make(), dialler: undefined!, address: ANYWHERE }), {
    runner,
  });
});

/** A memory transport whose links are not what they should be. */
function spoilt(spoil: (link: Link) => Partial<Link>): Transport {
  const inner = memoryTransport();
  return {
    name: 'spoilt',
    resolve: (address) => inner.resolve(address),
    listen: (options, events) =>
      inner.listen(options, {
        ...events,
        onLink: (link) => events.onLink({ ...view(link), ...spoil(link) }),
      }),
    connect: async (address, options) => {
      const link = await inner.connect(address, options);
      return { ...view(link), ...spoil(link) };
    },
  };
}

function view(link: Link): Link {
  const { stream, address, localAddress, reusesBuffers, neverReenters } = link;
  return { stream, address, localAddress, reusesBuffers, neverReenters, reset: () => link.reset() };
}

const factsOf = async (transport: Transport): Promise<readonly string[]> =>
  (await checkTransport(() => ({ transport, address: ANYWHERE, patienceMs: 500 }))).map(({ fact }) => fact);

describe('the kit finds a transport', () => {
  it('whose links flow when they arrive', async () => {
    expect(await factsOf(spoilt(({ stream }) => ({ stream: stream.resume() })))).toContain('paused');
  });
  it('whose reset is an end', async () => {
    expect(await factsOf(spoilt(({ stream }) => ({ reset: () => void stream.destroy() })))).toEqual([
      'reset',
    ]);
  });
  it('that says it never reenters, and does', async () => {
    expect(await factsOf(spoilt(() => ({ neverReenters: true })))).toEqual(['never-reenters']);
  });
  it('that has nothing to find', async () => {
    expect(await factsOf(memoryTransport())).toEqual([]);
  });
});
