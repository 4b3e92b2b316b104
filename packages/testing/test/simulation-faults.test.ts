import { describe, expect, it } from '@jest/globals';
import { PeerError, type PeerNode } from '@pea2pea/core';
import { simulate } from '@pea2pea/testing';
import { failureOf, peerOn, two } from './simulation-lab.js';

/** For connections that are to be ended by the network alone. */
const PATIENT = { idleTimeoutMs: 0, writeTimeoutMs: 3_600_000 };

describe('a dial', () => {
  it('where nobody listens is refused after a round trip', async () => {
    const world = simulate({ latencyMs: 10, jitterMs: 0 });
    const { node } = peerOn(world.host('10.0.0.1'));
    world.host('10.0.0.2');
    expect(await failureOf(world, node.connect('10.0.0.2:1'))).toContain('ECONNREFUSED');
    expect(world.nowMs).toBe(20);
  });

  it('to a host that is not there, is down, or behind a cut is not replied to', async () => {
    const world = simulate();
    const { node, host } = peerOn(world.host('10.0.0.1'), { connectTimeoutMs: 3_000 });
    const other = world.host('10.0.0.2');
    expect(await failureOf(world, node.connect('10.9.9.9:1'))).toContain('within 3000 ms');
    world.cut(host, other, 'silently');
    expect(await failureOf(world, node.connect('10.0.0.2:1'))).toContain('within 3000 ms');
    world.heal();
    world.crash(other);
    expect(await failureOf(world, node.connect('10.0.0.2:1'))).toContain('within 3000 ms');
    world.restart(other);
    expect(await failureOf(world, node.connect('10.0.0.2:1'))).toContain('ECONNREFUSED');
  });

  it('that the system gives up after two minutes of silence has timed out', async () => {
    const world = simulate();
    const { node } = peerOn(world.host('10.0.0.1'), { connectTimeoutMs: 600_000 });
    expect(await failureOf(world, node.connect('10.9.9.9:1'))).toContain('ETIMEDOUT');
    expect(world.nowMs).toBe(131_000);
  });

  it('asks again, so that a way that heals in time is enough', async () => {
    const world = simulate({ latencyMs: 10, jitterMs: 0 });
    const [a, b] = [peerOn(world.host('10.0.0.1')), peerOn(world.host('10.0.0.2'))];
    await world.drive(b.node.listen({ host: '0.0.0.0', port: 1 }));
    world.partition([a.host], [b.host]);
    const dialling = a.node.connect('10.0.0.2:1');
    await world.run(1_500);
    world.heal();
    await world.drive(dialling);
    expect(world.nowMs).toBe(2_020);
  });

  it.each(['dials', 'listens'] as const)(
    'makes no connection where the process that %s dies before the reply comes',
    async (who) => {
      const world = simulate({ latencyMs: 10, jitterMs: 0 });
      const [a, b] = [peerOn(world.host('10.0.0.1')), peerOn(world.host('10.0.0.2'))];
      await world.drive(b.node.listen({ host: '0.0.0.0', port: 1 }));
      a.node.connect('10.0.0.2:1').catch(() => {});
      await world.run(15);
      const dies = who === 'dials' ? a : b;
      world.crash(dies.host, 'process');
      await world.run('1 min');
      expect(world.connections).toBe(0);
      expect([a, b].filter((each) => each !== dies && each.node.connections.size > 0)).toEqual([]);
    },
  );

  it('waits while the backlog of a host that stands still is full', async () => {
    const world = simulate({ latencyMs: 10, jitterMs: 0 });
    const b = peerOn(world.host('10.0.0.2'), { listenBacklog: 2 });
    await world.drive(b.node.listen({ host: '0.0.0.0', port: 1 }));
    b.host.stall('4 s');
    const times: number[] = [];
    for (let index = 3; index < 9; index++) {
      const { node } = peerOn(world.host(`10.0.0.${index}`), { connectTimeoutMs: 60_000 });
      world.spawn(async () => {
        await node.connect('10.0.0.2:1');
        times.push(world.nowMs);
      });
      await world.run(100);
    }
    await world.run('20 s');
    expect(times.filter((timeMs) => timeMs < 1_000)).toHaveLength(3); // Linux has room for one more
    expect(times.filter((timeMs) => timeMs > 4_000)).toHaveLength(3);
    expect(b.node.connections.size).toBe(6);
  });

  it('tries the addresses of a name, one after the other', async () => {
    const world = simulate();
    const [a, b] = [peerOn(world.host('10.0.0.1')), peerOn(world.host(['10.0.0.3', 'fd00::3']))];
    await world.drive(b.node.listen({ host: '::', port: 1 }));
    world.name('seed.example', ['10.9.9.9', '10.0.0.3']);
    const connection = await world.drive(a.node.connect('seed.example:1'));
    expect(connection.state).toBe('open');
    expect(await failureOf(world, a.node.connect('nobody.example:1'))).toContain('could not be resolved');
  });

  it('from a port whose connection has just ended has to wait where a system lets it rest', async () => {
    const { world, a, b } = await two({ timeWaitMs: 60_000 });
    const dial = () => a.node.connect('10.0.0.2:4001', { localPort: 5_000 });
    const other = peerOn(world.host('10.0.0.3'));
    await world.drive(other.node.close());
    const second = peerOn(b.host);
    await world.drive(second.node.listen({ host: '10.0.0.2', port: 4001 }));
    const connection = await world.drive(dial());
    await world.drive(connection.disconnect());
    await world.run('1 s');
    expect(await failureOf(world, dial())).toContain('EADDRNOTAVAIL');
    await world.run('1 min');
    await world.drive(dial());
  });

  it('out of a private network is seen from outside, and nobody dials in', async () => {
    const world = simulate();
    const nat = world.nat({ address: '203.0.113.1' });
    const [inside, outside] = [peerOn(world.host('192.168.0.2', { nat })), peerOn(world.host('10.0.0.1'))];
    for (const { node } of [inside, outside]) await world.drive(node.listen({ host: '0.0.0.0', port: 1 }));
    await world.drive(inside.node.connect('10.0.0.1:1'));
    await world.run(100);
    expect(outside.opened[0]!.address.host).toBe('203.0.113.1');
    expect(await failureOf(world, outside.node.connect('192.168.0.2:1'))).toContain('could not be reached');
    expect(await failureOf(world, outside.node.connect('203.0.113.1:1'))).toContain('could not be reached');
  });
});

