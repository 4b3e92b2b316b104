// npm run rehearse:publish [-- a package manager]: publishes the packages as they are built on a registry of its own on the loopback, and has
// strangers install them by name, with each package manager, and run what README.md and docs/getting-started.md say;
// then releases a patch of core, which they install, too. All of it in a temporary folder.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Copy } from './rehearsal/copy.mjs';
import { OVERRIDES, packageManagers, TOOLS } from './rehearsal/package-managers.mjs';
import { readPages } from './rehearsal/pages.mjs';
import { folder, makeFolder, run, start } from './rehearsal/stage.mjs';
import { Stranger } from './rehearsal/stranger.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
/** npm installs the newest of them, as the page says. */
const HOUSE_COMPILER = ['typescript', '@types/node'].map((name) => `${name}@${devDependencies[name]}`);
const began = performance.now();
const { tsconfig, decorated, plain } = readPages(root);
tsconfig.compilerOptions.skipLibCheck = false;
plain.install.names.push('@pea2pea/policies', '@pea2pea/noise');
plain.programs.push({ name: 'plain', text: readFileSync(join(root, 'tests/consumers/plain.ts'), 'utf8') });

const others = (await run(folder, ['npm', 'config', 'get', 'registry'])).trim();
await unlessOffline(() =>
  run(folder, ['npm', 'view', `verdaccio@${TOOLS.verdaccio}`, 'name', '--fetch-retries=0']),
);
const tools = makeFolder('tools');
writeFileSync(join(tools, 'package.json'), JSON.stringify({ dependencies: TOOLS, overrides: OVERRIDES }));
await run(tools, ['npm', 'install', '--loglevel', 'error']);
const ours = await start([
  'node',
  join(root, 'scripts/rehearsal/registry.mjs'),
  tools,
  makeFolder('registry'),
]);
const [wanted = ''] = process.argv.slice(2);
const managers = packageManagers(tools).filter(({ name }) => name.startsWith(wanted));
say(`a registry at ${ours}, all other packages from ${new URL(others).host}`);

const copy = await Copy.make(root, ours);
const first = copy.versions();
const dependents = [...first.keys()].filter((name) => name !== '@pea2pea/core');
await copy.publish();
await expectPublished(first, new Map([...first].map(([name, version]) => [name, [version]])));
say(`published ${[...first].map((pair) => pair.join(' ')).join(', ')}`);

const strangers = [];
for (const manager of managers) {
  strangers.push(await arrive(manager, 'decorated', decorated), await arrive(manager, 'plain', plain));
  say(`${manager.name}: installed, compiled, ran, with one copy of core; with Inversify and without`);
}

if (managers[0].name === 'npm') {
  await checkWithOldCompilers();
  say('type checked: TypeScript 5.4, where there are decorators with skipLibCheck, and 5.8');
}

await copy.patch('@pea2pea/core');
await copy.publish();
const patched = copy.versions().get('@pea2pea/core');
await expectPublished(
  first,
  new Map([...first].map(([name, version]) => [name, [version]])).set('@pea2pea/core', [
    first.get('@pea2pea/core'),
    patched,
  ]),
);
say(`published core ${patched}, and nothing else`);

for (const { stranger, names } of strangers) {
  await stranger.install(['@pea2pea/core@latest']);
  await stranger.hasOneCore(patched, names);
  await stranger.runAll();
}
for (const manager of managers) {
  const late = new Stranger(manager, 'late', { ours, others }, { tsconfig, programs: [] });
  await late.install(plain.install.names);
  await late.hasOneCore(patched, ours_(plain.install.names));
}
say(`core ${patched} is the only copy, where the packages were and where they are new`);
process.exit();

async function arrive(manager, kind, { install: { names }, programs }) {
  const all = kind === 'decorated' ? [...new Set([...names, ...dependents])] : names;
  const stranger = new Stranger(manager, kind, { ours, others }, { tsconfig, programs });
  await stranger.install(all, manager.name === 'npm' ? decorated.install.devNames : HOUSE_COMPILER);
  const ofScope = ours_(all);
  await stranger.hasOneCore(first.get('@pea2pea/core'), ofScope);
  if (kind === 'plain') await stranger.lacks('inversify');
  await stranger.compile();
  await stranger.runAll();
  return { stranger, names: ofScope };
}

function ours_(names) {
  return names.filter((name) => dependents.includes(name));
}

async function expectPublished(packages, expected) {
  for (const name of packages.keys()) {
    const response = await fetch(new URL(name.replace('/', '%2f'), ours));
    const versions = Object.keys((await response.json()).versions);
    if (String(versions) !== String(expected.get(name))) {
      throw new Error(`the registry has ${name} in ${versions}, not in ${expected.get(name)}`);
    }
  }
}

/** The least versions that README.md names. Under 5.4, `@injectable()` of Inversify is no standard decorator. */
async function checkWithOldCompilers() {
  const compiler = (version) => join(tools, 'node_modules', `typescript-${version}`);
  const standard = ['--experimentalDecorators', 'false', '--emitDecoratorMetadata', 'false'];
  const [{ stranger: annotated }, { stranger: bare }] = strangers;
  // The newest types of Node, which npm has installed, need a newer compiler.
  for (const stranger of [annotated, bare]) await stranger.install([], HOUSE_COMPILER.slice(1));
  await bare.check(compiler('5.4'));
  await annotated.check(compiler('5.4'), ['--skipLibCheck']);
  await annotated.check(compiler('5.8'));
  await annotated.check(compiler('5.8'), standard);
}

/** Without a registry for the tools, there is nothing to rehearse with. */
async function unlessOffline(reach) {
  try {
    await reach();
  } catch (error) {
    if (!/ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH/.test(error.message))
      throw error;
    console.log('skipped: npm reaches no registry, and the rehearsal installs its tools from one');
    process.exit();
  }
}

function say(line) {
  console.log(`${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${line}`);
}
