import { ArgumentError, parseArguments, USAGE } from './arguments.js';
import { runChaos } from './run.js';
import { summarize } from './summary.js';

/** The command; answers the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  let options;
  try {
    options = parseArguments(argv);
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    console.error(`${error.message}\n${USAGE}`);
    return 2;
  }
  const report = await runChaos(options);
  console.log(summarize(report));
  return report.violationCount === 0 ? 0 : 1;
}
