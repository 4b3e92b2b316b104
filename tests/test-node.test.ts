import { expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const cwd = fileURLToPath(new URL('..', import.meta.url));

it.each([
  [[], 'Which version of Node?'],
  [['newest'], 'newest is no version of Node.'],
  [['tests/reading'], 'tests/reading is no version of Node.'],
])('npm run test:node with %j says what it needs', (args, what) => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/test-node.mjs', ...args], { cwd });
  expect(status).toBe(2);
  expect(String(stderr)).toBe(
    `${what}\nnpm run test:node -- <version> [jest arguments], where <version> is one such as 26 or 26.1.0\n`,
  );
});
