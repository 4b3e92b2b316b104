// A process of `explore`: runs the scenario of a module, once for each recipe that it is sent.
import { describe } from '@pea2pea/core/authoring';
import { testingError } from '../errors.js';
import { attempt } from './attempt.js';
import type { Reply } from './runners.js';
import type { Recipe, Scenario } from './scenario.js';

const reply = (message: Reply): void => void process.send!(message);
const onUncaught = (error: unknown): void => reply({ died: `nobody caught: ${describe(error)}` });
process.on('uncaughtException', onUncaught);
process.on('unhandledRejection', onUncaught);
process.on('disconnect', () => process.exit());

/** One after the other: what is sent while the module loads waits. */
let last = import(process.argv[2]!).then((module: { default?: Scenario }) => {
  if (typeof module.default?.run !== 'function') {
    throw testingError(
      'P2P_ERR_NOT_A_SCENARIO',
      `the default export of ${process.argv[2]} is not a scenario`,
    );
  }
  return module.default;
});
process.on('message', (recipe: Recipe) => {
  last = last.then(async (scenario) => {
    reply({ attempt: await attempt(scenario, recipe) });
    return scenario;
  });
});
