// npm run check:packages: packs each package as for publishing, and has it looked at by those who know what goes wrong
// there: whether all that package.json names is in it, and whether every resolver of modules finds the types.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { publicPackagesOf } from './public-packages.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const REQUIRED = ['LICENSE', 'README.md', 'dist/index.d.ts', 'dist/index.js', 'package.json', 'src/index.ts'];
const UNWANTED = /(^|\/)(test|tests|node_modules)\/|\.tsbuildinfo$/;

const problems = [];
const folder = mkdtempSync(join(tmpdir(), 'pea2pea-pack-'));
const names = publicPackagesOf(root);
try {
  for (const name of names)
    problems.push(...(await problemsOf(name)).map((problem) => `${name}: ${problem}`));
} finally {
  rmSync(folder, { recursive: true });
}
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
console.log(`packages: ${names.length} are fit to be published`);

async function problemsOf(name) {
  const pkgDir = join(root, 'packages', name);
  const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: pkgDir,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [{ filename, files }] = JSON.parse(packed);
  const paths = files.map(({ path }) => path);
  const { messages, pkg } = await publint({ pkgDir, strict: true, pack: 'npm' });
  return [
    ...REQUIRED.filter((path) => !paths.includes(path)).map((path) => `${path} is not packed`),
    ...paths.filter((path) => UNWANTED.test(path)).map((path) => `${path} is packed`),
    ...messages.map((message) => formatMessage(message, pkg)),
    ...typeProblemsOf(join(folder, filename)),
  ];
}

/** ES modules only: CommonJS loads them with `require(esm)`, which types of `node16` do not know of. */
function typeProblemsOf(tarball) {
  const attw = join(root, 'node_modules', '.bin', 'attw');
  const options = ['--profile', 'esm-only', '--format', 'ascii', '--no-color', '--no-emoji'];
  const { status, stdout, stderr } = spawnSync(attw, [tarball, ...options], { encoding: 'utf8' });
  return status === 0 ? [] : [`are-the-types-wrong:\n${stdout}${stderr}`];
}
