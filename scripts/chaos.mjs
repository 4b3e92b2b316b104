// npm run chaos: lets tests/chaos loose on the compiled kernel. Its TypeScript is compiled on the fly into a
// folder inside the repository, so that @pea2pea/core resolves to the workspace.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'tests', 'chaos');
const packages = join(root, 'packages');
const target = join(root, 'node_modules', '.cache', `pea2pea-chaos-${process.pid}`);

const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const built = spawnSync(process.execPath, [tsc, '-b', join(packages, 'testing')], { stdio: 'inherit' });
if (built.status !== 0) process.exit(built.status ?? 1);

try {
  compileInto(target);
  // As --expose-gc does, so that the growth of the heap can be told from garbage.
  setFlagsFromString('--expose-gc');
  globalThis.gc = runInNewContext('gc');
  const { main } = await import(pathToFileURL(join(target, 'main.js')).href);
  process.exitCode = await main(process.argv.slice(2), build);
} finally {
  rmSync(target, { recursive: true, force: true });
}
// A socket that a run has left would keep the process.
process.exit();

function compileInto(folder) {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(source).filter((file) => file.endsWith('.ts'))) {
    const compiled = compile(readFileSync(join(source, name), 'utf8'), name);
    writeFileSync(join(folder, name.replace(/\.ts$/, '.js')), compiled);
  }
}

function compile(text, fileName) {
  return ts.transpileModule(text, {
    fileName,
    compilerOptions: {
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ES2022,
      verbatimModuleSyntax: true,
      inlineSourceMap: true,
    },
  }).outputText;
}

/** A copy of chaos, the testing package and the kernel, with a bug in that: the copies of packages are found first from there. */
function build({ name, file, from, to }) {
  const folder = join(target, name);
  compileInto(folder);
  for (const part of ['core', 'testing']) {
    const copy = join(folder, 'node_modules', '@pea2pea', part);
    cpSync(join(packages, part, 'package.json'), join(copy, 'package.json'));
    cpSync(join(packages, part, 'dist'), join(copy, 'dist'), { recursive: true });
  }
  const text = readFileSync(join(packages, 'core', 'src', file), 'utf8');
  if (text.split(from).length !== 2) throw new Error(`${file} does not say what ${name} alters, or not once`);
  const compiled = compile(
    text.replace(from, () => to),
    file,
  );
  writeFileSync(
    join(folder, 'node_modules', '@pea2pea', 'core', 'dist', file.replace(/\.ts$/, '.js')),
    compiled,
  );
  const remove = () => rmSync(folder, { recursive: true, force: true });
  return { url: pathToFileURL(join(folder, 'planted.js')).href, remove };
}
