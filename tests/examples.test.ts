import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { freePort, until as untilIn } from '@pea2pea/testing';
import { isInstalled } from '../examples/libp2p/js-peer.js';

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

/** @param program below `examples`: its name, or in a folder `<name>/main` */
function example(program: string, ...args: string[]): Started {
  return start(process.execPath, [`examples/dist/${program}.js`, ...args]);
}

/** What a program says on standard error, less the warnings about peers that an example has misbehave. */
function complaintsOf({ errors }: Started): string {
  return errors.replace(/^pea2pea warn: .*\n/gm, '');
}

/** Runs to the end; returns the lines of its output. */
async function linesOf(started: Started): Promise<string[]> {
  await until('it ends', () => started.exitCode !== undefined);
  expect({ exitCode: started.exitCode, errors: complaintsOf(started) }).toEqual({ exitCode: 0, errors: '' });
  return started.output.trimEnd().split('\n');
}

it('every example has a test here', () => {
  // Those that belong to the project: who follows the README puts one of his own beside them.
  const { stdout } = spawnSync('git', ['ls-files', 'examples'], { cwd: root });
  const examples = [...String(stdout).matchAll(/^examples\/([\w-]+)(?:\/main)?\.ts$/gm)];
  expect(examples.map(([, name]) => name)).toEqual([
    'c10k',
    'chat-room',
    'chat',
    'election',
    'fixed-topology',
    'gossip',
    'hello',
    'hole-punching',
    'kademlia',
    'lan-discovery',
    'libp2p',
    'noise',
    'observed',
    'plugins',
    'rpc',
    'secure-handshake',
    'sessions',
    'standard-decorators',
    'telephone',
    'tls',
    'without-container',
    'without-decorators',
  ]);
});

