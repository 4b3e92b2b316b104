import { afterEach, describe, expect, it } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { lines } from '@pea2pea/codecs';
import { PeerNode, type NodeConfig } from '@pea2pea/core';
import {
  attack,
  FRAME_ALTERATIONS,
  LINES,
  simulate,
  WIRE_ALTERATIONS,
  type AttackOptions,
  type AttackReport,
} from '@pea2pea/testing';
import { selfSigned } from '@pea2pea/testing/certificates';

/** An attack on a node that echoes lines, in a simulated network. */
async function attackOn(
  config: Partial<NodeConfig<string>>,
  options: Partial<AttackOptions> = {},
): Promise<AttackReport> {
  const world = simulate({ seed: 4 });
  const [victim, attacker, honest] = [1, 2, 3].map((index) => world.host(`10.0.0.${index}`)) as [
    ReturnType<typeof world.host>,
    ReturnType<typeof world.host>,
    ReturnType<typeof world.host>,
  ];
  const node = new PeerNode<string>({ codec: lines({ maxLength: 4_096 }), ...victim.config, ...config });
  node.use({ onMessage: (line, connection) => void connection.trySend(line) });
  await world.drive(node.listen({ host: '0.0.0.0', port: 4000 }));
  const { transport, clock } = attacker.config;
  const attacking = attack('10.0.0.1:4000', {
    probe: 'hello %n',
    expect: 'hello %n',
    framing: LINES,
    transport,
    honestTransport: honest.config.transport,
    clock,
    ...options,
  });
  const report = await world.drive(attacking, '1 h');
  await world.drive(node.close());
  return report;
}

const ALL = [...WIRE_ALTERATIONS, ...FRAME_ALTERATIONS];

