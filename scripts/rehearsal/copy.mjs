// A copy of what a release reads and writes, in which scripts/rehearse-publishing.mjs makes releases: the versions, the
// change log and the tags of the repository stay as they are.
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, run } from './stage.mjs';

const FILES = [
  'package.json',
  'package-lock.json',
  'CHANGELOG.md',
  'scripts/release.mjs',
  'examples/package.json',
];
const CHANGESETS = ['config.json', 'package.json', 'package-lock.json'].map((file) =>
  join('.changeset', file),
);
const PACKED = ['package.json', 'README.md', 'LICENSE', 'dist', 'src'];

export class Copy {
  #folder = makeFolder('copy');
  #names;
  #published = new Map();
  #settings;

  /** Nothing but `registry` can be published to: the settings of the user, with their tokens, are not read. */
  static async make(root, registry) {
    const copy = new Copy();
    copy.#names = readdirSync(join(root, 'packages')).filter((name) =>
      existsSync(join(root, 'packages', name, 'package.json')),
    );
    const packed = copy.#names.flatMap((name) => PACKED.map((path) => join('packages', name, path)));
    for (const path of [...FILES, ...CHANGESETS, ...packed]) {
      if (existsSync(join(root, path)))
        cpSync(join(root, path), join(copy.#folder, path), { recursive: true });
    }
    await run(copy.#folder, ['npm', 'ci', '--prefix', '.changeset', '--loglevel', 'error']);
    const userconfig = join(makeFolder('publisher'), '.npmrc');
    const { host } = new URL(registry);
    const lines = [
      `registry=${registry}`,
      `@pea2pea:registry=${registry}`,
      `//${host}/:_authToken=rehearsal`,
    ];
    writeFileSync(userconfig, lines.join('\n'));
    copy.#settings = { npm_config_userconfig: userconfig, npm_config_registry: registry };
    await copy.#git('init', '--quiet', '--initial-branch=main');
    await copy.#commit('start');
    return copy;
  }

  /** The version of each package that is not private, by its name. */
  versions() {
    const manifests = this.#names.map((name) =>
      JSON.parse(readFileSync(join(this.#folder, 'packages', name, 'package.json'), 'utf8')),
    );
    const open = manifests.filter((manifest) => manifest.private !== true);
    return new Map(open.map(({ name, version }) => [name, version]));
  }

  /** Publishes each version that was not published yet. */
  async publish() {
    const fresh = [...this.versions()].filter(([name, version]) => this.#published.get(name) !== version);
    const workspaces = fresh.map(([name]) => `--workspace=${name}`);
    await run(this.#folder, ['npm', 'publish', '--loglevel=error', ...workspaces], this.#settings);
    for (const [name, version] of fresh) this.#published.set(name, version);
  }

  /** Makes a new version, with a patch of the package. */
  async patch(name) {
    const changelog = readFileSync(join(this.#folder, 'CHANGELOG.md'), 'utf8');
    const changed = changelog.replace(/^## .*$/m, '## unreleased\n\n- fix what was rehearsed\n\n$&');
    writeFileSync(
      join(this.#folder, 'CHANGELOG.md'),
      changelog.includes('## unreleased') ? changelog : changed,
    );
    writeFileSync(join(this.#folder, '.changeset', 'patch.md'), `---\n'${name}': patch\n---\n`);
    await run(this.#folder, ['node', 'scripts/release.mjs', 'version']);
    await this.#commit('patch');
  }

  async #commit(message) {
    await this.#git('add', '--all', ':!.changeset/node_modules');
    await this.#git(
      '-c',
      'user.name=a',
      '-c',
      'user.email=a@localhost',
      'commit',
      '--quiet',
      '--message',
      message,
    );
  }

  #git(...parameters) {
    return run(this.#folder, ['git', ...parameters]);
  }
}
