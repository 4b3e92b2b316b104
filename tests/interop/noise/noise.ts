import { randomBytes } from 'node:crypto';
import { expect } from '@jest/globals';
import { generateKeyPair } from '@pea2pea/noise';
import { until } from '@pea2pea/testing';
import { suite } from '../harness/suite.js';
import { flynn, noiseprotocol, snow } from './ends.js';
import { expectation, meet, messageCount, type Met, type Trial } from './noise-end.js';

const PATTERNS = ['NN', 'NK', 'NX', 'KN', 'KK', 'KX', 'XN', 'XK', 'XX', 'IN', 'IK', 'IX'];
const CIPHERS = ['ChaChaPoly', 'AESGCM'];
const HASHES = ['SHA256', 'SHA512', 'BLAKE2s', 'BLAKE2b'];
const COMBINATIONS = CIPHERS.flatMap((cipher) => HASHES.map((hash) => ({ cipher, hash })));
const DIALLERS = [
  { dials: 'we', who: 'we dial' },
  { dials: 'it', who: 'it dials' },
] as const;
/** Short ones, one that fills Noise messages to the last byte, one that needs several. */
const LINES = ['hello', '', 'x'.repeat(65_518), 'y'.repeat(200_000)];

/** Both sides know the same, and every line comes back. */
async function agree(trial: Trial, met: Met, lines: readonly string[] = LINES): Promise<void> {
  const { ours, theirs } = expectation(trial);
  expect({ trial, ours: met.ours }).toMatchObject({ trial, ours });
  expect({ trial, theirs: met.theirs }).toMatchObject({ trial, theirs });
  expect(met.ours.hash).toBe(met.theirs.hash);
  for (const [index, line] of lines.entries()) {
    await met.connection.send(line);
    await until('the line came back', () => met.echoes.length > index);
  }
  expect(met.echoes).toEqual(lines);
  await met.connection.disconnect();
}

export const noise = suite('noise', [flynn, snow, noiseprotocol], (test) => {
  for (const { dials, who } of DIALLERS) {
    for (const pattern of PATTERNS) {
      test(`${pattern} with every cipher and hash: keys, payloads, messages both ways (${who})`, async (bench) => {
        const end = await bench.start();
        for (const each of COMBINATIONS) {
          const trial: Trial = { pattern, dials, prologue: Buffer.from('interop'), ...each };
          await agree(trial, await meet(bench, end, trial));
        }
      });

      test(`${pattern} with a psk at every place (${who})`, async (bench) => {
        const end = await bench.start();
        for (let place = 0; place <= messageCount(pattern); place++) {
          for (const each of [COMBINATIONS[place]!, COMBINATIONS[7 - place]!]) {
            const trial: Trial = { pattern: `${pattern}psk${place}`, dials, psk: randomBytes(32), ...each };
            await agree(trial, await meet(bench, end, trial), ['hello']);
          }
        }
      });
    }

    test(`new keys after every third message (${who})`, async (bench) => {
      const end = await bench.start();
      for (const cipher of CIPHERS) {
        const trial: Trial = { pattern: 'XX', cipher, hash: 'SHA256', dials, rekeyAfter: 3 };
        const lines = Array.from({ length: 20 }, (_, index) => `line ${index}`);
        await agree(trial, await meet(bench, end, trial), lines);
      }
    });

    const xx = { cipher: 'ChaChaPoly', hash: 'SHA256', dials } as const;
    const different: Record<string, Trial> = {
      'another prologue': {
        ...xx,
        pattern: 'XX',
        prologue: Buffer.from('ours'),
        theirs: { prologue: Buffer.from('theirs') },
      },
      'another psk': {
        ...xx,
        pattern: 'XXpsk3',
        psk: randomBytes(32),
        theirs: { psk: randomBytes(32) },
      },
      'another key than the peer has, in KK': {
        ...xx,
        pattern: 'KK',
        expected: generateKeyPair().publicKey,
      },
      'another key than we have, in KK': {
        ...xx,
        pattern: 'KK',
        theirs: { ourKey: generateKeyPair().publicKey },
      },
    };
    for (const [what, trial] of Object.entries(different)) {
      test(`${what} is refused (${who})`, async (bench) => {
        const end = await bench.start();
        const met = await meet(bench, end, trial).catch((error: unknown) => error);
        if (met instanceof Error) return; // one of the two has seen it in the handshake, the other sees the end
        // Whoever writes the last message of the handshake learns it from what follows.
        await (met as Met).connection.closed;
        expect((met as Met).echoes).toEqual([]);
      });
    }
  }
});
