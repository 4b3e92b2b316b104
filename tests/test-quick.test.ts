import { expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
// @ts-expect-error a plain script
import { LEFT_OUT } from '../scripts/test-quick.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const leftOut = Object.keys(LEFT_OUT as Record<string, string>);

function listed(command: string, args: readonly string[]): string[] {
  const { stdout, status } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  expect(status).toBe(0);
  return stdout
    .split('\n')
    .filter((line) => line.endsWith('.test.ts'))
    .map((line) => relative(root, line));
}

it('npm run test:quick runs each test once, but for those that it leaves out, each of which is there', () => {
  const all = listed('npm', ['run', '--silent', 'jest', '--', '--listTests', '--selectProjects', 'legacy']);
  const quick = listed(process.execPath, ['scripts/test-quick.mjs', '--listTests']);
  const isLeftOut = (path: string): boolean => leftOut.some((beginning) => path.startsWith(beginning));
  expect(quick.sort()).toEqual(all.filter((path) => !isLeftOut(path)).sort());
  expect(leftOut.filter((beginning) => !all.some((path) => path.startsWith(beginning)))).toEqual([]);
  expect(quick).toEqual(expect.arrayContaining(['tests/invariants.test.ts', 'tests/test-quick.test.ts']));
});
