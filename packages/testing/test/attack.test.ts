import { describe, expect, it } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { PeerNode, type NodeConfig } from '@pea2pea/core';
import { attack, simulate, textCodec, WIRE_ALTERATIONS, type AttackReport } from '@pea2pea/testing';

/** An attack on a node that echoes lines, in a simulated network. */
async function attackOn(config: Partial<NodeConfig<string>>, say = 'hello\n'): Promise<AttackReport> {
  const world = simulate({ seed: 4 });
  const [victim, attacker] = [world.host('10.0.0.1'), world.host('10.0.0.2')];
  const node = new PeerNode<string>({ codec: textCodec(), ...victim.config, ...config });
  node.use({ onMessage: (line, connection) => void connection.trySend(line) });
  await world.drive(node.listen({ host: '0.0.0.0', port: 4000 }));
  const { transport, clock } = attacker.config;
  const report = await world.drive(attack('10.0.0.1:4000', { say, transport, clock }), '1 h');
  await world.drive(node.close());
  return report;
}

const servedBy = ({ outcomes }: AttackReport): readonly boolean[] =>
  outcomes.map(({ during, after }) => during.isServed && after.isServed);

describe('an attack', () => {
  it('on a node of ours finds nothing: its honest peers are served beside each peer, and after it', async () => {
    const report = await attackOn({ maxConnectionsPerIp: 50 });
    expect(report.before).toMatchObject({ isServed: true, saw: 'a reply' });
    expect(report.outcomes.map(({ name }) => name)).toEqual(WIRE_ALTERATIONS);
    expect(servedBy(report)).toEqual(WIRE_ALTERATIONS.map(() => true));
    const endings = new Map(report.outcomes.map(({ name, ending }) => [name, ending]));
    expect(endings.get('resets-at-once')).toBe('left by the peer');
    expect(endings.get('ends-inside')).toBe('ended by the server');
    expect(endings.get('says-nothing')).toBe('open');
  });

  it('on a server that has room for one peer finds that', async () => {
    const report = await attackOn({ maxConnections: 1 });
    const served = new Map(report.outcomes.map(({ name, during }) => [name, during.isServed]));
    expect(served.get('says-nothing')).toBe(false);
    expect(served.get('resets-at-once')).toBe(true);
  });

  it('on a server that does not reply is content with a connection', async () => {
    const report = await attackOn({ maxConnectionsPerIp: 50 }, 'no line yet');
    expect(report.before).toMatchObject({ isServed: true, saw: 'silence' });
    expect(servedBy(report)).not.toContain(false);
  });

  it('needs a server', async () => {
    const world = simulate();
    const { transport, clock } = world.host('10.0.0.2').config;
    const attacking = attack('10.0.0.1:1', { say: '', transport, clock });
    await expect(world.drive(attacking)).rejects.toMatchObject({ code: 'P2P_ERR_CONNECT_TIMEOUT' });
  });
});

describe('the command', () => {
  const main = fileURLToPath(new URL('../dist/altered/main.js', import.meta.url));

  it('sets peers against a server of somebody else, and prints what became of honest ones', async () => {
    const server = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const child = spawn(process.execPath, [
      main,
      `127.0.0.1:${port}`,
      '--only',
      'drips,corrupts',
      '--say',
      'hi\\n',
    ]);
    let printed = '';
    child.stdout.on('data', (chunk) => (printed += chunk));
    const [code] = (await once(child, 'close')) as [number];
    server.close();
    expect([code, printed]).toEqual([
      0,
      expect.stringMatching(/saw a reply[^]*drips: [^]*corrupts: [^]*after served/),
    ]);
  });

  it.each([
    [['192.0.2.1:1'], 'say --mine if it is yours'],
    [['127.0.0.1:1', '--only', 'nobody'], 'there is no peer "nobody"'],
    [[], 'name one server'],
  ])('%j is refused', (args, why) => {
    const { status, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([2, expect.stringContaining(why)]);
    expect(stderr).toContain('usage: pea2pea-attack');
  });
});
