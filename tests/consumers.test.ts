// Programs that use the packages as they are published, compiled by each tool in both modes of decorators, then run.
// `npm test` has built the packages.
import { describe, expect, it, jest } from '@jest/globals';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Compilers have to start, and the machine may be busy. */
const PATIENCE_MS = 60_000;
jest.setTimeout(PATIENCE_MS);

const cwd = fileURLToPath(new URL('..', import.meta.url));
const PROGRAM = 'tests/consumers/chat.ts';

const execute = promisify(execFile);

/** What the command prints; rejects with all of its output if it fails. */
async function outputOf(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const started = execute(command, args, { cwd, timeout: PATIENCE_MS, env: { ...process.env, ...env } });
  const { stdout } = await started.catch((error: Error & { readonly stdout: string }) => {
    throw new Error(`${error.message}\n${error.stdout}`);
  });
  return stdout;
}

const node = (...args: readonly string[]) => outputOf(process.execPath, args);

describe.each(['legacy', 'standard'])('a consumer with %s decorators', (mode) => {
  const tsconfig = `tests/consumers/tsconfig.${mode}.json`;
  const dist = `tests/consumers/dist/${mode}`;
  const dialogue = [
    `decorators: ${mode}`,
    'class: alice joins',
    'schema: remind in 2031',
    'guard: hello',
    'answer: you said hello',
    'gone: reading: ended',
    '',
  ].join('\n');

  it('compiles against the published types with tsc, mistakes excepted, and runs', async () => {
    expect(await node('node_modules/typescript/bin/tsc', '-p', tsconfig)).toBe('');
    expect(await node(`${dist}/chat.js`)).toBe(dialogue);
  });

  it('runs with tsx', async () => {
    const env = { TSX_TSCONFIG_PATH: tsconfig };
    expect(await outputOf(process.execPath, ['--import', 'tsx', PROGRAM], env)).toBe(dialogue);
  });

  it('is bundled by esbuild, and runs', async () => {
    const bundle = `${dist}/bundle.js`;
    const options = ['--bundle', '--platform=node', '--format=esm', '--target=es2022', '--log-level=warning'];
    await outputOf('node_modules/.bin/esbuild', [
      PROGRAM,
      `--tsconfig=${tsconfig}`,
      `--outfile=${bundle}`,
      ...options,
    ]);
    expect(await node(bundle)).toBe(dialogue);
  });
});
