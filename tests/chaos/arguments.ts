import { parseArgs } from 'node:util';
import type { ChaosOptions } from './run.js';

export const USAGE =
  'usage: npm run chaos -- [--seconds 60] [--seed 7] [--transport memory|tcp] [--time real|virtual]';

/** A wrong argument; the message is for people. */
export class ArgumentError extends Error {}

/** The options that `argv` asks for. @throws {ArgumentError} */
export function parseArguments(argv: readonly string[]): ChaosOptions {
  const { seconds, seed, transport, time } = read(argv);
  if (!(Number(seconds) > 0 && Number.isFinite(Number(seconds)))) {
    throw new ArgumentError(`--seconds must be a positive number, not ${JSON.stringify(seconds)}`);
  }
  if (!/^\d+$/.test(seed) || Number(seed) >= 2 ** 32) {
    throw new ArgumentError(
      `--seed must be a whole number from 0 to ${2 ** 32 - 1}, not ${JSON.stringify(seed)}`,
    );
  }
  if (transport !== 'memory' && transport !== 'tcp') {
    throw new ArgumentError(`--transport must be memory or tcp, not ${JSON.stringify(transport)}`);
  }
  if (time !== 'real' && time !== 'virtual') {
    throw new ArgumentError(`--time must be real or virtual, not ${JSON.stringify(time)}`);
  }
  if (time === 'virtual' && transport !== 'memory') {
    throw new ArgumentError(
      '--time virtual needs --transport memory: the network of the system has its own clock',
    );
  }
  return { seconds: Number(seconds), seed: Number(seed), transport, time };
}

function read(argv: readonly string[]): Record<'seconds' | 'seed' | 'transport' | 'time', string> {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        seconds: { type: 'string', default: '60' },
        seed: { type: 'string', default: '7' },
        transport: { type: 'string', default: 'tcp' },
        time: { type: 'string', default: 'real' },
      },
    });
    return values;
  } catch (error) {
    throw new ArgumentError((error as Error).message);
  }
}
