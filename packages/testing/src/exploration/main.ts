#!/usr/bin/env node
// npx pea2pea-explore <module> [--seeds 100] [--from 0] [--processes 2] [--replay 7:3,9]
import { parseArgs } from 'node:util';
import { coverageLines } from './coverage.js';
import { explore, moduleOf } from './explore.js';
import { ExplorationError } from './exploration-error.js';
import { ProcessRunner } from './runners.js';
import { parseRecipe } from './scenario.js';

const USAGE = 'usage: pea2pea-explore <module> [--seeds 100] [--from 0] [--processes 2] [--replay 7:3,9]';
/** As long as a person waits. */
const REPLAY_TIMEOUT_MS = 600_000;

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        seeds: { type: 'string', default: '100' },
        from: { type: 'string', default: '0' },
        processes: { type: 'string' },
        replay: { type: 'string' },
      },
    });
    const [module, ...rest] = positionals;
    if (module === undefined || rest.length > 0) throw new RangeError('name one module');
    if (values.replay !== undefined) return await replay(module, values.replay);
    const found = await explore({
      scenario: module,
      seeds: wholeNumber('--seeds', values.seeds),
      from: wholeNumber('--from', values.from),
      ...(values.processes !== undefined && { processes: wholeNumber('--processes', values.processes) }),
    });
    console.log(
      `${found.seeds} seeds, ${found.steps} events, ${Math.round(found.timeMs / 1_000)} s of virtual time`,
    );
    for (const line of coverageLines(found.seen)) console.log(line);
    return 0;
  } catch (error) {
    if (error instanceof ExplorationError) {
      console.log(error.message);
      return 1;
    }
    console.error(`${(error as Error).message}\n${USAGE}`);
    return 2;
  }
}

async function replay(module: string, recipe: string): Promise<number> {
  const runner = new ProcessRunner(moduleOf(module), REPLAY_TIMEOUT_MS);
  try {
    const outcome = await runner.run(parseRecipe(recipe));
    for (const line of outcome.trace) console.log(line);
    console.log(outcome.failure === undefined ? `no failure; ${outcome.hash}` : outcome.detail);
    return outcome.failure === undefined ? 0 : 1;
  } finally {
    runner.end();
  }
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new RangeError(`${name} takes a whole number, not ${JSON.stringify(text)}`);
  return Number(text);
}
