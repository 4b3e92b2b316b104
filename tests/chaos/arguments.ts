import { parseArgs } from 'node:util';
import { GROUNDS, type GroundName } from './ground.js';

export const USAGE =
  'usage: npm run chaos -- [--seed 7] [--seconds 60] [--seeds 1000] [--processes 2] [--replay 7:3,9] ' +
  '[--transport simulation|memory|tcp] [--time real|virtual] [--planted all|NAME]';

/** A wrong argument; the message is for people. */
export class ArgumentError extends Error {}

/** What the command is asked for. */
export interface Arguments {
  readonly seed: number;
  readonly seconds: number;
  readonly transport: GroundName;
  readonly time: 'real' | 'virtual';
  /** How many seeds, from `seed` on; undefined: that one alone, with a table of what happened. */
  readonly seeds: number | undefined;
  readonly processes: number | undefined;
  /** A recipe of a run to be seen again. */
  readonly replay: string | undefined;
  /** The name of a planted bug that is to be found; or all of them. */
  readonly planted: string | undefined;
}

const OPTIONS = {
  seed: { type: 'string', default: '7' },
  seconds: { type: 'string', default: '60' },
  transport: { type: 'string', default: 'simulation' },
  time: { type: 'string' },
  seeds: { type: 'string' },
  processes: { type: 'string' },
  replay: { type: 'string' },
  planted: { type: 'string' },
} as const;

/** The options that `argv` asks for. @throws {ArgumentError} */
export function parseArguments(argv: readonly string[]): Arguments {
  const { seconds, transport, time, ...values } = read(argv);
  if (!(Number(seconds) > 0 && Number.isFinite(Number(seconds)))) {
    throw new ArgumentError(`--seconds must be a positive number, not ${JSON.stringify(seconds)}`);
  }
  if (!isGround(transport)) {
    throw new ArgumentError(`--transport must be ${GROUNDS.join(', ')}, not ${JSON.stringify(transport)}`);
  }
  if (time !== undefined && time !== 'real' && time !== 'virtual') {
    throw new ArgumentError(`--time must be real or virtual, not ${JSON.stringify(time)}`);
  }
  if (time === 'virtual' && transport === 'tcp') {
    throw new ArgumentError('--time virtual is not for tcp: the network of the system has its own clock');
  }
  if (time === 'real' && transport === 'simulation') {
    throw new ArgumentError('--time real is not for the simulation: its time is virtual');
  }
  const { planted, replay } = values;
  const isMany = [values.seeds, values.processes, replay, planted].some((value) => value !== undefined);
  if (isMany && transport !== 'simulation') {
    throw new ArgumentError('--seeds, --processes, --replay and --planted need --transport simulation');
  }
  const most = 2 ** 32 - 1;
  return {
    seed: wholeNumber('--seed', values.seed, 0, most),
    seconds: Number(seconds),
    transport,
    time: time ?? (transport === 'simulation' ? 'virtual' : 'real'),
    seeds: values.seeds === undefined ? undefined : wholeNumber('--seeds', values.seeds, 1, most),
    processes:
      values.processes === undefined ? undefined : wholeNumber('--processes', values.processes, 1, 1_024),
    replay,
    planted,
  };
}

function isGround(name: string): name is GroundName {
  return (GROUNDS as readonly string[]).includes(name);
}

function wholeNumber(name: string, value: string, min: number, max: number): number {
  if (/^\d+$/.test(value) && Number(value) >= min && Number(value) <= max) return Number(value);
  throw new ArgumentError(
    `${name} must be a whole number from ${min} to ${max}, not ${JSON.stringify(value)}`,
  );
}

function read(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS }).values;
  } catch (error) {
    throw new ArgumentError((error as Error).message);
  }
}
