// The project of a stranger for scripts/rehearse-publishing.mjs: a fresh folder, a package manager, and programs.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeFolder, run } from './stage.mjs';

const COPIES = fileURLToPath(new URL('copies.mjs', import.meta.url));

export class Stranger {
  #manager;
  #programs;

  constructor(manager, name, registries, { tsconfig, programs }) {
    this.#manager = manager;
    this.#programs = programs;
    const project = `${manager.name} ${name}`.replaceAll(/\W+/g, '-');
    this.folder = makeFolder('projects', project);
    makeFolder('projects', project, 'src');
    this.#write('package.json', { name: 'stranger', private: true, type: 'module' });
    this.#write('tsconfig.json', tsconfig);
    for (const program of programs)
      writeFileSync(join(this.folder, 'src', `${program.name}.ts`), program.text);
    manager.prepare(this.folder, registries);
  }

  async install(names, devNames = []) {
    const { command, add, addDev } = this.#manager;
    if (names.length > 0) await run(this.folder, [...command, ...add, ...names]);
    if (devNames.length > 0) await run(this.folder, [...command, ...addDev, ...devNames]);
  }

  /** Type checks all that it finds, declarations of the packages included, then compiles. */
  async compile() {
    await run(this.folder, [...this.#manager.bin, 'tsc']);
  }

  /** Type checks it with a compiler that is installed elsewhere. */
  async check(compiler, options = []) {
    await run(this.folder, ['node', join(compiler, 'bin', 'tsc'), '--noEmit', ...options]);
  }

  /** Runs what was compiled; rejects if a program fails or prints something else than its page says. */
  async runAll(command = (name) => [...this.#manager.node, `dist/${name}.js`]) {
    for (const { name, output } of this.#programs) {
      const printed = await run(this.folder, command(name));
      if (output !== undefined && printed !== output) {
        throw new Error(`${name} printed\n${printed}\ninstead of\n${output}`);
      }
    }
  }

  /** Rejects unless the project and all of these packages find one copy of core, the same one, in that version. */
  async hasOneCore(version, names) {
    const found = await run(this.folder, [...this.#manager.node, COPIES, ...names]);
    const copies = found.trim().split('\n');
    if (copies.length !== 1) throw new Error(`${this.folder} has ${copies.length} copies of core:\n${found}`);
    const [copy] = copies[0].split(' ').slice(-1);
    if (copy !== version) throw new Error(`${this.folder} has core ${copy}, not ${version}`);
  }

  async lacks(name) {
    const found = await run(this.folder, [
      ...this.#manager.node,
      '-p',
      `try { require.resolve('${name}') } catch { '' }`,
    ]);
    if (found.trim() !== '') throw new Error(`${this.folder} has ${name}, which nobody asked for: ${found}`);
  }

  #write(file, content) {
    writeFileSync(join(this.folder, file), JSON.stringify(content, null, 2));
  }
}
