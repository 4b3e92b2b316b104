// npm run test:quick [-- jest options]: the tests that take about two minutes together, for use before each commit. What is
// left out takes long, or needs programs that are not ours; `npm test` runs it.
import { spawnSync } from 'node:child_process';
import { argv, exit } from 'node:process';
import { fileURLToPath } from 'node:url';

/** What is left out, and why: as the beginnings of paths. */
export const LEFT_OUT = {
  'tests/attacks': 'minutes of floods against nodes in processes of their own',
  'tests/chaos': 'long runs in virtual and in real time',
  'tests/consumers': 'compiles with each tool',
  'tests/docs': 'compiles and runs all snippets; check:words and check:format see most of a page',
  'tests/examples': 'runs each example',
  'tests/floors': 'check:floors does it',
  'tests/inflation': 'inflates until it is too much',
  'tests/libp2p': 'runs js-libp2p',
  'tests/runtimes': 'runs Bun and Deno',
  'tests/release': 'makes a release in a copy',
  'packages/codecs/test/max-objects': 'fills each limit',
  'packages/codecs/test/properties': 'thousands of inputs for each codec',
};

if (argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const anyOf = Object.keys(LEFT_OUT).join('|');
  // The tests of one mode of decorators: the other differs where a class is read, and `npm test` has both.
  const jest = ['run', '--silent', 'jest', '--', `^${root}(?!${anyOf})`, '--selectProjects', 'legacy'];
  exit(spawnSync('npm', [...jest, ...argv.slice(2)], { cwd: root, stdio: 'inherit' }).status ?? 1);
}
