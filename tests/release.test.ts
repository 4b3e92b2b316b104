// `npm run release:version` in a copy of what it reads and writes: which packages a change releases, and as what.
import { describe, expect, it, jest } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

jest.setTimeout(60_000);

const root = fileURLToPath(new URL('..', import.meta.url));
const folders = readdirSync(join(root, 'packages')).filter((name) =>
  existsSync(join(root, 'packages', name, 'package.json')),
);
const names = folders.filter((name) => manifestIn(name).private !== true);
const installed = existsSync(join(root, '.changeset', 'node_modules'));

interface Manifest {
  readonly private?: boolean;
  readonly version: string;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

function manifestIn(name: string): Manifest {
  return JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as Manifest;
}

/** A copy of the repository, as far as a release has to do with it: its packages have the version that is given. */
class Copy implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'pea2pea-release-'));

  constructor() {
    const manifests = [...folders.map((name) => `packages/${name}`), 'examples', '.'].map((folder) =>
      join(folder, 'package.json'),
    );
    const files = ['package-lock.json', 'scripts/release.mjs', '.changeset/config.json'];
    for (const path of [...manifests, ...files]) cpSync(join(root, path), join(this.#folder, path));
    symlinkSync(join(root, '.changeset/node_modules'), join(this.#folder, '.changeset/node_modules'));
    this.#write('CHANGELOG.md', '# Changelog\n\n## unreleased\n\n- add the first thing\n');
    this.#run('git', 'init', '--quiet', '--initial-branch=main');
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }

  /** Has `line` in the change log, and a changeset that names packages and what kind of change it is to them. */
  change(line: string, kinds: Readonly<Record<string, 'major' | 'minor' | 'patch'>>): void {
    const changelog = this.read('CHANGELOG.md').replace('## unreleased\n', `## unreleased\n\n- ${line}\n`);
    this.#write('CHANGELOG.md', changelog);
    const matter = Object.entries(kinds).map(([name, kind]) => `'@pea2pea/${name}': ${kind}\n`);
    this.#write(`.changeset/${line.replaceAll(' ', '-')}.md`, `---\n${matter.join('')}---\n`);
  }

  release(): void {
    this.#run('git', 'add', '--all', ':!.changeset/node_modules');
    this.#run(process.execPath, 'scripts/release.mjs', 'version');
  }

  read(path: string): string {
    return readFileSync(join(this.#folder, path), 'utf8');
  }

  manifest(name: string): Manifest {
    return JSON.parse(this.read(`packages/${name}/package.json`)) as Manifest;
  }

  versions(): Readonly<Record<string, string>> {
    return Object.fromEntries(names.map((name) => [name, this.manifest(name).version]));
  }

  #write(path: string, text: string): void {
    writeFileSync(join(this.#folder, path), text);
  }

  #run(program: string, ...parameters: readonly string[]): void {
    execFileSync(program, parameters, { cwd: this.#folder, stdio: 'pipe', encoding: 'utf8' });
  }
}

/** What the number becomes: none of the packages has been at 1.0.0. */
function next(version: string, kind: 'minor' | 'patch'): string {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return kind === 'minor' ? `${major}.${minor + 1}.0` : `${major}.${minor}.${patch + 1}`;
}

(installed ? describe : describe.skip)('a release (npm ci --prefix .changeset)', () => {
  it('of a repaired kernel is a release of the kernel alone, which all other packages take as it is', () => {
    using copy = new Copy();
    const before = copy.versions();
    copy.change('fix one', { core: 'patch' });
    const patched = next(before.core!, 'patch');
    copy.release();
    expect(copy.versions()).toEqual({ ...before, core: patched });
    for (const name of names.filter((other) => other !== 'core')) {
      expect([name, copy.manifest(name).peerDependencies]).toEqual([name, manifestIn(name).peerDependencies]);
    }
  });

  it('that breaks the kernel is the next minor of all packages, each of which wants the new kernel', () => {
    using copy = new Copy();
    const minor = next(copy.manifest('core').version, 'minor');
    copy.change('break one', { core: 'minor' });
    copy.release();
    expect(copy.versions()).toEqual(Object.fromEntries(names.map((name) => [name, minor])));
    const peers = names.filter((name) => name !== 'core').map((name) => copy.manifest(name).peerDependencies);
    for (const peer of peers) expect(peer).toMatchObject({ '@pea2pea/core': `^${minor}` });
  });

  it('has one number for all that it releases, above what was released before', () => {
    using copy = new Copy();
    const before = copy.versions();
    copy.change('fix one', { core: 'patch' });
    copy.release();
    copy.change('fix two', { codecs: 'patch', tls: 'patch' });
    copy.release();
    const first = next(before.core!, 'patch');
    const second = next(first, 'patch');
    expect(copy.versions()).toEqual({ ...before, core: first, codecs: second, tls: second });
  });

  it('has the lines of the change log under its number, and the lock file', () => {
    using copy = new Copy();
    const number = next(copy.manifest('core').version, 'patch');
    copy.change('fix one', { core: 'patch' });
    copy.release();
    const day = new Date().toISOString().slice(0, 10);
    expect(copy.read('CHANGELOG.md')).toBe(
      `# Changelog\n\n## unreleased\n\n## ${number}, ${day}\n\nReleases \`@pea2pea/core\`.\n\n- fix one\n\n- add the first thing\n`,
    );
    const lock = JSON.parse(copy.read('package-lock.json')) as {
      readonly packages: Readonly<Record<string, Manifest>>;
    };
    expect(lock.packages['packages/core']!.version).toBe(number);
    expect(copy.read('examples/package.json')).toContain(`"@pea2pea/core": "${number}"`);
  });

  it('needs no changeset to be the first', () => {
    using copy = new Copy();
    const before = copy.versions();
    copy.release();
    expect(copy.versions()).toEqual(before);
    expect(copy.read('CHANGELOG.md')).toContain(`## ${before.core}, `);
  });

  it('without a line in the change log, or without a changeset, is refused', () => {
    using copy = new Copy();
    copy.release();
    expect(() => copy.release()).toThrow('CHANGELOG.md has nothing to release');
    copy.change('say more', {});
    expect(() => copy.release()).toThrow('add a changeset');
  });
});
