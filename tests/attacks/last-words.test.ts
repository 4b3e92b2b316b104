import { describe, expect, it } from '@jest/globals';
import type { Socket } from 'node:net';
import type { Codec } from '@pea2pea/core';
import { rawConnect, soon } from '@pea2pea/testing';
import { flood } from '../support/attacker.js';
import type { Victim, Scenario, ScenarioKit } from '../support/victim.js';
import { tell } from './figures.js';
import { startVictim } from './victims.js';

const WORDS = 900_000;
const UNREAD = 2_000_000;
const RUNS = 10;
const TIMEOUT_MS = 60_000;

/** Says many words, and ends what the first message names. */
function speaker({ codecs, figures, args }: ScenarioKit): Scenario {
  const words = 'w'.repeat(Number(args) - 1);
  let close = async (): Promise<unknown> => undefined;
  return {
    // It says longer lines than it listens to.
    codec: {
      decoder: codecs.lines({ maxLength: 1_000 }).decoder,
      encoder: codecs.lines({ maxLength: words.length }).encoder,
    } as Codec<never>,
    hooks: {
      async onMessage(message, connection) {
        await connection.send(words);
        figures['sent'] = (figures['sent'] ?? 0) + 1;
        if (message === 'disconnect') void connection.disconnect();
        if (message === 'close') void close();
      },
    },
    ready: (node) => void (close = () => node.close()),
  };
}

function startSpeaker(onDisconnectTimeoutMs: number): Promise<Victim> {
  return startVictim({
    codec: 'lines',
    config: { outboundQueueBytes: 4 * 1024 * 1024, onDisconnectTimeoutMs },
    args: WORDS,
    scenario: speaker,
  });
}

/** Everything that comes; how much, and how it ended. */
async function heardFrom(socket: Socket): Promise<{ bytes: number; end: string }> {
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => void (bytes += chunk.length));
  const end = new Promise<string>((resolve) => {
    socket.once('end', () => resolve('end'));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once('close', () => resolve('close'));
  });
  socket.resume();
  return { end: await soon('the end of what the victim says', end, 20_000), bytes };
}

describe('900 kB that were sent before the end reach a peer that has sent 2 MB which nobody reads', () => {
  it.each([
    ['disconnect', Buffer.alloc(UNREAD, `${'u'.repeat(99)}\n`)],
    ['close', Buffer.alloc(UNREAD, `${'u'.repeat(99)}\n`)],
    ['invalid-frame', Buffer.alloc(UNREAD, 'u')], // a line without end
  ])(
    'with %s',
    async (how, unread) => {
      const arrived: string[] = [];
      let victim = await startSpeaker(10_000);
      for (let run = 1; run <= RUNS; run++) {
        if (how === 'close' && run > 1) victim = await startSpeaker(10_000);
        const socket = (await rawConnect(victim.address)).pause();
        socket.write(`${how}\n`);
        socket.write(unread);
        await victim.until(
          'it has said all',
          ({ figures }) => figures['sent'] === (how === 'close' ? 1 : run),
          10_000,
        );
        const { bytes, end } = await heardFrom(socket);
        arrived.push(`${bytes} ${end}`);
        socket.destroy();
      }
      tell(`900 kB before ${how}, 2 MB unread`, {
        'arrived whole': `${arrived.filter((what) => what === `${WORDS} end`).length} of ${RUNS}`,
        'the others': arrived.filter((what) => what !== `${WORDS} end`).join('; ') || 'none',
      });
      expect(arrived).toEqual(Array.from({ length: RUNS }, () => `${WORDS} end`));
    },
    TIMEOUT_MS,
  );
});

it(
  'a peer that sends for ever is gone at the deadline of its teardown',
  async () => {
    const deadlineMs = 500;
    const victim = await startSpeaker(deadlineMs);
    const socket = await rawConnect(victim.address);
    socket.resume();
    socket.write('disconnect\n');
    flood(socket, Buffer.alloc(64 * 1024, '\n'));
    await victim.until('it has said all', ({ figures }) => figures['sent'] === 1);
    const startedMs = performance.now();
    await victim.until('the peer is gone', ({ connections }) => connections === 0, 20_000);
    const tookMs = performance.now() - startedMs;
    tell(`a peer that sends for ever, a deadline of ${deadlineMs} ms`, { 'gone after ms': tookMs });
    expect(tookMs).toBeLessThan(deadlineMs + 2_000);
    socket.destroy();
  },
  TIMEOUT_MS,
);
