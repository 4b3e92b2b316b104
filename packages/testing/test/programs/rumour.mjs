import { PeerNode } from '@pea2pea/core';
import { simulate, textCodec } from '@pea2pea/testing';

/** A rumour among hosts that crash and are cut off; returns the hash of what happened. */
export async function rumour(seed) {
  const world = simulate({
    seed,
    latencyMs: [1, 80],
    lossPercent: 2,
    splitPercent: 40,
    bandwidth: '100 KB/s',
  });
  const heard = new Set();
  const count = 12;
  const addressOf = (index) => `10.0.0.${(index % count) + 1}`;
  for (let index = 0; index < count; index++) {
    world.host(addressOf(index), {
      async boot({ address, config }) {
        const node = new PeerNode({ codec: textCodec(), idleTimeoutMs: 20_000, ...config });
        const tell = (rumour) => {
          heard.add(address);
          node.broadcast(rumour);
        };
        node.use({
          onMessage: (rumour) => {
            if (!heard.has(address)) tell(rumour);
          },
        });
        await node.listen({ host: '0.0.0.0', port: 4000 });
        for (const step of [1, 3, 5]) {
          await node.connect(`${addressOf(index + step)}:4000`).catch(() => {});
        }
        if (index === 0) tell('a rumour of some length '.repeat(100));
      },
    });
  }
  for (let round = 0; round < 20; round++) {
    const host = world.hosts[Math.floor(world.random.next() * count)];
    const other = world.hosts[Math.floor(world.random.next() * count)];
    world.cut(host, other, world.random.next() < 0.5 ? 'silently' : 'with-reset');
    await world.run('3 s');
    world.crash(other, world.random.next() < 0.5 ? 'power' : 'process');
    await world.run('2 s');
    world.heal();
    world.restart(other);
  }
  await world.run('1 min');
  return `${world.trace.hash} ${world.trace.length} ${world.steps} ${heard.size}`;
}
