// npm run networks [-- word ...] [--fast] [--write] [--apt]: plays what can happen to a connection on network namespaces of
// this machine, and compares it with what the simulated network tells. Words choose causes that have them in their names;
// --fast leaves out what takes minutes; --write writes docs/real-networks.md and what it shows; --apt installs what Debian has,
// as root. Where the machine has no namespaces, it says so and plays nothing.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { argv, env, execPath, exit, getuid, pid, platform } from 'node:process';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'tests', 'networks');
const target = join(root, 'node_modules', '.cache', `pea2pea-networks-${pid}`);
const DEBIAN = ['iproute2', 'nftables', 'util-linux'];
if (argv.includes('--apt')) {
  const install = ['--yes', '--no-install-recommends', 'install', ...DEBIAN];
  const aptGet = (args) => {
    const [program, ...all] = [...(getuid?.() === 0 ? [] : ['sudo']), 'apt-get', '--quiet=2', ...args];
    const options = {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...env, DEBIAN_FRONTEND: 'noninteractive' },
    };
    return spawnSync(program, all, options).status === 0;
  };
  // A new machine has no list of packages.
  if (!aptGet(install) && !(aptGet(['update']) && aptGet(install)))
    console.error(`apt-get could not install ${DEBIAN.join(', ')}`);
}

// A world of its own: what is made in it is gone with its first process, whatever becomes of that.
const user = getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
const apart = [
  '--mount',
  '--net',
  '--pid',
  '--fork',
  '--kill-child',
  '--mount-proc',
  ...user,
  'sh',
  '-e',
  '-c',
];
const PREPARE = 'mount -t tmpfs none /run';
/** What a run needs, in the words of a shell. */
const TRIAL = [
  PREPARE,
  'ip netns add a',
  'ip -n a link add one type veth peer name two',
  'ip netns exec a nft "add table ip t; add chain ip t c { type nat hook postrouting priority 100; }"',
  'ip netns exec a nft "add rule ip t c masquerade"',
  'ip netns exec a tc qdisc add dev one root tbf rate 1mbit burst 8kb latency 50ms',
].join('\n');

const trial = spawnSync('unshare', [...apart, TRIAL], { encoding: 'utf8', timeout: 20_000 });
if (platform !== 'linux' || trial.status !== 0) {
  const why =
    platform !== 'linux' ? 'this is not Linux' : (trial.error?.message ?? trial.stderr).trim().split('\n')[0];
  console.log(
    `no network namespaces with nftables and tbf here: ${why}; with --apt, Debian's packages are installed`,
  );
  console.log('0 passed, 0 failed, 1 skipped');
  exit(0);
}

let status = 1;
try {
  mkdirSync(target, { recursive: true });
  buildSync({
    entryPoints: [join(source, 'main.ts'), join(source, 'agent-main.ts')],
    outdir: target,
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'inline',
    tsconfig: join(root, 'tsconfig.base.json'),
  });
  // As tests/networks/stage.ts has them; whoever looks a name up reads them there.
  writeFileSync(
    join(target, 'hosts'),
    '127.0.0.1 localhost\n192.0.2.1 seed.example\n203.0.113.2 seed.example\n',
  );
  const script = `${PREPARE}\nmount --bind "$0/hosts" /etc/hosts\nexec "$@"`;
  const program = [execPath, '--enable-source-maps', join(target, 'main.js')];
  const args = [
    source,
    join(root, 'docs', 'real-networks.md'),
    ...argv.slice(2).filter((arg) => arg !== '--apt'),
  ];
  const run = spawnSync('unshare', [...apart, script, target, ...program, ...args], {
    stdio: 'inherit',
  });
  status = run.status ?? 1;
} finally {
  rmSync(target, { recursive: true, force: true });
}
exit(status);
