// npm run test:repeat -- 20: runs all tests that many times, and says which run failed first.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const times = Number(process.argv[2] ?? 20);
if (!Number.isInteger(times) || times < 1) {
  console.error(
    `npm run test:repeat -- <times>, where <times> is a whole number from 1 on, not ${process.argv[2]}`,
  );
  process.exit(2);
}
const cwd = fileURLToPath(new URL('..', import.meta.url));
for (let run = 1; run <= times; run++) {
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync('npm', ['run', '--silent', run === 1 ? 'test' : 'jest'], {
    cwd,
    encoding: 'utf8',
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`run ${run} of ${times}: ${status === 0 ? 'passed' : 'FAILED'} in ${seconds} s`);
  if (status !== 0) {
    console.error(stdout, stderr);
    process.exit(1);
  }
}
