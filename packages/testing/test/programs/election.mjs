// An election: of five nodes one leads, as long as three of them vote for it in a term. Each votes once in a term.
import { PeerNode } from '@pea2pea/core';
import { defineScenario, textCodec } from '@pea2pea/testing';

const COUNT = 5;
const PORT = 4000;

/** @param sync whether a vote is safe on the disk before it is given */
export function election(sync) {
  return defineScenario({
    world: { latencyMs: [1, 50] },
    faults: { kinds: ['crash', 'cut', 'partition'], every: '1 s', during: '50 s', losesDisks: false },
    async run(world) {
      const leaders = new Map();
      world.check('one leader a term', () => [...leaders.values()].every((names) => names.size <= 1));
      const addresses = Array.from({ length: COUNT }, (_, index) => `10.0.0.${index + 1}`);
      for (const address of addresses) {
        world.host(address, {
          boot: (host) =>
            member(host, addresses, sync, (term) => {
              if (!leaders.has(term)) leaders.set(term, new Set());
              leaders.get(term).add(address);
            }),
        });
      }
      await world.run('1 min');
    },
  });
}

async function member({ address, config, disk }, addresses, sync, leads) {
  let { term, votedFor } = JSON.parse(Buffer.from(disk.read('vote') ?? '{"term":0}').toString());
  let votes = new Set();
  let heardMs = config.clock.now();
  const node = new PeerNode({ codec: textCodec(), ...config, connectTimeoutMs: 500, idleTimeoutMs: 5_000 });
  const vote = (newTerm, whom) => {
    if (newTerm > term) votes = new Set();
    [term, votedFor] = [newTerm, whom];
    disk.write('vote', JSON.stringify({ term, votedFor }));
    if (sync) disk.sync();
  };
  node.use({
    onMessage(line, connection) {
      const [what, theirTerm, who] = line.split(' ');
      const newTerm = Number(theirTerm);
      if (newTerm < term) return;
      if (newTerm > term) vote(newTerm, undefined);
      if (what === 'lead') {
        heardMs = config.clock.now();
        connection.trySend(`heard ${term} ${address}`);
      }
      if (what === 'vote?' && (votedFor ?? who) === who) {
        vote(term, who);
        heardMs = config.clock.now();
        connection.trySend(`vote! ${term} ${address}`);
      }
      if (what === 'vote!' && votedFor === address) {
        votes.add(who);
        if (votes.size > COUNT / 2) leads(term);
      }
    },
  });
  await node.listen({ host: '0.0.0.0', port: PORT });
  const tick = () => {
    config.clock.setTimeout(tick, 50 + 100 * config.random.next());
    for (const other of addresses) {
      if (other > address && !node.connections.get(`${other}:${PORT}`))
        node.connect(`${other}:${PORT}`).catch(() => {});
    }
    if (votes.size > COUNT / 2) node.broadcast(`lead ${term} ${address}`);
    else if (config.clock.now() - heardMs > 500 + 500 * config.random.next()) {
      vote(term + 1, address);
      votes.add(address);
      heardMs = config.clock.now();
      node.broadcast(`vote? ${term} ${address}`);
    }
  };
  tick();
}
