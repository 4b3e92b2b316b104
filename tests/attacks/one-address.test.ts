import { expect, it } from '@jest/globals';
import { socketClosed } from '@pea2pea/testing';
import { GREETING, heard, intrude, paced } from '../support/attacker.js';
import { tell } from './figures.js';
import { ping } from './quiet-peers.js';
import { startVictim } from './victims.js';

it('one address with all setups and all of the waiting line keeps nobody else out', async () => {
  const victim = await startVictim({
    codec: 'lines',
    shakesHands: true,
    // As by default, but for the connections that an address may have: with 10 of them it cannot even try.
    config: {
      maxConnections: 1_000,
      maxConnectionsPerIp: 1_000,
      maxConnecting: 100,
      maxConnectingPerIp: 25,
      listenBacklog: 511,
      maxWaitingPerIp: 127,
    },
    scenario: () => ({ hooks: { onMessage: (message, connection) => void connection.trySend(message) } }),
  });
  // They say nothing, and who is thrown out comes again.
  let done!: () => void;
  const isDone = new Promise<void>((resolve) => (done = resolve));
  let over = false;
  let came = 0;
  const attack = paced(700, 700, async () => {
    while (!over && came < 20_000) {
      came++;
      const socket = await intrude(victim.address, '127.0.0.2');
      if (socket === undefined) continue;
      void heard(socket, 'nothing', 60_000).catch(() => {});
      await Promise.race([socketClosed(socket), isDone]);
      socket.destroy();
    }
  });
  await victim.until('all that it can have is taken', ({ heuristics }) => heuristics.accepted > 600, 20_000);

  const good = 40;
  let served = 0;
  const taken: number[] = [];
  await paced(good, 10, async (index) => {
    const startedMs = performance.now();
    const socket = await intrude(victim.address, `127.0.0.${index + 10}`);
    if (socket === undefined) return;
    try {
      await heard(socket, '?');
      socket.write(GREETING);
      await heard(socket, '!');
      await ping(socket);
      served++;
      taken.push(performance.now() - startedMs);
    } catch {
      // Not served.
    } finally {
      socket.destroy();
    }
  });
  over = true;
  done();
  await attack;
  const { heuristics } = await victim.report();
  tell('700 silent connections of one address, which come again', {
    came,
    served: `${served} of ${good}`,
    'longest ms until served': Math.max(...taken),
    'refused for its share of the line': heuristics.waitingLineShareFull ?? 'no such counter',
  });
  expect(served).toBe(good);
}, 180_000);
