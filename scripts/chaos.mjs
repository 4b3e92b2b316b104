// npm run chaos: lets tests/chaos loose on the compiled kernel. Its TypeScript is compiled on the fly into a
// folder inside the repository, so that @pea2pea/core resolves to the workspace.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'tests', 'chaos');
const target = join(root, 'node_modules', '.cache', `pea2pea-chaos-${process.pid}`);

const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const built = spawnSync(process.execPath, [tsc, '-b', join(root, 'packages', 'testing')], {
  stdio: 'inherit',
});
if (built.status !== 0) process.exit(built.status ?? 1);

mkdirSync(target, { recursive: true });
try {
  for (const name of readdirSync(source).filter((file) => file.endsWith('.ts'))) {
    const { outputText } = ts.transpileModule(readFileSync(join(source, name), 'utf8'), {
      fileName: name,
      compilerOptions: {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2022,
        verbatimModuleSyntax: true,
        inlineSourceMap: true,
      },
    });
    writeFileSync(join(target, name.replace(/\.ts$/, '.js')), outputText);
  }
  // As --expose-gc does, so that the growth of the heap can be told from garbage.
  setFlagsFromString('--expose-gc');
  globalThis.gc = runInNewContext('gc');
  const { main } = await import(pathToFileURL(join(target, 'main.js')).href);
  process.exitCode = await main(process.argv.slice(2));
} finally {
  rmSync(target, { recursive: true, force: true });
}
// A socket that a run has left would keep the process.
process.exit();
