import { expect, it } from '@jest/globals';
import type { Socket } from 'node:net';
import { rawConnect } from '@pea2pea/testing';
import { readSteadily } from '../support/attacker.js';
import { mebi, tell } from './figures.js';
import { startVictim, talker } from './victims.js';

/**
 * By default 256 KiB have to be taken in 10 s, which is 26 kB/s; here in 2 s, and everybody reads five times as fast.
 * What the system takes before it notices that nobody reads is a matter of bytes, not of time: so the ratio is kept.
 */
it('slow readers that take more than the least are kept, and one that reads nothing is ended', async () => {
  const scale = 5;
  const rates = [40_000, 60_000, 100_000];
  const victim = await startVictim({
    codec: 'lines',
    config: { writeTimeoutMs: 10_000 / scale, idleTimeoutMs: 0 },
    scenario: talker,
  });
  const connect = async (): Promise<Socket> => {
    const socket = await rawConnect(victim.address);
    socket.write('talk\n');
    return socket;
  };
  const steady: Socket[] = [];
  for (const rate of rates) {
    const socket = await connect();
    readSteadily(socket, rate * scale);
    steady.push(socket);
  }
  const deaf = (await connect()).pause();
  const startedMs = performance.now();
  // As long as a minute and a half without the scale: that is when the buffers of the system have long been full.
  const sinceMs = (): number => performance.now() - startedMs;
  const report = await victim.until(
    'time is over, and the deaf one is ended',
    ({ ends }) => ends.length > 1 || (sinceMs() > 90_000 / scale && ends.length === 1),
    60_000,
  );
  tell('readers of 40, 60 and 100 kB/s, and one of 0', {
    ended: report.ends
      .map(({ port, reason }) => `${port === deaf.localPort ? 'deaf' : 'steady'} (${reason})`)
      .join(' '),
    'after s': sinceMs() / 1_000,
    'bytes read': steady.map(({ bytesRead }) => mebi(bytesRead)).join(' '),
  });
  expect(report.ends).toEqual([{ port: deaf.localPort, reason: 'writing: timeout P2P_ERR_WRITE_TIMEOUT' }]);
  for (const socket of [deaf, ...steady]) socket.destroy();
}, 90_000);
