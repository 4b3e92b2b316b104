// npm run changeset, release:version, release:publish: releases are made as CONTRIBUTING.md describes it.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const changelogPath = join(root, 'CHANGELOG.md');
const UNRELEASED = '## unreleased\n';
// What the command `changeset` loads, too, after a call that Node 20 does not have; `add` and `version` run there.
const changesets = join(root, '.changeset', 'node_modules', '@changesets', 'cli', 'dist', 'index.mjs');

const [command = '', ...options] = process.argv.slice(2);
if (!existsSync(changesets)) fail('Changesets is not installed: npm ci --prefix .changeset');
if (command === 'publish' && !('withResolvers' in Promise)) {
  fail(
    'Changesets publishes with Node 22.11 or later: npm exec --package=node@24 -- npm run release:publish',
  );
}
if (command === 'version') version();
else run(process.execPath, [changesets, command, ...options]);

function version() {
  const changelog = readFileSync(changelogPath, 'utf8');
  const lines = changelog.split(UNRELEASED)[1]?.split(/^## /m)[0]?.trim();
  if (!lines) fail('CHANGELOG.md has nothing to release: no line stands under "## unreleased".');
  // The first release has none: the packages have its number already.
  const changes = readdirSync(join(root, '.changeset')).some((name) => name.endsWith('.md'));
  if (changes) run(process.execPath, [changesets, 'version', ...options]);
  const { number, names } = newest();
  if (changelog.includes(`\n## ${number},`))
    fail(`${number} was released: add a changeset, npm run changeset`);
  const day = new Date().toISOString().slice(0, 10);
  const title = `## ${number}, ${day}\n\nReleases ${names.map((name) => `\`${name}\``).join(', ')}.\n`;
  writeFileSync(
    changelogPath,
    changelog.replace(UNRELEASED, () => `${UNRELEASED}\n${title}`),
  );
  run('npm', ['install', '--package-lock-only', '--ignore-scripts', '--offline']);
}

/** Packages of one release have one number, above all that were released before: that is what `linked` does. */
function newest() {
  const manifests = readdirSync(join(root, 'packages'))
    .map((name) => join(root, 'packages', name, 'package.json'))
    .filter((path) => existsSync(path))
    .map((path) => JSON.parse(readFileSync(path, 'utf8')))
    .filter((manifest) => manifest.private !== true);
  const [number] = manifests.map(({ version }) => version).sort(byNumber);
  return { number, names: manifests.filter(({ version }) => version === number).map(({ name }) => name) };
}

/** The highest first: 0.10.0 before 0.9.0. */
function byNumber(a, b) {
  return b.localeCompare(a, 'en', { numeric: true });
}

function run(program, parameters) {
  const { status } = spawnSync(program, parameters, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
