// npm run gallery [-- name ...] [--fast] [--apt]: runs examples/protocols against clients and servers that are not ours. Those
// of npm are installed into tests/gallery first, those of Debian with --apt, as root; a test that needs one which is missing
// skips, and says so. --fast leaves out what takes long, such as a browser.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { argv, env, exit } from 'node:process';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../tests/gallery', import.meta.url));
const TIMEOUT_MS = 120_000;

const all = readdirSync(folder).flatMap((name) => /^(.+)\.test\.mjs$/.exec(name)?.[1] ?? []);
const names = argv.slice(2).filter((argument) => !argument.startsWith('-'));
const unknown = names.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`There is no ${unknown.join(', ')} in the gallery, but ${all.join(', ')}.`);
  exit(2);
}
if (argv.includes('--fast')) env.GALLERY_FAST = '1';

/** Whether every client is there in the version that is pinned. */
function isInstalled() {
  const { dependencies } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
  return Object.entries(dependencies).every(([name, pinned]) => {
    const manifest = `${folder}/node_modules/${name}/package.json`;
    return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === pinned;
  });
}

/** What Debian has: a browser, and a client of BitTorrent. */
const DEBIAN = ['chromium', 'aria2'];
if (argv.includes('--apt')) {
  const install = ['apt-get', 'install', '--yes', '--no-install-recommends', ...DEBIAN];
  const [program, ...args] = process.getuid?.() === 0 ? install : ['sudo', ...install];
  const { status } = spawnSync(program, args, {
    stdio: 'inherit',
    env: { ...env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (status !== 0) console.error(`apt-get could not install ${DEBIAN.join(', ')}`);
}

const totals = { passed: 0, failed: 0 };
const skipped = new Map();
const skip = (reason, count = 1) => skipped.set(reason, (skipped.get(reason) ?? 0) + count);

if (!isInstalled()) {
  const options = { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' };
  const { status, stderr } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--prefix', folder], options);
  if (status !== 0) {
    console.error(stderr);
    console.log(`0 passed, 0 failed, ${all.length} skipped (npm cannot fetch the clients)`);
    exit(0);
  }
}

const selected = names.length > 0 ? names : all;
if (selected.includes('bitcoin') && !argv.includes('--fast')) {
  spawnSync(process.execPath, [`${folder}/btcd.mjs`], { stdio: 'inherit' });
}

/** What a file came to, printed when it ends. */
const suites = new Map();
const suiteOf = ({ file }) => {
  if (!suites.has(file))
    suites.set(file, { title: basename(file, '.test.mjs'), passed: 0, failures: [], skips: [] });
  return suites.get(file);
};

function note({ name, nesting, skip: reason, details, file }, failed) {
  const suite = suiteOf({ file });
  const isSuite = details?.type === 'suite';
  if (nesting === 0 && isSuite) suite.title = name;
  if (reason !== undefined) suite.skips.push(reason === true || reason === '' ? name : reason);
  else if (failed) {
    // A suite fails with its tests; by itself only where a hook of it did.
    if (!isSuite || details.error?.failureType !== 'subtestsFailed')
      suite.failures.push({ name: basename(name), error: details.error });
  } else if (!isSuite) suite.passed++;
}

const files = selected.map((name) => `${folder}/${name}.test.mjs`);
for await (const { type, data } of run({ files, concurrency: 2, timeout: TIMEOUT_MS })) {
  if (type === 'test:pass' || type === 'test:fail') note(data, type === 'test:fail');
}

for (const [, { title, passed, failures, skips }] of [...suites].sort(([a], [b]) => (a < b ? -1 : 1))) {
  totals.passed += passed;
  totals.failed += failures.length;
  for (const reason of skips) skip(reason);
  const counts = [`${passed} passed`];
  if (failures.length > 0) counts.push(`${failures.length} failed`);
  if (skips.length > 0) counts.push(`${skips.length} skipped (${[...new Set(skips)].join('; ')})`);
  console.log(`${title}: ${counts.join(', ')}`);
  for (const { name, error } of failures)
    console.log(`  ${name}\n    ${String(error?.cause?.stack ?? error).replaceAll('\n', '\n    ')}`);
}
const skips = [...skipped.values()].reduce((sum, count) => sum + count, 0);
const why = skips === 0 ? '' : ` (${[...skipped.keys()].join('; ')})`;
console.log(`${totals.passed} passed, ${totals.failed} failed, ${skips} skipped${why}`);
exit(totals.failed === 0 ? 0 : 1);