describe('a cut', () => {
  it('that nobody notices until a timeout', async () => {
    const { world, a, b, here } = await two({}, PATIENT);
    world.cut(a.host, b.host, 'silently');
    await world.run('1 h');
    expect([a.gone, b.gone]).toEqual([[], []]); // nobody has said anything
    await world.drive(here.send('are you there?'));
    await world.run('10 min');
    expect(a.gone).toEqual([]);
    await world.run('10 min');
    expect(a.gone).toMatchObject([{ error: { code: 'ETIMEDOUT' } }]);
    expect(b.gone).toEqual([]);
  });

  it('ends what was said in vain at whatever fraction of a millisecond it was said', async () => {
    const world = simulate({ latencyMs: 1.3, jitterMs: 0, giveUpMs: 15_000 });
    // Rounding must not have the end asked for again and again in the same instant.
    world.check('time goes on', () => world.steps < 100_000);
    const [a, b] = [peerOn(world.host('10.0.0.1'), PATIENT), peerOn(world.host('10.0.0.2'), PATIENT)];
    await world.drive(b.node.listen({ host: '0.0.0.0', port: 1 }));
    await world.run('20 s');
    for (let index = 0; index < 5; index++) {
      await world.run(world.random.next());
      await world.drive(a.node.connect('10.0.0.2:1', { parallel: true }));
    }
    world.cut(a.host, b.host, 'silently');
    const ends = a.opened.map(async (connection) => {
      await world.sleep(1_000 * world.random.next());
      connection.trySend('in vain');
      await connection.closed;
    });
    await world.drive(Promise.all(ends));
    expect(world.nowMs).toBeGreaterThan(35_000);
  });

  it.each([
    ['ends', 'disconnect'],
    ['is reset', 'crash'],
  ] as const)('in the last step of a handshake leaves nothing when the dialler %s', async (_how, what) => {
    const world = simulate({ latencyMs: 10, jitterMs: 0, giveUpMs: 2_000 });
    const [a, b] = [peerOn(world.host('10.0.0.1'), PATIENT), peerOn(world.host('10.0.0.2'), PATIENT)];
    await world.drive(b.node.listen({ host: '0.0.0.0', port: 1 }));
    const dialling = a.node.connect('10.0.0.2:1');
    await world.run(15);
    world.cut(a.host, b.host, 'one-way');
    const connection = await world.drive(dialling);
    expect([world.connections, b.opened.length]).toEqual([1, 0]);
    if (what === 'crash') world.crash(a.host);
    else void connection.disconnect();
    await world.run('20 s');
    expect([world.connections, b.opened.length]).toEqual([0, 0]);
  });

  it('that heals delivers what was said meanwhile', async () => {
    const { world, a, b, here } = await two({}, PATIENT);
    world.cut(a.host, b.host, 'silently');
    for (const word of ['one', 'two', 'three']) await world.drive(here.send(word));
    await world.run('30 s');
    world.heal(a.host, b.host);
    await world.run('1 min');
    expect(b.heard).toEqual(['one', 'two', 'three']);
  });

  it('one way: what is said arrives, and nobody can say so', async () => {
    const { world, a, b, here, there } = await two({}, PATIENT);
    world.cut(a.host, b.host, 'one-way');
    await world.drive(there.send('this way'));
    await world.drive(here.send('that way'));
    await world.run('1 min');
    expect([a.heard, b.heard]).toEqual([['this way'], []]);
    await world.run('20 min');
    expect(b.gone).toMatchObject([{ error: { code: 'ETIMEDOUT' } }]);
  });

  it('with resets ends what is there for whoever says something, and refuses what comes', async () => {
    const { world, a, b, here, there } = await two({}, PATIENT);
    world.cut(a.host, b.host, 'with-reset');
    await world.run('1 min');
    expect([a.gone, b.gone]).toEqual([[], []]);
    here.trySend('is it open?');
    await world.run(100);
    expect([a.gone, b.gone]).toMatchObject([[{ error: { code: 'ECONNRESET' } }], []]);
    there.trySend('it is not');
    await world.run(100);
    expect(b.gone).toMatchObject([{ error: { code: 'ECONNRESET' } }]);
    expect(await failureOf(world, a.node.connect('10.0.0.2:4000'))).toContain('ECONNREFUSED');
  });

  it('a translation of addresses that forgets loses what comes after a silence', async () => {
    const world = simulate();
    const nat = world.nat({ address: '203.0.113.1', forgets: '2 min' });
    const inside = peerOn(world.host('192.168.0.2', { nat }), PATIENT);
    const outside = peerOn(world.host('10.0.0.1'), PATIENT);
    await world.drive(outside.node.listen({ host: '0.0.0.0', port: 1 }));
    const connection = await world.drive(inside.node.connect('10.0.0.1:1'));
    for (let minute = 0; minute < 5; minute++) {
      await world.drive(connection.send('still here'));
      await world.run('1 min');
    }
    await world.run('2 min');
    await world.drive(connection.send('still here?'));
    await world.run('5 min');
    expect(outside.heard).toHaveLength(5);
    await world.run('20 min');
    expect(inside.gone).toMatchObject([{ error: { code: 'ETIMEDOUT' } }]);
  });

  it('what is held waits, in order, until it is released', async () => {
    const { world, a, b, here } = await two({}, PATIENT);
    world.hold(a.host, b.host);
    for (const word of ['one', 'two']) await world.drive(here.send(word));
    await world.run('1 h');
    expect(b.heard).toEqual([]);
    world.release(a.host, b.host);
    await world.run(1);
    expect(b.heard).toEqual(['one', 'two']);
    await world.drive(here.send('three'));
    await world.run(100);
    expect(b.heard).toEqual(['one', 'two', 'three']);
  });
});

