import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Connection } from '@pea2pea/core';
import { rawConnect, soon } from '@pea2pea/testing';
import { readSteadily } from '../support/attacker.js';
import type { Scenario, ScenarioKit } from '../support/victim.js';
import { mebi, tell } from './figures.js';
import { ping } from './quiet-peers.js';
import { startVictim, talker } from './victims.js';

const MIB = 1024 * 1024;
const TIMEOUT_MS = 90_000;

interface PushArgs {
  /** Where to dial; who has none is dialled. */
  readonly port?: number;
  readonly links: number;
  readonly messages: number;
}

/** Pushes so many messages to everybody, as fast as they are taken. */
function pusher({ args, figures }: ScenarioKit): Scenario {
  const { port, links, messages } = args as PushArgs;
  const message = Buffer.alloc(100_000, 'x');
  Object.assign(figures, { received: 0, pushed: 0 });
  const push = async (connection: Connection<unknown>): Promise<void> => {
    for (let sent = 0; sent < messages;) {
      if (connection.trySend(message)) sent++;
      else await connection.drained();
    }
    figures['pushed']!++;
  };
  return {
    hooks: {
      onConnect: (connection) => void push(connection).catch(() => {}),
      async onMessage() {
        figures['received']!++;
        await new Promise((resolve) => setImmediate(resolve));
      },
    },
    async ready(node) {
      if (port === undefined) return;
      for (let link = 2; link < links + 2; link++) {
        // From an address of its own, too: the system may use a port twice for two destinations.
        const host = `127.0.0.${link}`;
        await node.connect({ host, port }, { localAddress: host });
      }
    },
  };
}

describe('two honest nodes that push more than their budgets hold', () => {
  it(
    'come to an end, and nobody is ended',
    async () => {
      const [links, messages] = [60, 100];
      const config = { maxBufferedBytes: 51 * MIB, writeTimeoutMs: 5_000 };
      const options = { codec: 'lengthDelimited', config, scenario: pusher } as const;
      const there = await startVictim({ ...options, host: '0.0.0.0', args: { links, messages } });
      const startedMs = performance.now();
      const { port } = there.address;
      const here = await startVictim({ ...options, args: { links, messages, port } });
      const both = [there, here];
      const reports = await Promise.all(
        both.map((node) =>
          node.until(
            'all was pushed and has come, or somebody was ended',
            ({ figures, ends }) =>
              ends.length > 0 || (figures['pushed'] === links && figures['received'] === links * messages),
            60_000,
          ),
        ),
      );
      tell(`two nodes push over ${links} connections`, {
        seconds: (performance.now() - startedMs) / 1_000,
        received: reports.map(({ figures }) => figures['received']).join(' and '),
        ended: reports.map(({ ends }) => ends.length).join(' and '),
        'most buffered': reports.map(({ mostBufferedBytes }) => mebi(mostBufferedBytes)).join(' and '),
      });
      expect(reports.map(({ ends }) => ends)).toEqual([[], []]);
      expect(reports.map(({ figures }) => figures['received'])).toEqual([links * messages, links * messages]);
    },
    TIMEOUT_MS,
  );
});

