import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { until as untilIn } from './support/until.js';

/** Processes have to start, and the machine may be busy. */
const PATIENCE_MS = 30_000;
jest.setTimeout(3 * PATIENCE_MS);

function until(what: string, condition: () => boolean): Promise<void> {
  return untilIn(what, condition, PATIENCE_MS);
}

const root = fileURLToPath(new URL('..', import.meta.url));

/** A process and what it said. `npm test` has built the examples. */
interface Started {
  readonly process: ChildProcessWithoutNullStreams;
  output: string;
  errors: string;
  /** Undefined while it runs. */
  exitCode: number | undefined;
}

const running = new Set<Started>();

/** A test that failed leaves nobody behind. */
afterEach(() => {
  for (const { process } of running) process.kill('SIGKILL');
  running.clear();
});

function start(command: string, args: readonly string[]): Started {
  const child = spawn(command, args, { cwd: root, stdio: 'pipe' });
  const started: Started = { process: child, output: '', errors: '', exitCode: undefined };
  child.stdout.on('data', (chunk: Buffer) => (started.output += String(chunk)));
  child.stderr.on('data', (chunk: Buffer) => (started.errors += String(chunk)));
  child.stdin.on('error', () => {});
  child.on('close', (code) => {
    started.exitCode = code ?? -1;
    running.delete(started);
  });
  running.add(started);
  return started;
}

function example(name: string, ...args: string[]): Started {
  return start(process.execPath, [`examples/dist/${name}.js`, ...args]);
}