describe('a crash', () => {
  it('of the power is noticed by nobody, until the host is back and knows nothing', async () => {
    const { world, a, b, here } = await two({}, PATIENT);
    world.crash(b.host);
    await world.run('1 min');
    await world.drive(here.send('hello?'));
    await world.run('1 min');
    expect([a.gone, b.gone]).toEqual([[], []]);
    world.restart(b.host);
    await world.run('2 min');
    expect(a.gone).toMatchObject([{ error: { code: 'ECONNRESET' } }]);
    expect(b.gone).toEqual([]); // it is dead, and hears nothing
  });

  it('of the process is an end for its peers', async () => {
    const { world, a, b } = await two();
    world.crash(b.host, 'process');
    await world.run(100);
    expect(a.gone).toMatchObject([{ origin: 'reading', cause: 'ended' }]);
    expect(await failureOf(world, a.node.connect('10.0.0.2:4000'))).toContain('ECONNREFUSED');
  });

  it('what was under way to a laptop that falls asleep comes before what was said after', async () => {
    const { world, b, here } = await two({ latencyMs: 100 });
    here.trySend('one');
    await world.run(50);
    b.host.suspend();
    here.trySend('two');
    await world.run(500);
    here.trySend('three');
    b.host.resume();
    await world.run('10 s');
    expect(b.heard).toEqual(['one', 'two', 'three']);
  });

  it('what was held comes before what arrives in the instant of its release', async () => {
    const { world, a, b, here } = await two({ latencyMs: 100 });
    world.hold(a.host, b.host);
    here.trySend('one');
    await world.run(50);
    here.trySend('two');
    world.spawn(async () => {
      await world.sleep(100);
      world.release(a.host, b.host);
    });
    await world.run('1 s');
    expect(b.heard).toEqual(['one', 'two']);
  });

  it('what is sent again comes in order, though what was sent after it is under way for long', async () => {
    for (let seed = 0; seed < 50; seed++) {
      const { world, a, b, here } = await two({ seed, latencyMs: 5, lossPercent: 30 });
      const lines = Array.from({ length: 20 }, (_, index) => `${index}`);
      for (const line of lines) {
        if (line === '5') a.host.suspend();
        here.trySend(line);
        if (line === '15') a.host.resume();
        await world.run(4);
      }
      await world.run('1 min');
      expect(b.heard).toEqual(lines);
    }
  });

  it('a program starts again, with what it had synced, or without', async () => {
    const world = simulate();
    const starts: (string | undefined)[] = [];
    const host = world.host('10.0.0.1', {
      boot({ disk, clock }) {
        starts.push(disk.read('log') === undefined ? undefined : Buffer.from(disk.read('log')!).toString());
        disk.write('log', `started at ${clock.now()}`);
        if (starts.length === 1) disk.sync();
      },
    });
    await world.run(1_000);
    for (const disk of ['kept', 'kept', 'lost'] as const) {
      world.crash(host);
      await world.run(1_000);
      world.restart(host, { disk });
      await world.run(0);
    }
    expect(starts).toEqual([undefined, 'started at 0', 'started at 0', undefined]);
  });

  it('timers of the dead never fire, and what is asked of them stays pending', async () => {
    const world = simulate();
    const host = world.host('10.0.0.1');
    const old = peerOn(host);
    const { clock } = host.config;
    const rings: string[] = [];
    clock.setTimeout(() => rings.push('old'), 10);
    world.crash(host);
    world.restart(host);
    clock.setTimeout(() => rings.push('older'), 10);
    host.config.clock.setTimeout(() => rings.push('new'), 10);
    await expect(world.drive(old.node.listen({ host: '0.0.0.0', port: 1 }))).rejects.toMatchObject({
      code: 'P2P_ERR_WORLD_STUCK',
    });
    expect(rings).toEqual(['new']);
  });

  it('a suspended laptop finds its connections gone', async () => {
    const { world, a, b } = await two({}, { idleTimeoutMs: 10_000 });
    a.host.suspend();
    await world.run('1 min');
    expect(b.gone).toMatchObject([{ cause: 'idle-timeout' }]);
    expect(a.gone).toEqual([]);
    a.host.resume();
    await world.run('1 min');
    expect(a.gone).toHaveLength(1);
  });
});

