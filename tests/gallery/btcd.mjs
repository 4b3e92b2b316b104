// btcd, a node of Bitcoin in Go: built once into dist/, which git ignores.
//
//   node btcd.mjs     builds it where it is missing, and says why it cannot
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { argv, env } from 'node:process';
import { fileURLToPath } from 'node:url';
import { freePort, until } from './harness.mjs';

export const VERSION = '0.26.2';
const folder = fileURLToPath(new URL('dist', import.meta.url));
const program = `${folder}/btcd-${VERSION}/btcd`;

/** Why there is none; undefined where there is one. */
export const missingBtcd =
  env.GALLERY_FAST === '1'
    ? 'btcd takes long to build'
    : existsSync(program)
      ? undefined
      : 'btcd is not built: it needs go, and a way to its modules';

if (argv[1] === fileURLToPath(import.meta.url) && !existsSync(program)) {
  const install = ['install', '-buildvcs=false', `github.com/btcsuite/btcd@v${VERSION}`];
  const { status, stderr } = spawnSync('go', install, {
    encoding: 'utf8',
    timeout: 20 * 60_000,
    env: { ...env, GOBIN: `${folder}/btcd-${VERSION}` },
  });
  if (status !== 0)
    console.error(`btcd cannot be built: ${stderr?.trim().split('\n')[0] ?? 'go is not installed'}`);
}

/** Whom the blocks belong to: any address of regtest will do. */
const MINER = 'mrCDrCybB6J1vRfbwM5hemdJz73FwDBC8r';

/** Starts a node of regtest, without the network, that keeps all it has in `data`. */
export async function startBtcd(t, data, ...more) {
  const [port, rpcPort] = [await freePort(), await freePort()];
  writeFileSync(`${data}/btcd.conf`, '');
  const args = [
    ...['--regtest', '--nodnsseed', `--listen=127.0.0.1:${port}`, `--miningaddr=${MINER}`],
    ...[`--configfile=${data}/btcd.conf`, `--datadir=${data}/data`, `--logdir=${data}/logs`],
    ...['--rpcuser=user', '--rpcpass=password', '--notls', `--rpclisten=127.0.0.1:${rpcPort}`],
  ];
  const child = spawn(program, [...args, ...more], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  t.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  await until('btcd listens', () => output.includes('Server listening on'));
  const call = async (method, ...params) => {
    const response = await fetch(`http://127.0.0.1:${rpcPort}/`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa('user:password')}` },
      body: JSON.stringify({ jsonrpc: '1.0', id: 1, method, params }),
    });
    const { result, error } = await response.json();
    if (error !== null) throw new Error(error.message);
    return result;
  };
  return { port, call, output: () => output };
}