describe('slow but steady readers', () => {
  it(
    'starve nobody: others are answered, and who holds most is ended, with a reason and a counter',
    async () => {
      const readers = 17;
      const victim = await startVictim({
        codec: 'lines',
        config: { maxBufferedBytes: 16 * MIB, pressureTimeoutMs: 1_500, writeTimeoutMs: 60_000 },
        scenario: talker,
      });
      const greedy: Socket[] = [];
      for (let reader = 0; reader < readers; reader++) {
        const socket = await rawConnect(victim.address);
        socket.write('talk\n');
        readSteadily(socket, 20_000);
        greedy.push(socket);
      }
      await victim.until(
        'they fill the budget',
        ({ mostBufferedBytes }) => mostBufferedBytes > 7 * MIB,
        20_000,
      );
      const good = await rawConnect(victim.address);
      const taken: number[] = [];
      const isOver = async (): Promise<boolean> => (await victim.report()).heuristics.pressureTimeouts > 0;
      while (!(await isOver()) || taken.length < 100) taken.push(await ping(good));
      const { heuristics, ends, bufferedBytes } = await victim.report();
      taken.sort((a, b) => a - b);
      tell(`${readers} readers of 20 kB/s, a budget of 16 MiB`, {
        'median ms of a good peer': taken[taken.length >> 1]!,
        'longest ms': taken.at(-1)!,
        'ended over budget': heuristics.pressureTimeouts,
        buffered: mebi(bufferedBytes),
      });
      const reasons = new Set(ends.map(({ reason }) => reason));
      expect(reasons).toEqual(new Set(['writing: over-budget P2P_ERR_OVER_BUDGET']));
      expect(heuristics.pressureTimeouts).toBe(ends.length);
      expect(taken[Math.floor(0.99 * (taken.length - 1))]).toBeLessThan(1_000);
      for (const socket of [good, ...greedy]) socket.destroy();
    },
    TIMEOUT_MS,
  );
});

/** Tells each peer of each frame that was complete. */
function receipts(): Scenario {
  return {
    hooks: { onMessage: (_message, connection) => void connection.trySend(Buffer.from('got it')) },
  };
}

describe('frames above a share that are not completed', () => {
  const declared = 200_000;
  const sent = 190_000;
  const head = Buffer.alloc(4);
  head.writeUInt32BE(declared);

  it.each([
    { hoarders: 12, drips: false, budget: 3 * MIB, patience: 1_000, endedAtMost: 0 },
    { hoarders: 12, drips: true, budget: 3 * MIB, patience: 1_000, endedAtMost: 0 },
    // More than the budget holds: somebody has to go before the honest one can be let in.
    { hoarders: 20, drips: false, budget: MIB, patience: 500, endedAtMost: 9 },
    { hoarders: 20, drips: true, budget: MIB, patience: 500, endedAtMost: 9 },
  ])(
    'do not hold up an honest one: $hoarders peers, drips: $drips, a budget of $budget',
    async ({ hoarders, drips, budget, patience, endedAtMost }) => {
      const victim = await startVictim({
        codec: 'lengthDelimited',
        config: { maxBufferedBytes: budget, pressureTimeoutMs: patience, idleTimeoutMs: 0 },
        scenario: receipts,
      });
      const greedy: Socket[] = [];
      for (let index = 0; index < hoarders; index++) {
        const socket = await rawConnect(victim.address);
        socket.write(Buffer.concat([head, Buffer.alloc(sent)]));
        greedy.push(socket);
      }
      await victim.until('the budget is tight', ({ bufferedBytes }) => bufferedBytes > budget / 2);
      const dripping = setInterval(() => {
        if (drips) for (const socket of greedy) socket.write('.');
      }, 10);
      const honest = await rawConnect(victim.address);
      const startedMs = performance.now();
      honest.write(Buffer.concat([head, Buffer.alloc(declared)]));
      await soon('the receipt', once(honest, 'data'), 60_000);
      const seconds = (performance.now() - startedMs) / 1_000;
      const endedBefore = (await victim.report()).heuristics.pressureTimeouts;
      const { mostBufferedBytes, ends } = await victim.until(
        'so many were ended that the budget is not tight',
        ({ bufferedBytes }) => bufferedBytes <= budget / 2,
        60_000,
      );
      clearInterval(dripping);
      tell(`${hoarders} unfinished frames of ${sent} bytes, drips: ${drips}, a budget of ${mebi(budget)}`, {
        'seconds until an honest frame is complete': seconds,
        'ended before': endedBefore,
        'seconds until the budget is not tight': (performance.now() - startedMs) / 1_000,
        'most buffered': mebi(mostBufferedBytes),
      });
      expect(endedBefore).toBeLessThanOrEqual(endedAtMost);
      const reasons = new Set(ends.map(({ reason }) => reason));
      expect(reasons).toEqual(new Set(['reading: over-budget P2P_ERR_OVER_BUDGET']));
      for (const socket of [honest, ...greedy]) socket.destroy();
    },
    TIMEOUT_MS,
  );
});