describe('an attack', () => {
  it('on a node of ours finds nothing, with any peer', async () => {
    // Peers of no codec of ours: lengths have to be known, and lines have none.
    const possible = ALL.filter((name) => !name.startsWith('announces'));
    const report = await attackOn({});
    expect(report.before).toMatchObject({ asked: 10, served: 10, saw: 'a reply' });
    expect(report.outcomes.map(({ name }) => name)).toEqual(possible);
    expect(report.outcomes.filter(({ verdict }) => verdict !== 'held')).toEqual([]);
    expect(report.total).toEqual({ held: possible.length });
    const outcomes = new Map(report.outcomes.map((outcome) => [outcome.name, outcome]));
    const endingOf = (name: string): unknown => outcomes.get(name as never)?.server.ending;
    expect(['resets-at-once', 'ends-inside', 'says-nothing', 'goes-on'].map(endingOf)).toEqual([
      'left',
      'closed',
      'open',
      'closed',
    ]);
    expect(outcomes.get('floods')).toMatchObject({
      resident: { asked: expect.any(Number), served: expect.any(Number) },
      newcomer: { isServed: true, saw: 'a reply' },
      after: { isServed: true },
    });
    expect(outcomes.get('crowds')!.server.others.opened).toBe(20);
    expect(outcomes.get('crowds')!.server.others.open).toBeLessThan(20);
  });

  it('on a server that has room for two clients finds that, and says what to do', async () => {
    const only = ['says-nothing', 'resets-at-once'] as const;
    const { outcomes } = await attackOn({ maxConnections: 2 }, { only });
    expect(outcomes.map(({ verdict }) => verdict)).toEqual(['shut honest clients out', 'held']);
    expect(outcomes[0]).toMatchObject({
      newcomer: { isServed: false, saw: expect.stringMatching(/an end|a reset|no connection/) },
      remedy: expect.stringContaining('limit connections'),
    });
    expect(outcomes[1]).not.toHaveProperty('remedy');
  });

  it('on a server that does not reply is content with a connection', async () => {
    const report = await attackOn(
      {},
      { probe: 'no line yet', framing: { ...LINES, frame: Buffer.from }, only: ['drips'] },
    );
    expect(report.before.saw).toBe('silence');
    expect(report.total).toEqual({ held: 1 });
  });

  it('begins after the hello, which the server gets whole; or before', async () => {
    const greetings = new Set<string>();
    const world = simulate({ seed: 1 });
    const [victim, attacker] = [world.host('10.0.0.1'), world.host('10.0.0.2')];
    const node = new PeerNode<string>({ codec: lines(), ...victim.config });
    node.use({
      onMessage(line, connection) {
        if (connection.stats.messagesReceived === 1) greetings.add(line);
        connection.trySend(line);
      },
    });
    await world.drive(node.listen({ host: '0.0.0.0', port: 4000 }));
    const { transport, clock } = attacker.config;
    const attackOnce = (beforeHello: boolean): Promise<AttackReport> =>
      attack('10.0.0.1:4000', {
        hello: 'i am one of you',
        probe: 'hello',
        framing: LINES,
        only: ['repeats-frames', 'halves'],
        beforeHello,
        transport,
        clock,
      });
    await world.drive(attackOnce(false), '1 h');
    expect([...greetings]).toEqual(['i am one of you']);
    await world.drive(attackOnce(true), '1 h');
    expect([...greetings]).toEqual(['i am one of you', 'i am on']);
    await world.drive(node.close());
  });

  it('needs a server', async () => {
    const world = simulate();
    const { transport, clock } = world.host('10.0.0.2').config;
    const attacking = attack('10.0.0.1:1', { probe: '', transport, clock });
    await expect(world.drive(attacking)).rejects.toMatchObject({ code: 'P2P_ERR_CONNECT_TIMEOUT' });
  });
});

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A server of somebody else; returns its port. */
async function serve(onSocket: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    onSocket(socket);
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const quick = { lastingMs: 300, everyMs: 20, patienceMs: 300 } as const;

describe('the verdict on a server that', () => {
  it('serves nobody any more after the first bytes that make no sense: it did not recover', async () => {
    let isBroken = false;
    const port = await serve((socket) => {
      socket.on('data', (chunk) => {
        isBroken ||= !chunk.toString().startsWith('hello');
        if (!isBroken) socket.write(chunk);
      });
    });
    const report = await attack(`127.0.0.1:${port}`, {
      ...quick,
      probe: 'hello\n',
      only: ['drips', 'babbles'],
    });
    expect(report.outcomes.at(-1)).toMatchObject({ verdict: 'did not recover', remedy: expect.any(String) });
  });

  it('stops listening: it is gone, and nobody is set against it any more', async () => {
    const port = await serve((socket) => {
      socket.on('data', (chunk) => {
        if (chunk.toString() === 'hello\n') socket.write(chunk);
        else servers.at(-1)!.close();
      });
    });
    const options = { ...quick, probe: 'hello\n', only: ['babbles', 'repeats'] } as const;
    const { outcomes } = await attack(`127.0.0.1:${port}`, options);
    expect(outcomes.map(({ name, verdict }) => [name, verdict])).toEqual([['babbles', 'is gone']]);
  });

  it('looks at one client for long: it slowed honest clients', async () => {
    const port = await serve((socket) => {
      socket.on('data', (chunk) => {
        if (chunk.length > 10) for (const end = Date.now() + 900; Date.now() < end;);
        socket.write(chunk);
      });
    });
    const options = { ...quick, patienceMs: 5_000, probe: 'hello\n', only: ['oversizes'] } as const;
    const { outcomes } = await attack(`127.0.0.1:${port}`, options);
    expect(outcomes[0]).toMatchObject({ verdict: 'slowed honest clients' });
  });
});

/** Runs the command while servers of this process live. */
async function command(...args: string[]): Promise<{ code: number; out: string; errors: string }> {
  const main = fileURLToPath(new URL('../dist/attack/main.js', import.meta.url));
  const child = spawn(process.execPath, [main, ...args]);
  let [out, errors] = ['', ''];
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (errors += chunk));
  const [code] = (await once(child, 'close')) as [number];
  return { code, out, errors };
}

