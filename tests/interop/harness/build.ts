import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { INTEROP, type End, type Language } from './end.js';

/** What starts the program of an end, or why this machine cannot have it. */
export type Build =
  | { readonly command: readonly [program: string, ...args: string[]]; readonly toolchain: string }
  | { readonly skipped: string };

/** Whatever is downloaded and compiled has so long, together: on a busy machine several minutes. */
const TIMEOUT_MS = 20 * 60_000;
/** In the folder of the end, as nobody formats, checks or commits it. */
const OUTPUT = 'dist';

const built = new Map<string, Build>();

/**
 * Builds the program of an end, once: later calls take a moment.
 *
 * note: a machine without the tools, or without a way to the packages, has no program; a program that does not compile is
 * a defect.
 * @throws {Error} what the compiler said
 */
export function build(end: Pick<End, 'language' | 'folder' | 'script'>): Build {
  const key = `${end.folder} ${end.script ?? ''}`;
  const known = built.get(key);
  if (known !== undefined) return known;
  const result = BUILDERS[end.language](`${INTEROP}${end.folder}`, end.script);
  built.set(key, result);
  return result;
}

const BUILDERS: Record<Language, (folder: string, script?: string) => Build> = {
  Go: buildGo,
  Rust: buildRust,
  Python: buildPython,
  Node: buildNode,
};

/** The sums of the modules are written beside a copy of `go.mod`, so that the build changes no file in git. */
function buildGo(folder: string): Build {
  const toolchain = firstLine(run(folder, 'go', ['env', 'GOVERSION']).stdout);
  if (toolchain === '') return { skipped: 'go is not installed' };
  mkdirSync(`${folder}/${OUTPUT}`, { recursive: true });
  copyFileSync(`${folder}/go.mod`, `${folder}/${OUTPUT}/go.mod`);
  const modules = [`-modfile=${OUTPUT}/go.mod`];
  const compile = () =>
    run(folder, 'go', ['build', ...modules, '-mod=mod', '-buildvcs=false', '-o', `${OUTPUT}/program`, '.']);
  const { status, stderr } = compile();
  if (status !== 0) {
    const fetched = run(folder, 'go', ['mod', 'download', ...modules]);
    if (fetched.status !== 0) return { skipped: `go cannot fetch the modules: ${firstLine(fetched.stderr)}` };
    throw new Error(`${folder} does not compile:\n${stderr}`);
  }
  return { command: [`${folder}/${OUTPUT}/program`], toolchain: toolchain.replace(/^go/, 'Go ') };
}

function buildRust(folder: string): Build {
  const toolchain = firstLine(run(folder, 'rustc', ['--version']).stdout);
  if (toolchain === '' || run(folder, 'cargo', ['--version']).status !== 0) {
    return { skipped: 'cargo is not installed' };
  }
  const compile = () =>
    run(folder, 'cargo', ['build', '--offline', '--quiet', '--target-dir', OUTPUT], {
      CARGO_TERM_COLOR: 'never',
    });
  if (compile().status !== 0) {
    // Crates for other systems are not needed.
    const [, host] = /^host: (.+)$/m.exec(run(folder, 'rustc', ['-vV']).stdout) ?? [];
    const fetched = run(folder, 'cargo', ['fetch', ...(host === undefined ? [] : ['--target', host])]);
    if (fetched.status !== 0)
      return { skipped: `cargo cannot fetch the crates: ${firstLine(fetched.stderr)}` };
    const { status, stderr } = compile();
    if (status !== 0) throw new Error(`${folder} does not compile:\n${stderr}`);
  }
  const [, name = ''] = /^name = "(.+)"$/m.exec(readFileSync(`${folder}/Cargo.toml`, 'utf8')) ?? [];
  const [, version = ''] = /^rustc (\S+)/.exec(toolchain) ?? [];
  return { command: [`${folder}/${OUTPUT}/debug/${name}`], toolchain: `Rust ${version}` };
}

function buildPython(folder: string, script = 'main.py'): Build {
  const toolchain = firstLine(run(folder, 'python3', ['--version']).stdout);
  if (toolchain === '') return { skipped: 'python3 is not installed' };
  const environment = `${folder}/${OUTPUT}/venv`;
  const python = `${environment}/bin/python`;
  const requirements = readFileSync(`${folder}/requirements.txt`, 'utf8');
  const installed = `${environment}/requirements.txt`;
  if (!existsSync(installed) || readFileSync(installed, 'utf8') !== requirements) {
    const made = run(folder, 'python3', ['-m', 'venv', '--clear', environment]);
    if (made.status !== 0)
      return { skipped: `python3 cannot make an environment: ${firstLine(made.stderr)}` };
    const fetched = run(folder, python, ['-m', 'pip', 'install', '--quiet', '-r', 'requirements.txt']);
    if (fetched.status !== 0)
      return { skipped: `pip cannot fetch the packages: ${firstLine(fetched.stderr)}` };
    writeFileSync(installed, requirements);
  }
  const { status, stderr } = run(folder, python, [
    '-c',
    `compile(open('${script}').read(), '${script}', 'exec')`,
  ]);
  if (status !== 0) throw new Error(`${folder}/${script} does not compile:\n${stderr}`);
  // Nothing is written beside the sources, and what is printed is not held back.
  return { command: [python, '-B', '-u', `${folder}/${script}`], toolchain };
}

/** Runs under the Node that the folder brings with the package `node`, else under that of the tests. */
function buildNode(folder: string, script = 'main.mjs'): Build {
  if (!isInstalled(folder)) {
    const install = existsSync(`${folder}/package-lock.json`) ? ['ci'] : ['install', '--no-package-lock'];
    const { status, stderr } = run(folder, 'npm', [...install, '--no-audit', '--no-fund']);
    if (status !== 0) return { skipped: `npm cannot fetch the packages: ${firstLine(stderr)}` };
  }
  const own = `${folder}/node_modules/node/bin/node`;
  const node = existsSync(own) ? own : process.execPath;
  const { status, stderr } = run(folder, node, ['--check', script]);
  if (status !== 0) throw new Error(`${folder}/${script} does not compile:\n${stderr}`);
  const version = firstLine(run(folder, node, ['--version']).stdout);
  return { command: [node, `${folder}/${script}`], toolchain: `Node ${version.replace(/^v/, '')}` };
}

/** Whether every dependency is there in the version that is pinned. */
function isInstalled(folder: string): boolean {
  const { dependencies = {} } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as {
    dependencies?: Record<string, string>;
  };
  return Object.entries(dependencies).every(([name, pinned]) => {
    const manifest = `${folder}/node_modules/${name}/package.json`;
    if (!existsSync(manifest)) return false;
    const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
    return pinned.endsWith(version);
  });
}

function run(folder: string, program: string, args: readonly string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, ...env },
  });
  // Both are null where there is no such program.
  return { status, stdout: stdout ?? '', stderr: stderr ?? '' };
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? '';
}