it('every protocol has a test in the gallery, and every test of the gallery a protocol', () => {
  const { stdout } = spawnSync('git', ['ls-files', 'examples/protocols', 'tests/gallery'], { cwd: root });
  const namesBy = (pattern: RegExp) => [...String(stdout).matchAll(pattern)].map(([, name]) => name).sort();
  const protocols = namesBy(/^examples\/protocols\/([\w-]+)(?:\/main)?\.ts$/gm);
  expect(protocols.length).toBeGreaterThan(0);
  const tests = namesBy(/^tests\/gallery\/([\w-]+)\.test\.mjs$/gm);
  // The attack command is set against the servers of others beside them.
  expect(tests.filter((name) => name !== 'attack')).toEqual(protocols);
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

describe('c10k', () => {
  it('connections that are all live are answered once each, and how it went is told', async () => {
    const time = String.raw`\d+\.\d\d s, \d+ a second`;
    const matching = (pattern: string) => expect.stringMatching(new RegExp(`^${pattern}$`)) as unknown;
    expect(await linesOf(example('c10k/main', '--connections', '200'))).toEqual([
      ...[50, 100, 150, 200].map((steps) => `connecting ${steps} of 200`),
      matching(`connected 200 live, ${time}`),
      matching(String.raw`memory    \d+\.\d MB resident, -?\d+\.\d kB a connection`),
      ...[50, 100, 150, 200].map((steps) => `answering ${steps} of 200`),
      matching(`answered  200 of 200, ${time}`),
      matching(String.raw`latency   p50 \d+\.\d ms, p99 \d+\.\d ms`),
      matching(String.raw`closed    \d+\.\d\d s, had to be cut: 0`),
    ]);
  });

  it.each([
    [['--connections', '0'], '--connections must be a whole number from 1 to 28000, not 0'],
    [['--connections', 'many'], '--connections must be a whole number from 1 to 28000, not many'],
    [['--nonsense'], '--nonsense'],
  ])('%j is answered with what is wrong', async (args, what) => {
    const started = example('c10k/main', ...args);
    await until('it ends', () => started.exitCode !== undefined);
    expect(started).toMatchObject({ exitCode: 2, output: '' });
    expect(started.errors).toContain(what);
    expect(started.errors).toContain('usage: c10k [--connections <number>]');
    expect(started.errors).not.toContain('    at ');
  });

  // Elsewhere a process cannot be started with a limit on its files.
  const canLimit = process.platform === 'linux' || process.platform === 'darwin';
  (canLimit ? it : it.skip)('where too few files may be open it says so, and does what it can', async () => {
    const limited = start('sh', [
      '-c',
      'ulimit -n 250; exec "$0" examples/dist/c10k/main.js',
      process.execPath,
    ]);
    const lines = await linesOf(limited);
    expect(lines[0]).toBe('limit     10000 need 10050 open files, 250 are allowed (ulimit -Hn)');
    expect(lines).toContainEqual(expect.stringMatching(/^answered {2}200 of 200, /));
  });
});

describe('election', () => {
  it('finds the seed with which a vote that was not synced makes two leaders, and none once votes are', async () => {
    const started = example('election/main');
    // It computes for long, and the machine may be busy.
    await untilIn('it ends', () => started.exitCode !== undefined, 2.5 * PATIENCE_MS);
    const lines = await linesOf(started);
    expect(lines[0]).toMatch(/^forgetful: seed \d+: the check "a term has one leader" does not hold at /);
    const [, taken, all] = /^takes (\d+) of (\d+) faults:$/.exec(lines[1]!)!;
    expect(Number(taken)).toBeLessThan(Number(all) / 2);
    expect(lines.slice(2, 2 + Number(taken)).join('\n')).toMatch(/^ {2}crash of host /m);
    expect(lines.slice(2 + Number(taken))).toEqual([
      expect.stringMatching(/^replay \d+:[\d,]+: the same$/),
      'the same faults, and votes that are synced: one leader',
      'sound: 200 seeds, 4000 s of virtual time, no failure',
      expect.stringMatching(/^ {2}in which connections were lost [1-9]\d* times by resets$/),
      expect.stringMatching(/^ {2}and [1-9]\d* times by silence$/),
    ]);
  });

  it('says what is wrong with its options', async () => {
    const started = example('election/main', '--seeds', 'many');
    await until('it ends', () => started.exitCode !== undefined);
    expect(started).toMatchObject({ exitCode: 2, output: '' });
    expect(started.errors).toContain('--seeds must be a whole number from 1 to 100000, not many');
  });
});

describe('telephone', () => {
  it('changes what is whispered, and not what is signed', async () => {
    const [first, whispered, read] = await linesOf(example('telephone', '--players', '5', '--seed', '3'));
    expect(first).toBe('player 1 whispers: the node across the wall has found a peer');
    expect(read).toBe('player 5 has read, signed by player 1: the node across the wall has found a peer');
    expect(whispered).toMatch(/^player 5 has been whispered: [a-z ]{41}$/);
    expect(whispered).not.toContain('the node across the wall has found a peer');
  });
});

describe('kademlia', () => {
  it('finds nodes, values and providers, also when those who put them have left', async () => {
    const started = example('kademlia', '--nodes', '16');
    await untilIn('it ends', () => started.exitCode !== undefined, 2.5 * PATIENCE_MS);
    expect(await linesOf(started)).toEqual([
      '16 nodes; the first one finds the last one: true',
      '4 nodes keep a value',
      'of a signed value the newest is found: final',
      'who provides the film: the second one',
      'three have left, and the value is found: the value',
      expect.stringMatching(/^look-ups of values by the last one: 2 of 2 succeeded, p50 [0-3] hops$/),
    ]);
  });

  it('says what is wrong with its options', async () => {
    const started = example('kademlia', '--nodes', '3');
    await until('it ends', () => started.exitCode !== undefined);
    expect(started).toMatchObject({ exitCode: 2, output: '' });
    expect(started.errors).toContain('--nodes must be a whole number from 8 to 200, not 3');
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

describe('observed', () => {
  it('three processes are on one page, and metrics and checks of each say how it is', async () => {
    expect(await linesOf(example('observed/main', '--demo'))).toEqual([
      ...['north', 'east', 'south'].flatMap((name, index) => [
        `${name.padEnd(8)} ready 200; ${index} dialled by it`,
        '         messages, refusals by maxConnections, ends and times of handlers are counted',
      ]),
      'page     200, of 3 processes',
      'all      drained and closed',
    ]);
  });

  it('says where to look, and ends with Ctrl-C', async () => {
    const started = example('observed/main');
    await until('it says where', () => started.output.includes('http_sd_configs'));
    const [page, ...stations] = started.output.trimEnd().split('\n');
    expect(page).toMatch(/^page {5}http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]+$/);
    const targets = await (await fetch(/http\S+targets/.exec(stations.at(-1)!)![0])).json();
    const hosts = stations.slice(0, -1).map((line) => new URL(/http\S+metrics/.exec(line)![0]).host);
    expect(targets).toEqual([{ targets: hosts }]);
    started.process.kill('SIGINT');
    expect((await linesOf(started)).at(-1)).toBe('all      drained and closed');
  });

  it('says what is wrong with its options', async () => {
    const started = example('observed/main', '--demonstrate');
    await until('it ends', () => started.exitCode !== undefined);
    expect(started).toMatchObject({ exitCode: 2, output: '' });
    expect(started.errors).toContain('usage: observed [--demo]');
  });
});

describe('noise', () => {
  it('two that know each other talk, a stranger is refused whoever dials', async () => {
    expect(await linesOf(example('noise'))).toEqual([
      'alice    is connected with bob: Noise_XX_25519_ChaChaPoly_SHA256',
      'alice    has a handshake hash to bind other proofs to, of 32 bytes',
      'bob      is connected with alice',
      'bob      hears alice say: nobody else can read this',
      'alice    hears bob say: you said "nobody else can read this"',
      'bob      sees alice leave, reason: reading: ended',
      'bob      refuses a stranger, inbound',
      'mallory  is disconnected',
      'alice    refuses a stranger, outbound',
      'alice    is not connected: P2P_ERR_HANDSHAKE_REJECTED',
      'all      closed',
    ]);
  });
});

describe('libp2p', () => {
  const tests = isInstalled() ? { there: it, missing: it.skip } : { there: it.skip, missing: it };

  tests.there(
    'a real js-libp2p node and ours dial, identify and ping each other, and refuse strangers',
    async () => {
      const lines = await linesOf(example('libp2p/main'));
      const id = '12D3KooW\\w{44}';
      // When it asks us something is up to js-libp2p.
      const isAsked = (line: string) => line.includes(' opens ');
      const told = lines.filter((line) => !isAsked(line));
      const matching = (pattern: string) => expect.stringMatching(new RegExp(`^${pattern}$`)) as unknown;
      expect(told).toEqual([
        matching(`we {3}are ${id}`),
        matching(`js {3}is {2}${id}`),
        '     we dial js-libp2p',
        matching(`we {3}are connected with ${id}`),
        matching('we {3}hear that it is js-libp2p/\\S+ and speaks .*/ipfs/ping/1.0.0.*'),
        'js   hears that we are pea2pea-example/0.1.0 and speak /ipfs/ping/1.0.0, /ipfs/id/1.0.0',
        matching('we {3}ping it: the same 32 bytes came back \\(\\d+\\.\\d ms\\)'),
        matching('we {3}ping the session below: \\d+\\.\\d ms'),
        matching('we {3}…\\w{6} is gone: user'),
        '     js-libp2p dials us',
        matching(`js {3}is connected with ${id}`),
        'js   pings us: the same 32 bytes came back',
        matching('we {3}ping it over the connection that it opened: \\d+\\.\\d ms'),
        matching('we {3}…\\w{6} is gone: reading'),
        '     somebody else is at the address',
        'we   refuse it: P2P_ERR_HANDSHAKE_REJECTED',
        'js   refuses us',
        'all  closed',
      ]);
      expect(told[1]!.slice(9)).toBe(told[3]!.slice(24));
      expect(told[0]!.slice(9)).toBe(told[10]!.slice(23));
      expect(
        lines
          .filter(isAsked)
          .map((line) => line.split(' opens ')[1])
          .sort(),
      ).toEqual(['/ipfs/id/1.0.0', '/ipfs/id/1.0.0', '/ipfs/ping/1.0.0']);
    },
  );

  tests.missing('without js-libp2p it says what to run', async () => {
    const started = example('libp2p/main');
    await until('it ends', () => started.exitCode !== undefined);
    expect(started).toMatchObject({
      exitCode: 1,
      output: '',
      errors: 'js-libp2p is not installed here: npm ci --prefix tests/interop/libp2p\n',
    });
  });
});

describe('plugins', () => {
  it('a flood is dropped, nonsense is banned, a peer that restarts is dialled again, two that dial each other keep one connection', async () => {
    expect(await linesOf(example('plugins'))).toEqual([
      'limits   dropped: 40, connection: open',
      'server   ends the connection of 203.0.113.7: P2P_ERR_INVALID_FRAME',
      'bans     203.0.113.7 strikes: 1',
      'server   ends the connection of 203.0.113.7: P2P_ERR_INVALID_FRAME',
      'bans     203.0.113.7 strikes: 2',
      'server   ends the connection of 203.0.113.7: P2P_ERR_INVALID_FRAME',
      'bans     203.0.113.7 banned',
      'bans     refused so far: 1',
      'guest    is answered: is it quiet now?',
      'server   ends the connection of 198.51.100.1: shutdown',
      'server   ends the connection of 192.0.2.66: shutdown',
      'follower is connected',
      'seed     restarts',
      'follower is disconnected, reason: reading: ended',
      'follower is connected',
      'follower is disconnected, reason: shutdown',
      'friends  dialled each other, connections: 2',
      'friends  keep one: inbound at one end, outbound at the other',
      'all      closed',
    ]);
  });
});

describe('hole-punching', () => {
  const connection = 'one connection, outbound, attempts: \\d+, accepted by a listener: 0';
  const patterns = [
    'rendezvous  sees alice at [\\d.]+:\\d+',
    'rendezvous  sees bob at [\\d.]+:\\d+',
    'alice       dials bob, who does not dial: P2P_ERR_CONNECT_(TIMEOUT|FAILED)',
    'both        dial each other at the same time',
    `alice       has ${connection}`,
    `bob         has ${connection}`,
    'roles       by the numbers drawn: alice is (first, bob is second|second, bob is first)',
    'alice       hears: hello from bob',
    'bob         hears: hello from alice',
    'all         closed',
  ];
  const transcript = patterns.map((pattern) => expect.stringMatching(new RegExp(`^${pattern}$`)) as unknown);

  it('two nodes that nobody can reach dial each other at once and have one connection', async () => {
    const [place, ...lines] = await linesOf(example('hole-punching/main'));
    expect(place).toMatch(
      /^place {7}(two network namespaces, firewall: (nft|ip rule|none)|loopback, (this system lets us make no|\w+ has no) network namespaces)$/,
    );
    expect(lines).toEqual(transcript);
    // Behind a firewall nobody answers the one that dials alone, not even with a refusal.
    if (/firewall: (nft|ip rule)/.test(place!)) expect(lines[2]).toContain('P2P_ERR_CONNECT_TIMEOUT');
  });

  // There, with one processor, a SYN is refused before the other side can send its own.
  (availableParallelism() > 1 ? it : it.skip)('on loopback, too', async () => {
    const [place, ...lines] = await linesOf(example('hole-punching/main', '--loopback'));
    expect(place).toBe('place       loopback, as told');
    expect(lines).toEqual(transcript);
  });

  // Elsewhere there is no way to ask whose processes are left.
  (process.platform === 'linux' ? it : it.skip)(
    'Ctrl-C ends all of its processes, and with them their namespaces',
    async () => {
      const mark = `MARK=${randomUUID()}`;
      const started = start('env', [mark, process.execPath, 'examples/dist/hole-punching/main.js']);
      await until('it is under way', () => started.output.includes('rendezvous  sees bob'));
      expect(processesWith(mark).length).toBeGreaterThan(0);
      started.process.kill('SIGINT');
      await until('it ends', () => started.exitCode !== undefined);
      expect([0, 130]).toContain(started.exitCode); // it may have been faster
      await until('nobody is left', () => processesWith(mark).length === 0);
    },
  );
});

describe('lan-discovery', () => {
  const transcript = [
    'ann       finds bob, carol',
    'bob       finds ann, carol',
    'carol     finds ann, bob',
    'all       have so many connections: 2, 2, 2',
    'mallory   sends noise: malformed, ignored',
    'mallory   sends a datagram of 8 KiB: malformed, ignored',
    'mallory   sends a beacon with another key: forged, ignored',
    'mallory   sends a beacon that it heard: replayed, ignored',
    'mallory   sends a flood: most of it is not even looked at',
    'ann       still knows bob, carol, connections: 2',
    'carol     leaves',
    'ann       knows bob, connections: 1',
    'bob       knows ann, connections: 1',
    'all       closed',
  ];
  const multicast = 'all       multicast 239.255.80.69 on 127.0.0.1';
  const unicast = 'all       16 ports of loopback, instead of multicast';

  it('three nodes find each other, believe nobody without the key, and forget the one that leaves', async () => {
    const [medium, ...lines] = await linesOf(example('lan-discovery/main'));
    expect([multicast, unicast]).toContain(medium);
    expect(lines).toEqual(transcript);
  });

  it('without multicast, too', async () => {
    expect(await linesOf(example('lan-discovery/main', '--unicast'))).toEqual([unicast, ...transcript]);
  });

  it('two processes with a key find each other, until Ctrl-C', async () => {
    const [medium] = await linesOf(example('lan-discovery/main'));
    if (medium !== multicast) {
      process.stderr.write('lan-discovery of two processes: skipped, there is no multicast here\n');
      return;
    }
    const args = ['--address', '127.0.0.1', '--key', randomUUID().replaceAll('-', '').repeat(2)];
    const both = [example('lan-discovery/main', ...args), example('lan-discovery/main', ...args)];
    const connected = /^this node is connected with [\da-f]{32} at 127\.0\.0\.1:\d+$/m;
    await until('both are connected', () => both.every(({ output }) => connected.test(output)));
    for (const { process } of both) process.kill('SIGINT');
    await until('both end', () => both.every(({ exitCode }) => exitCode !== undefined));
    for (const each of both) expect(each).toMatchObject({ exitCode: 0, errors: '' });
  });

  it.each([
    [['--key', 'ff'], 2, '--address and --key go together'],
    [['--address', '127.0.0.1', '--key', 'ff'], 2, '--key must be 64 hexadecimal digits'],
    [['--address', '192.0.2.1', '--key', 'f'.repeat(64)], 1, 'cannot listen at 192.0.2.1:0'],
  ])('%j is answered with what is wrong', async (args, exitCode, what) => {
    const started = example('lan-discovery/main', ...args);
    await until('it ends', () => started.exitCode !== undefined);
    expect(started).toMatchObject({ exitCode, output: '' });
    expect(started.errors).toContain(what);
    expect(started.errors).not.toContain('    at ');
  });
});

describe('rpc', () => {
  it('methods are called, refused, called back and given up', async () => {
    expect(await linesOf(example('rpc'))).toEqual([
      'client  6 / 3: 2',
      'client  7 / 2: 3.5',
      'client  1 / 0: refused, 1 division by zero',
      'client  1 / two: refused, -32602 invalid params',
      'client  multiply: refused, -32601 method not found',
      'server  do you really want tea?',
      'client  buy tea: here is tea',
      'client  a deadline: P2P_ERR_REQUEST_TIMEOUT',
      'client  an abort: P2P_ERR_ABORTED',
      'client  the end: P2P_ERR_DISCONNECTED',
      'both    closed',
    ]);
  });
});

describe('tls', () => {
  it('two peers prove who they are, strangers are refused, and a certificate is renewed', async () => {
    expect(await linesOf(example('tls/main'))).toEqual([
      'client   is connected: TLSv1.3, hello/1, authorized: true',
      'server   hears "good morning" from ann',
      'client   hears "hello ann" from bob',
      'stranger with a certificate of another authority is disconnected',
      'nobody   without a certificate is disconnected',
      'wary     does not trust our authority: P2P_ERR_HANDSHAKE_REJECTED',
      'plain    text is not answered',
      'client   finds the server renewed: robert; before it was bob',
      'server   refused 4 handshakes',
      'client   is disconnected, reason: user',
      'all      closed',
    ]);
  });
});

describe('secure-handshake', () => {
  it('a secret is proved both ways; who guesses it, or repeats what he heard, is refused', async () => {
    expect(await linesOf(example('secure-handshake'))).toEqual([
      'alice    is connected: both know the secret',
      'bob      hears "knock knock"',
      'alice    hears "come in"',
      'eve      could read what alice said: knock knock',
      'eve      says the same again: refused',
      'mallory  guesses a secret: P2P_ERR_HANDSHAKE_ENDED',
      'bob      refused 2 handshakes',
      'all      closed',
    ]);
  });
});

describe('without-container', () => {
  it('a flood is banned, and who asks is answered, on bare nodes', async () => {
    const lines = await linesOf(example('without-container'));
    expect(lines).toHaveLength(5);
    expect(lines.at(-1)).toBe('node: a point at which lines meet');
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
    [['--listen', 'nowhere', '--name', 'x'], 2, '"nowhere" is not an address'],
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

describe('chat-room', () => {
  it('the demo: members, an administrator, HTTP requests and rude guests, over TCP and over HTTP', async () => {
    expect(await linesOf(example('chat-room/main', '--demo'))).toEqual([
      'ann    says   {"type":"enter","room":"lobby","nick":"ann"}',
      'ann    hears  {"type":"entered","room":"lobby","nicks":["ann"]}',
      'bob    says   {"type":"say","text":"is this thing on?"}',
      'bob    hears  {"type":"refused","why":"enter a room first"}',
      'bob    says   {"type":"enter","room":"lobby","nick":"bob"}',
      'bob    hears  {"type":"entered","room":"lobby","nicks":["ann","bob"]}',
      'ann    says   {"type":"say","text":"hello bob"}',
      'ann    hears  {"type":"said","from":"ann","text":"hello bob"}',
      'bob    hears  {"type":"said","from":"ann","text":"hello bob"}',
      'http   GET /rooms',
      'http   200 [{"room":"lobby","nicks":["ann","bob"]}]',
      'http   POST /rooms/lobby/messages {"from":"web","text":"hello from HTTP"}',
      'http   201 {"type":"said","from":"web","text":"hello from HTTP"}',
      'ann    hears  {"type":"said","from":"web","text":"hello from HTTP"}',
      'bob    hears  {"type":"said","from":"web","text":"hello from HTTP"}',
      'http   GET /rooms/lobby/messages',
      'http   200 [{"type":"said","from":"ann","text":"hello bob"},{"type":"said","from":"web","text":"hello from HTTP"}]',
      'http   GET /health',
      'http   200 {"connections":2,"rooms":1,"unmatched":0}',
      'http   POST /rooms/lobby/messages {"from":"bob","text":"it was not me"}',
      'http   409 {"message":"bob is taken"}',
      'http   POST /rooms/lobby/messages {"text":"by nobody"}',
      'http   400 {"statusCode":400,"code":"FST_ERR_VALIDATION","error":"Bad Request","message":"body must have required property \'from\'"}',
      'http   GET /rooms/attic/messages',
      'http   404 {"message":"there is no room attic"}',
      'eve    says   let me in',
      'eve    hears  {"type":"refused","why":"P2P_ERR_INVALID_FRAME"}',
      'eve    is disconnected',
      'admin  says   who',
      'admin  hears  lobby: ann, bob',
      'admin  says   kick bob',
      'admin  hears  1 kicked',
      'bob    is disconnected',
      'admin  says   quit',
      'admin  is disconnected',
      'closed',
    ]);
  });

  it('serves until a signal, which ends it with its ports free, whoever is connected', async () => {
    const server = example('chat-room/main');
    await until('it serves', () => /^http .*\n/m.test(server.output));
    const [chat, admin, http] = [...server.output.matchAll(/127\.0\.0\.1:(\d+)$/gm)].map(([, port]) =>
      Number(port),
    );
    const member = netcat(`127.0.0.1:${chat}`);
    member.process.stdin.write('{"type":"enter","room":"lobby","nick":"ann"}\n');
    await until('ann is in', () => member.output.includes('"entered"'));
    const boss = netcat(`127.0.0.1:${admin}`);
    boss.process.stdin.write('who\n');
    await until('the administrator is answered', () => boss.output === 'lobby: ann\n');
    const health = await fetch(`http://127.0.0.1:${http}/health`);
    expect(await health.json()).toEqual({ connections: 1, rooms: 1, unmatched: 0 });

    server.process.kill('SIGTERM');
    await until('it ends', () => server.exitCode !== undefined);
    expect(server).toMatchObject({ exitCode: 0, errors: '' });
    expect(server.output).toMatch(/^closed$/m);
    await until('the others notice', () => member.exitCode !== undefined && boss.exitCode !== undefined);
    for (const port of [chat, admin, http]) {
      const next = createServer();
      await new Promise<void>((resolve, reject) =>
        next.once('error', reject).listen(port, '127.0.0.1', resolve),
      );
      await new Promise((resolve) => next.close(resolve));
    }
  });

  it('a port that is taken, or is none, is an error with an exit code', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const [late, confused] = [
      example('chat-room/main', '--http', String(port)),
      example('chat-room/main', '--chat', 'x'),
    ];
    await until('both end', () => late.exitCode !== undefined && confused.exitCode !== undefined);
    await new Promise((resolve) => taken.close(resolve));
    expect(late).toMatchObject({ exitCode: 1, output: '', errors: expect.stringContaining('EADDRINUSE') });
    expect(confused).toMatchObject({
      exitCode: 2,
      errors: expect.stringContaining('--chat must be a port, not "x"'),
    });
  });
});

describe('sessions', () => {
  it('two users talk when they have logged in, a third tries three passwords, and all are forgotten', async () => {
    expect(await linesOf(example('sessions'))).toEqual([
      'alice   hears a challenge',
      'bob     hears a challenge',
      'mallory hears a challenge',
      'bob     says {"type":"say","text":"anybody here?"}',
      'bob     hears {"type":"refused","why":"log in first"}',
      'alice   logs in as alice, password open sesame',
      'bob     logs in as bob, password swordfish',
      'alice   hears {"type":"welcome","name":"alice"}',
      'bob     hears {"type":"welcome","name":"bob"}',
      'alice   says {"type":"say","text":"hello bob"}',
      'bob     hears {"type":"said","from":"alice","text":"hello bob"}',
      'bob     says {"type":"say","text":"hello alice"}',
      'alice   hears {"type":"said","from":"bob","text":"hello alice"}',
      'alice   says {"type":"ping"}',
      'alice   hears {"type":"pong"}',
      'mallory logs in as alice, password abracadabra',
      'mallory hears {"type":"refused","why":"wrong name or password, attempts left: 2"}',
      'mallory logs in as alice, password open seaweed',
      'mallory hears {"type":"refused","why":"wrong name or password, attempts left: 1"}',
      'mallory logs in as alice, password please',
      'server  sees a connection end, reason: user: too many wrong passwords',
      'server  forgets a stranger, things said: 0',
      'mallory hears {"type":"refused","why":"wrong name or password, attempts left: 0"}',
      'mallory is disconnected',
      'server  sees a connection end, reason: reading: ended',
      'server  forgets alice, things said: 1',
      'server  sees a connection end, reason: reading: ended',
      'server  forgets bob, things said: 1',
      'all     closed',
    ]);
  });
});

describe('standard-decorators', () => {
  it('is compiled in the standard mode, chats, and ends what it has', async () => {
    expect(await linesOf(example('standard-decorators/main'))).toEqual([
      'mode   standard',
      'server is up, guests: 0',
      'server welcomes ann',
      'ann    is in, with nobody',
      'server welcomes bob',
      'bob    is in, with ann',
      'plugin refuses a guest: the room is full',
      'carol  is turned away',
      'ann    hears bob say: hello ann',
      'bob    hears ann say: hello bob',
      'ann    hears bob say: goodbye ann',
      'server sees ann leave',
      'bob    hears that ann has left',
      'server sees bob leave',
      'server locks up',
      'room   is swept, guests left behind: 0',
      'all    closed',
    ]);
  });
});

describe('the example runner', () => {
  it('names the examples when asked for none, or for one that does not exist', () => {
    for (const args of [[], ['nonsense']]) {
      const { status, stderr } = spawnSync(process.execPath, ['scripts/run-example.mjs', ...args], {
        cwd: root,
      });
      expect(status).toBe(2);
      expect(String(stderr)).toMatch(/one of: .*chat-room, .*chat, .*fixed-topology, .*standard-decorators/);
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

/** Those with `mark` in their environment, on Linux. */
function processesWith(mark: string): string[] {
  const isMarked = (pid: string): boolean => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(mark);
    } catch {
      return false; // it is gone, or not ours
    }
  };
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isMarked(name));
}
