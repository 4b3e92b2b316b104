// How scripts/rehearse-publishing.mjs has each package manager install packages by name: ours from the registry on the
// loopback, all others from the one that npm is configured with.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Programs that the rehearsal installs, in a temporary folder. */
export const TOOLS = {
  verdaccio: '6.10.4',
  pnpm: '12.21.0',
  yarn: '1.22.22',
  '@yarnpkg/cli-dist': '4.18.1',
  'typescript-5.4': 'npm:typescript@5.4.5',
  'typescript-5.8': 'npm:typescript@5.8.3',
};

/** verdaccio asks for `node-fetch@cjs`, a tag that not every registry has. */
export const OVERRIDES = { 'node-fetch': '2.7.0' };

/**
 * A package manager: `command`, which `add` and `addDev` and names to install follow; `bin`, which the command of an
 * installed package follows, `node`, which a program follows; and `prepare(folder, registries)`.
 */
export const packageManagers = (tools) => [
  {
    name: 'npm',
    command: ['npm'],
    add: ['install'],
    addDev: ['install', '--save-dev'],
    bin: ['npx', '--no'],
    node: ['node'],
    prepare: npmrc,
  },
  {
    name: 'pnpm',
    command: [join(tools, 'node_modules', '.bin', 'pnpm')],
    add: ['add'],
    addDev: ['add', '--save-dev'],
    bin: [join(tools, 'node_modules', '.bin', 'pnpm'), 'exec'],
    node: ['node'],
    prepare: (folder, registries) => {
      npmrc(folder, registries);
      // esbuild, which tsx brings, has a script that pnpm does not run unasked, and that it does not need. pnpm, as
      // Yarn, prefers what was published a day ago.
      writeFileSync(join(folder, 'pnpm-workspace.yaml'), 'strictDepBuilds: false\nminimumReleaseAge: 0\n');
    },
  },
  {
    name: 'yarn 1',
    command: ['node', join(tools, 'node_modules', 'yarn', 'bin', 'yarn.js')],
    add: ['add'],
    addDev: ['add', '--dev'],
    bin: ['node', join(tools, 'node_modules', 'yarn', 'bin', 'yarn.js'), '--silent', 'run'],
    node: ['node'],
    prepare: npmrc,
  },
  berry(tools, 'yarn 4, node-modules', 'node-modules'),
  berry(tools, 'yarn 4, Plug and Play', 'pnp'),
];

function berry(tools, name, nodeLinker) {
  const command = ['node', join(tools, 'node_modules', '@yarnpkg', 'cli-dist', 'bin', 'yarn.js')];
  const prepare = (folder, { ours, others }) => {
    const settings = {
      nodeLinker,
      npmRegistryServer: others,
      npmScopes: { pea2pea: { npmRegistryServer: ours } },
      unsafeHttpWhitelist: ['127.0.0.1', new URL(others).hostname],
      // Yarn installs only what was published a day ago.
      npmPreapprovedPackages: ['@pea2pea/*'],
      enableTelemetry: false,
      enableImmutableInstalls: false,
    };
    writeFileSync(join(folder, '.yarnrc.yml'), JSON.stringify(settings)); // YAML, too
    writeFileSync(join(folder, 'yarn.lock'), ''); // a project of its own, whatever is around it
  };
  const node = [...command, 'node'];
  return { name, command, add: ['add'], addDev: ['add', '--dev'], bin: [...command, 'run'], node, prepare };
}

function npmrc(folder, { ours, others }) {
  writeFileSync(join(folder, '.npmrc'), `registry=${others}\n@pea2pea:registry=${ours}\n`);
}