it('a peer that was silent while we stood still is heard before it is judged', async () => {
  const world = simulate({ latencyMs: 10 });
  const a = peerOn(world.host('10.0.0.1'), PATIENT);
  const b = peerOn(world.host('10.0.0.2'), { idleTimeoutMs: 1_000 });
  await world.drive(b.node.listen({ host: '0.0.0.0', port: 4000 }));
  const here = await world.drive(a.node.connect('10.0.0.2:4000'));
  for (let count = 0; count < 4; count++) {
    b.host.stall(5_000);
    for (let word = 0; word < 10; word++) {
      await world.drive(here.send('word'));
      await world.run(500);
    }
  }
  expect(b.gone).toEqual([]);
  expect(b.heard.length).toBeGreaterThan(35);
  expect(a.host.log.filter(({ level }) => level === 'error')).toEqual([]);
});

it('addresses are of one host each, and ports of one listener', async () => {
  const world = simulate();
  const host = world.host('10.0.0.1');
  expect(() => world.host('10.0.0.1')).toThrow('give each host addresses of its own');
  const [one, two]: PeerNode<string>[] = [peerOn(host).node, peerOn(host).node];
  await world.drive(one!.listen({ host: '0.0.0.0', port: 7 }));
  expect(await failureOf(world, two!.listen({ host: '127.0.0.1', port: 7 }))).toContain('EADDRINUSE');
  expect(await failureOf(world, two!.listen({ host: '10.0.0.2', port: 7 }))).toContain('EADDRNOTAVAIL');
  await expect(two!.connect('10.0.0.1:7', { localAddress: '10.0.0.9' })).rejects.toBeInstanceOf(PeerError);
});
