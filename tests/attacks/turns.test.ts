import { describe, expect, it } from '@jest/globals';
import type { Socket } from 'node:net';
import type { SocketAddress } from '@pea2pea/core';
import { rawConnect } from '@pea2pea/testing';
import { flood, GREETING, heard, paced } from '../support/attacker.js';
import { tell } from './figures.js';
import { QuietPeers, ping } from './quiet-peers.js';
import { startVictim } from './victims.js';

/** What an attack is compared with is measured in turns with it; of several turns the best counts: noise only adds. So one that passes is enough. */
const MOST_TURNS = 3;
const MEASURE_MS = 1_000;

/** What bounds the work of a turn is 2 ms; a stall of fifty times that is no noise. */
const LONGEST_STALL_MS = 100;
/** Where quiet peers are answered in a millisecond, ten times that is what a busy machine does by itself. */
const FLOOR_MS = 50;

const EMPTY_LINES = Buffer.alloc(64 * 1024, '\n');

async function attackers(address: SocketAddress, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  await paced(count, 20, async () => {
    const socket = await rawConnect(address);
    socket.resume();
    sockets.push(socket);
  });
  return sockets;
}

describe('a flood of empty lines', () => {
  it.each([
    ['an async handler that does nothing', 10],
    ['an async handler that does nothing', 100],
    ['a handler that does nothing', 10],
    ['a handler that does nothing', 100],
  ] as const)(
    'to %s, from %d connections, stalls nobody',
    async (handler, count) => {
      const victim = await startVictim({
        codec: 'lines',
        args: handler.startsWith('an async'),
        scenario: ({ args }) => ({
          hooks: {
            onMessage: args
              ? async (message, connection) => {
                  if (message === 'ping') connection.trySend(message);
                }
              : (message, connection) => {
                  if (message === 'ping') connection.trySend(message);
                },
          },
        }),
      });
      const quiet = await QuietPeers.join(victim.address, 100);
      await quiet.measure(MEASURE_MS / 2); // code is compiled
      const without: number[] = [];
      const within: number[] = [];
      const stallsMs: number[] = [];
      const best = () => ({
        without: Math.min(...without),
        within: Math.min(...within),
        stall: Math.min(...stallsMs),
      });
      const isGood = ({ without, within, stall }: ReturnType<typeof best>): boolean =>
        stall < LONGEST_STALL_MS && within < Math.max(10 * without, FLOOR_MS);
      while (without.length < MOST_TURNS && !isGood(best())) {
        without.push((await quiet.measure(MEASURE_MS)).p99);
        const sockets = await attackers(victim.address, count);
        for (const socket of sockets) flood(socket, EMPTY_LINES);
        await victim.mark();
        within.push((await quiet.measure(MEASURE_MS)).p99);
        stallsMs.push((await victim.report()).longestStallMs);
        // A reset takes along what the victim's system holds for it: minutes of work.
        for (const socket of sockets) socket.resetAndDestroy();
        await victim.until('the attackers are gone', ({ connections }) => connections === 100, 60_000);
      }
      const figures = best();
      tell(`empty lines to ${handler}, ${count} connections`, {
        'p99 ms without': figures.without,
        'p99 ms within': figures.within,
        'longest stall ms': figures.stall,
        'in turns': within.map((ms) => ms.toFixed(0)).join(' '),
      });
      quiet.leave();
      expect(figures.stall).toBeLessThan(LONGEST_STALL_MS);
      expect(figures.within).toBeLessThan(Math.max(10 * figures.without, FLOOR_MS));
    },
    120_000,
  );
});

describe('a handler that computes for longer than any timeout', () => {
  it('ends no peer that went on sending, in a handshake or after it', async () => {
    const timeoutMs = 1_000;
    const victim = await startVictim({
      codec: 'lines',
      shakesHands: true,
      config: { idleTimeoutMs: timeoutMs, handshakeTimeoutMs: timeoutMs },
      scenario: ({ compute }) => ({
        hooks: {
          onMessage(message, connection) {
            if (message === 'compute') compute(2_500);
            if (message !== '') connection.trySend('ping');
          },
        },
      }),
    });
    const greet = async (socket: Socket): Promise<void> => {
      await heard(socket, '?');
      socket.write(GREETING);
      await heard(socket, '!', 10_000);
    };
    const connect = async (): Promise<Socket> => {
      const socket = await rawConnect(victim.address);
      await greet(socket);
      return socket;
    };
    const busy = await connect();
    const steady = await Promise.all(Array.from({ length: 5 }, connect));
    const timers = steady.map((socket) => setInterval(() => socket.write('\n'), 100));
    const half = await Promise.all(Array.from({ length: 5 }, () => rawConnect(victim.address)));
    for (const socket of half) await heard(socket, '?');
    busy.write('compute\n');
    for (const socket of half) socket.write(GREETING);
    for (const socket of half) await heard(socket, '!', 10_000);
    for (const socket of [...steady, ...half]) await ping(socket);
    const { heuristics } = await victim.report();
    tell('a handler that computes for 2.5 s, timeouts of 1 s', {
      'idle timeouts': heuristics.idleTimeouts,
      'handshake timeouts': heuristics.handshakeTimeouts,
    });
    expect(heuristics).toMatchObject({ idleTimeouts: 0, handshakeTimeouts: 0 });
    for (const timer of timers) clearInterval(timer);
    // The clock has not stopped: who says nothing any more is ended.
    await victim.until('the silent are ended', ({ connections }) => connections === 0, 10_000);
    for (const socket of [busy, ...steady, ...half]) socket.destroy();
  }, 60_000);
});
