import { expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** What becomes of a node in a process with Node's permission model. It runs what was built. */
async function outcomes(...permissions: string[]): Promise<string[]> {
  const program = `
    const { PeerNode } = await import('@pea2pea/core');
    const { bytes } = await import('@pea2pea/codecs');
    const node = new PeerNode({ codec: bytes() });
    const other = new PeerNode({ codec: bytes() });
    const said = (what) => (error) => what + ': ' + error.code + ', ' + error.message;
    const { port } = await other.listen({ host: '127.0.0.1', port: 0 }).catch(() => ({ port: 9 }));
    const outcomes = [
      await node.listen({ host: '127.0.0.1', port: 0 }).then(() => 'listens', said('listen')),
      await node.connect({ host: '127.0.0.1', port }).then(() => 'connected', said('connect')),
      await node.connect({ host: 'localhost', port: 9 }).catch(said('name')),
    ];
    await node.close();
    await other.close();
    console.log(JSON.stringify(outcomes));`;
  const flag = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission';
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [flag, '--allow-fs-read=*', ...permissions, '--input-type=module', '-e', program],
    { cwd: fileURLToPath(new URL('..', import.meta.url)) },
  );
  return JSON.parse(stdout) as string[];
}

const canForbid = process.allowedNodeEnvironmentFlags.has('--allow-net');

it('a process that may not use the network is told so by listen and connect; where Node does not forbid it, it goes on', async () => {
  const [listening, connecting, name] = await outcomes();
  if (canForbid) {
    expect(listening).toMatch(/^listen: P2P_ERR_LISTEN_FAILED, .*--allow-net/);
    expect(connecting).toMatch(/^connect: P2P_ERR_CONNECT_FAILED, .*--allow-net/);
    expect(name).toMatch(/^name: P2P_ERR_CONNECT_FAILED, .*--allow-net/);
  } else {
    expect([listening, connecting]).toEqual(['listens', 'connected']);
    expect(name).toMatch('ECONNREFUSED');
  }
}, 180_000);

(canForbid ? it : it.skip)(
  'a process that may use the network goes on',
  async () => {
    const [listening, connecting] = await outcomes('--allow-net');
    expect([listening, connecting]).toEqual(['listens', 'connected']);
  },
  180_000,
);