const echo = (socket: Socket): void => void socket.pipe(socket);

describe('the command', () => {
  it('sets peers against a server of somebody else, and prints what became of it, its process and honest clients', async () => {
    const port = await serve(echo);
    const args = [`127.0.0.1:${port}`, '--only', 'drips,corrupts', '--probe', 'hi\\n', '--seconds', '0.5'];
    const { code, out, errors } = await command(...args, '--pid', String(process.pid));
    expect([code, errors]).toEqual([0, '']);
    expect(out).toMatch(/^before: an honest client is served: half of them within/);
    if (process.platform === 'linux') expect(out).toMatch(/ {2}process: \d+ MiB, \d+ descriptors/);
    expect(out).toMatch(
      /drips: it sends one byte[^]*kept the connection open[^]*questions served[^]* {2}held\n/,
    );
    expect(out).toMatch(/total: of 2, 2 held\nstill connected when they left: drips, corrupts/);
  });

  it('prints the same as JSON', async () => {
    const port = await serve(echo);
    const { code, out } = await command(
      `127.0.0.1:${port}`,
      '--only',
      'floods',
      '--json',
      '--seconds',
      '0.2',
    );
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      server: `127.0.0.1:${port}`,
      framing: 'raw',
      seed: 1,
      outcomes: [
        { name: 'floods', verdict: 'held', server: { ending: 'open', sentBytes: expect.any(Number) } },
      ],
      total: { held: 1 },
    });
  });

  it('exits with 1 where a server did not hold, and with 3 where it serves nobody to begin with', async () => {
    let clients = 0;
    const port = await serve((socket) => {
      if (++clients > 1) socket.destroy();
      else echo(socket);
    });
    const args = ['--only', 'says-nothing', '--seconds', '0.2'];
    expect((await command(`127.0.0.1:${port}`, ...args)).code).toBe(1);
    const closed = await serve((socket) => socket.destroy());
    expect((await command(`127.0.0.1:${closed}`, ...args)).code).toBe(3);
    expect(await command('127.0.0.1:1', ...args)).toMatchObject({
      code: 3,
      errors: expect.stringContaining('127.0.0.1:1'),
    });
  });

  it('goes through TLS', async () => {
    const server = createTlsServer(await selfSigned(), (socket) => {
      socket.on('error', () => {});
      socket.pipe(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const args = ['--tls', '--only', 'drips,resets-inside', '--seconds', '0.3'];
    const { code, out } = await command(`127.0.0.1:${port}`, ...args);
    server.close();
    expect([code, out]).toEqual([0, expect.stringContaining('total: of 2, 2 held')]);
  });

  it('lists the peers, each with a sentence', async () => {
    const { code, out } = await command('--list');
    expect([code, out.trim().split('\n').length]).toEqual([0, ALL.length]);
  });

  it.each([
    [['192.0.2.1:1'], 'say --mine if it is yours'],
    [['127.0.0.1:1', '--only', 'nobody'], 'there is no peer "nobody"'],
    [['127.0.0.1:1', '--only', 'forges'], 'forges needs a --framing'],
    [['127.0.0.1:1', '--framing', 'u64'], 'there is no framing "u64", but'],
    [['127.0.0.1:1', '--probe', '\\x'], 'has an escape that JSON does not know'],
    [['127.0.0.1:1', '--seconds', '0'], '--seconds must be a number up to 600, not 0'],
    [[], 'name one server'],
  ])('%j is refused', (args, why) => {
    const main = fileURLToPath(new URL('../dist/attack/main.js', import.meta.url));
    const { status, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([2, expect.stringContaining(why)]);
    expect(stderr).toContain('usage: pea2pea-attack');
  });
});