/** Runs to the end; answers the lines of its output. */
async function linesOf(started: Started): Promise<string[]> {
  await until('it ends', () => started.exitCode !== undefined);
  expect({ exitCode: started.exitCode, errors: started.errors }).toEqual({ exitCode: 0, errors: '' });
  return started.output.trimEnd().split('\n');
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

it('every example has a test here', () => {
  // Those that belong to the project: who follows the README puts one of his own beside them.
  const { stdout } = spawnSync('git', ['ls-files', 'examples'], { cwd: root });
  const examples = String(stdout).match(/[\w-]+(?=\.ts$)/gm);
  expect(examples).toEqual(['chat', 'fixed-topology', 'gossip', 'hello', 'without-decorators']);
});

describe('hello', () => {
  it('is what `npm start` runs: the dialogue, the refusal and the disconnect reason', async () => {
    const lines = await linesOf(start('npm', ['--silent', 'start']));
    expect(lines).toEqual([
      'bob     listens',
      'alice   is connected with bob, outbound',
      'alice   hello',
      'bob     you said "hello"',
      'alice   how are you?',
      'bob     you said "how are you?"',
      'alice   bye',
      'bob     bye, alice',
      'alice   is disconnected, reason: user: all is said',
      'bob     sees alice leave, reason: reading: ended',
      expect.stringMatching(/^bob {5}refuses a peer: .* expected the magic bytes PEA2, heard EVIL/),
      'mallory is not connected: P2P_ERR_HANDSHAKE_ENDED',
      'all     closed',
    ]);
  });
});

describe('fixed-topology', () => {
  it('a message travels a line, a ring and a star of eight nodes and comes back changed', async () => {
    expect(await linesOf(example('fixed-topology'))).toEqual([
      'line  7 connections, came back as ABCDEFGHGFEDCBA',
      'ring  8 connections, came back as ABCDEFGHA',
      'star  7 connections, came back as ABACADAEAFAGAHA',
    ]);
  });
});

describe('gossip', () => {
  it('each of 50 nodes handles the rumour once, and the seed decides the topology', async () => {
    const lines = await linesOf(example('gossip', '--seed', '3'));
    expect(lines[0]).toBe('50 nodes, 100 connections, seed 3');
    const histogram = lines.slice(1, -1).map((line) => /^ ?\d+ hops (#+) (\d+)$/.exec(line)!);
    expect(histogram.every((bar) => bar[1]!.length === Number(bar[2]))).toBe(true);
    expect(histogram.reduce((sum, bar) => sum + Number(bar[2]), 0)).toBe(50);
    expect(lines.at(-1)).toBe('handled by 50 of 50 nodes, heard again 102 times');
  });

  it('a number that is none is refused', async () => {
    const started = example('gossip', '--seed', 'x');
    await until('it ends', () => started.exitCode !== undefined);
    expect(started).toMatchObject({ exitCode: 2, errors: '--seed must be a whole number, not x\n' });
  });
});

describe('without-decorators', () => {
  it('echoes over the floor below', async () => {
    const lines = await linesOf(example('without-decorators'));
    expect(lines).toEqual(
      expect.arrayContaining(['client: heard ONE', 'client: heard TWO', 'client: heard THREE']),
    );
    expect(lines.at(-1)).toBe('closed, 0 things had to be cut');
  });
});

describe('chat', () => {
  it('two processes and a netcat exchange lines, and Ctrl-C closes cleanly', async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const bob = example('chat', '--listen', address, '--name', 'bob');
    await until('bob listens', () => bob.output.includes(`* listening at ${address}`));
    const alice = example('chat', '--connect', address, '--name', 'alice');
    await until('alice joined', () => alice.output.includes('joined') && bob.output.includes('joined'));
    const nc = netcat(address);
    await until('the netcat joined', () => bob.output.split('joined').length === 3);

    alice.process.stdin.write('hello everybody\n');
    await until('all have it', () =>
      [bob, nc].every(({ output }) => output.includes('alice: hello everybody\n')),
    );
    bob.process.stdin.write('welcome\n');
    await until('all have it', () => [alice, nc].every(({ output }) => output.includes('bob: welcome\n')));
    nc.process.stdin.write('plain \u001b[31mtext\n');
    await until('all have it', () =>
      [alice, bob].every(({ output }) => output.includes('plain \ufffd[31mtext\n')),
    );

    alice.process.kill('SIGINT');
    await until('alice left', () => alice.exitCode !== undefined);
    expect(alice).toMatchObject({ exitCode: 0, errors: '' });
    await until('bob noticed', () => bob.output.includes('left (reading: ended)'));
    bob.process.kill('SIGINT');
    await until('bob left', () => bob.exitCode !== undefined);
    expect(bob).toMatchObject({ exitCode: 0, errors: '' });
    await until('the netcat noticed', () => nc.exitCode !== undefined);
  });

  it('a process that connects leaves at the end of its input, with its last line delivered', async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const bob = example('chat', '--listen', address, '--name', 'bob');
    await until('bob listens', () => bob.output.includes('listening'));
    const alice = example('chat', '--connect', address, '--name', 'alice');
    await until('alice joined', () => alice.output.includes('joined'));
    alice.process.stdin.end('last words');
    await until('bob has it', () => bob.output.includes('alice: last words\n'));
    await until('alice left', () => alice.exitCode === 0);
    bob.process.kill('SIGTERM');
    await until('bob left', () => bob.exitCode === 0);
  });

  it.each([
    [['--name', 'x'], 2, 'give one of --listen and --connect'],
    [['--listen', '127.0.0.1:0'], 2, 'give a --name'],
    [['--listen', 'nowhere', '--name', 'x'], 2, '"nowhere" is no address'],
    [['--nonsense'], 2, '--nonsense'],
  ])('%j is answered with what is wrong', async (args, exitCode, what) => {
    const started = example('chat', ...args);
    await until('it ends', () => started.exitCode !== undefined);
    expect(started.exitCode).toBe(exitCode);
    expect(started.errors).toContain(what);
    expect(started.errors).not.toContain('    at ');
  });

  it('nobody to connect to is an error with an exit code, not a stack trace', async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const started = example('chat', '--connect', address, '--name', 'x');
    await until('it ends', () => started.exitCode !== undefined);
    expect(started.exitCode).toBe(1);
    expect(started.errors).toContain(`cannot connect to ${address}`);
    expect(started.errors).not.toContain('    at ');
  });
});

describe('the example runner', () => {
  it('names the examples when asked for none, or for one that does not exist', () => {
    for (const args of [[], ['nonsense']]) {
      const { status, stderr } = spawnSync(process.execPath, ['scripts/run-example.mjs', ...args], {
        cwd: root,
      });
      expect(status).toBe(2);
      expect(String(stderr)).toMatch(/one of: .*chat, .*fixed-topology, .*gossip, .*hello/);
    }
  });
});

/** `nc`, or where it is not installed a process that does the same. */
function netcat(address: string): Started {
  const [host, port] = address.split(':') as [string, string];
  if (process.env.PATH!.split(':').some((folder) => existsSync(`${folder}/nc`)))
    return start('nc', [host, port]);
  const standIn = `const s = require('node:net').connect(${port}, '${host}'); process.stdin.pipe(s); s.pipe(process.stdout); s.on('end', () => process.exit())`;
  return start(process.execPath, ['-e', standIn]);
}
