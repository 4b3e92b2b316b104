import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

const NODES = `
  import { duplexPair } from 'node:stream';
  import { connect, createServer } from 'node:net';
  import { lines } from '@pea2pea/codecs';
  import { memoryTransport, PeerNode } from '@pea2pea/core';
  const transport = memoryTransport();
  const server = new PeerNode({ codec: lines(), transport });
  const client = new PeerNode({ codec: lines(), transport });
  const address = await server.listen({ host: '127.0.0.1', port: 4000 });`;

const WITH_PEERS = `
  import { json, lines } from '@pea2pea/codecs';
  import { memoryTransport } from '@pea2pea/core';
  import { createPeer, Peer } from '@pea2pea/decorators';
  import { method, Requests, requests } from '@pea2pea/rpc';
  import { reconnect } from '@pea2pea/policies';
  const transport = memoryTransport();
  const make = (plugins, port) => {
    class Program {}
    Peer({ codec: json(lines()), plugins })(Program, undefined);
    return createPeer(Program, { config: { transport }, listen: { host: '127.0.0.1', port } });
  };`;

/** Programs that have done all they had to do, and closed nothing. */
const IDLE: Record<string, string> = {
  'a connection over memory': `${NODES}
    await client.connect(address);`,
  'a socket that does not keep the process alive': `${NODES}
    const listener = createServer((other) => other.unref()).listen(0, '127.0.0.1', () => {
      const socket = connect(listener.address().port, '127.0.0.1', () => {
        socket.unref();
        listener.unref();
        void client.connect('127.0.0.1:5000', { stream: socket });
      });
    });`,
  'a reconnect that waits, and was told not to keep the process alive': `${WITH_PEERS}
    await make([reconnect({ addresses: ['127.0.0.1:4001'], keepsAlive: false, minDelayMs: 60_000 })], 4000);`,
  'a call that nobody answers': `${WITH_PEERS}
    const server = await make([], 4000);
    const client = await make([requests({ timeoutMs: 3_600_000 })], 4001);
    const connection = await client.node.connect('127.0.0.1:4000');
    void client.get(Requests).call(connection, method('silence'));`,
  'a yamux session over a pair': `
    import { duplexPair } from 'node:stream';
    import { Yamux } from '@pea2pea/streams';
    const [left, right] = duplexPair();
    const sessions = [new Yamux(left, { role: 'client' }), new Yamux(right, { role: 'server' })];
    void sessions[0].ping();`,
};

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

function run(script: string): { exited: Promise<unknown[]>; errors: () => string; kill: () => void } {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += String(chunk)));
  const kill = (): void => void child.kill('SIGKILL');
  ends.push(kill);
  return { exited: once(child, 'close'), errors: () => errors, kill };
}

// It has minutes: how fast a process starts is the machine's affair. One that does not end never does.
describe('a program with nothing left to do ends by itself', () => {
  it.each(Object.entries(IDLE))(
    '%s',
    async (_what, script) => {
      const program = run(script);
      const timer = setTimeout(program.kill, 60_000);
      const [code] = await program.exited;
      clearTimeout(timer);
      expect([code, program.errors()]).toEqual([0, '']);
    },
    120_000,
  );
});

describe('a program that waits for something of ours goes on', () => {
  it('a close() that waits for a hook ends at its deadline, though nothing else is left', async () => {
    const program = run(`${NODES}
      client.use({ onDisconnect: () => new Promise(() => {}) });
      await client.connect(address);
      const { cut } = await client.close({ timeoutMs: 300 });
      process.exitCode = cut.length === 1 ? 7 : 8;`);
    expect((await program.exited)[0]).toBe(7);
    expect(program.errors()).toMatch(/^pea2pea error: onDisconnect took too long [^\n]*\n$/);
  }, 120_000);

  it('a reconnect dials again, unless it was told otherwise', async () => {
    const program = run(`${WITH_PEERS}
      const options = { addresses: ['127.0.0.1:4001'], minDelayMs: 50, maxAttempts: 3 };
      const { node } = await make([reconnect(options)], 4000);
      node.plugin(reconnect).events.on('given-up', () => (process.exitCode = 7));`);
    expect((await program.exited)[0]).toBe(7);
  }, 120_000);
});
