// The recipes of docs/testing.md, run by the runners that they are for. vitest is installed by npm ci --prefix tests/runners.
import { afterAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fencesOf } from './support/markdown.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const runners = join(root, 'tests/runners');
/** Below the folder of vitest, so that it is found; of this process alone. */
const folder = join(runners, `.recipes-${process.pid}`);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Recipe {
  /** What is run with the file, in its folder. */
  readonly command: (file: string) => readonly string[];
  readonly entry: string;
  /** What of its output says that all passed. */
  readonly passed: RegExp;
}

const RECIPES: Readonly<Record<string, Recipe>> = {
  jest: {
    entry: join(root, 'node_modules/jest/bin/jest.js'),
    command: (file) => ['--experimental-vm-modules', join(root, 'node_modules/jest/bin/jest.js'), file],
    passed: /Tests: +1 passed, 1 total/,
  },
  vitest: {
    entry: join(runners, 'node_modules/vitest/vitest.mjs'),
    command: (file) => [
      join(runners, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--no-color',
      '--root',
      '.',
      file,
    ],
    passed: /Tests +17 passed \(17\)/,
  },
  'node:test': {
    entry: process.execPath,
    command: (file) => ['--test', '--test-reporter=tap', file],
    passed: /^# pass 18$/m,
  },
};

const fences = fencesOf(readFileSync(join(root, 'docs/testing.md'), 'utf8'));
const recipeOf = (name: string): string => fences.find(({ info }) => info === `js ${name}`)!.text;

/** Runs `text` as a test file of a project of its own. */
function run(name: string, text: string) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module", "jest": { "transform": {} } }');
  const file = `${name.replace(':', '-')}.test.mjs`;
  writeFileSync(join(folder, file), text);
  // The runner of this test says in the environment that it runs, and others would believe it.
  const env = { ...process.env, JEST_WORKER_ID: undefined, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined };
  const { command } = RECIPES[name]!;
  const { status, stdout, stderr } = spawnSync(process.execPath, command(file), {
    cwd: folder,
    env,
    encoding: 'utf8',
  });
  return { status, output: `${stdout}\n${stderr}` };
}

describe.each(Object.entries(RECIPES))('the recipe for %s', (name, { entry, passed }) => {
  const isThere = existsSync(entry);
  if (!isThere) console.log(`skipped: ${name} is not installed; npm ci --prefix tests/runners`);

  (isThere ? it : it.skip)('passes there', () => {
    const { status, output } = run(name, recipeOf(name));
    expect([status, output]).toEqual([0, expect.stringMatching(passed)]);
  });

  (isThere ? it : it.skip)('fails where a node miscounts, which is found after the test', () => {
    const end = /\n\}\);\n/;
    const spoilt = recipeOf(name)
      .replace('{ here, there }', '{ dialler, here, there }')
      .replace(end, '\n  dialler.heuristics.dialled++;$&');
    const { status, output } = run(name, spoilt);
    expect([status, output]).toEqual([1, expect.stringContaining('setups, by outcome: 1, should be 2')]);
  });
});
