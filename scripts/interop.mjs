// npm run interop [-- name ...] [--fast] [--write]: holds our packages against implementations that are not ours. What the
// names may be, and how an end is added: tests/interop/README.md.
import { spawnSync } from 'node:child_process';
import { argv, env, exit } from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const args = argv.slice(2);
// The rest goes to jest: `-t 'half-close'` runs some cases.
const at = args.findIndex((arg) => arg.startsWith('-') && arg !== '--fast' && arg !== '--write');
const [ours, jests] = at === -1 ? [args, []] : [args.slice(0, at), args.slice(at)];
if (ours.includes('--write') && jests.length > 0) {
  console.error(`--write records whole suites: run it without ${jests.join(' ')}`);
  exit(2);
}

const { status } = spawnSync('npm', ['run', '--silent', 'jest', '--', ...jests], {
  cwd: root,
  stdio: 'inherit',
  env: {
    ...env,
    INTEROP: '1',
    INTEROP_NAMES: ours.filter((arg) => !arg.startsWith('--')).join(' '),
    INTEROP_FAST: ours.includes('--fast') ? '1' : '',
    INTEROP_WRITE: ours.includes('--write') ? '1' : '',
  },
});
exit(status ?? 1);
