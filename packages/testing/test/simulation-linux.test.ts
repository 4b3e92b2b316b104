import { describe, expect, it } from '@jest/globals';
import { simulate } from '@pea2pea/testing';
import { failureOf, peerOn, two } from './simulation-lab.js';

// What Linux was seen to do: docs/real-networks.md.

/** For connections that are to be ended by the network alone. */
const PATIENT = { idleTimeoutMs: 0, writeTimeoutMs: 3_600_000 };
const QUICK = { latencyMs: 10, jitterMs: 0, giveUpMs: 3_000 };

describe('a dial', () => {
  it('of a host whose cable is pulled fails at once, and its connections notice nothing', async () => {
    const { world, a, b, here } = await two({}, PATIENT);
    a.host.unplug();
    const startMs = world.nowMs;
    expect(await failureOf(world, a.node.connect('10.0.0.2:4000', { parallel: true }))).toContain(
      'ENETUNREACH',
    );
    expect(world.nowMs).toBe(startMs);
    here.trySend('hello?');
    await world.run('1 min');
    expect([a.gone, b.heard]).toEqual([[], []]);
    a.host.plug();
    await world.until('it is heard', () => b.heard.length === 1);
    await world.drive(a.node.connect('10.0.0.2:4000', { parallel: true }));
  });

  it('of a host whose cable is pulled reaches the host itself', async () => {
    const world = simulate(QUICK);
    const [one, other] = [peerOn(world.host('10.0.0.1')), peerOn(world.hosts[0]!)];
    await world.drive(one.node.listen({ host: '0.0.0.0', port: 1 }));
    one.host.unplug();
    await world.drive(other.node.connect('127.0.0.1:1'));
  });

  it('that a router replies to says that the host cannot be reached', async () => {
    const world = simulate(QUICK);
    const [a, b] = [peerOn(world.host('10.0.0.1')), peerOn(world.host('10.0.0.2'))];
    world.cut(a.host, b.host, 'unreachable');
    expect(await failureOf(world, a.node.connect('10.0.0.2:1'))).toContain('EHOSTUNREACH');
    expect(world.nowMs).toBe(10);
  });

  it('from a port of its own has the pair of the connection before at once', async () => {
    const { world, a } = await two();
    const dial = () => a.node.connect('10.0.0.2:4000', { localPort: 5_000, parallel: true });
    const connection = await world.drive(dial());
    await world.drive(connection.disconnect());
    await world.run(100);
    await world.drive(dial());
  });
});

describe('two dials that meet', () => {
  /** Both dial each other from known ports, and neither hears of it before the way is healed. */
  async function meeting(healedMs: number, connectTimeoutMs = 5_000) {
    const world = simulate(QUICK);
    const [a, b] = ['10.0.0.1', '10.0.0.2'].map((address) =>
      peerOn(world.host(address), { ...PATIENT, connectTimeoutMs }),
    );
    world.partition([a!.host], [b!.host]);
    const outcome = Promise.allSettled([
      a!.node.connect('10.0.0.2:7', { localPort: 7 }),
      b!.node.connect('10.0.0.1:7', { localPort: 7 }),
    ]);
    await world.run(healedMs);
    return { world, a: a!, b: b!, outcome };
  }

  it('are one connection, though nobody listens', async () => {
    const { world, a, b, outcome } = await meeting(500);
    world.heal();
    const [here, there] = await world.drive(outcome);
    if (here.status !== 'fulfilled' || there.status !== 'fulfilled') throw new Error('they did not meet');
    here.value.trySend('one');
    there.value.trySend('two');
    await world.run('10 s');
    expect([a.heard, b.heard, world.connections]).toEqual([['two'], ['one'], 1]);
    await world.drive(here.value.disconnect());
    await world.until('nothing is left', () => world.connections === 0);
    expect(b.gone).toMatchObject([{ cause: 'ended' }]);
  });

  it('leave nothing behind when the way is cut again before both know', async () => {
    const { world, a, b, outcome } = await meeting(500, 3_000);
    world.heal();
    await world.run(515); // the question of `a` has arrived, and the reply not yet
    world.hold(a.host, b.host);
    await world.run(1_000);
    const [, there] = await world.drive(outcome);
    expect(there).toMatchObject({ status: 'rejected', reason: { code: 'P2P_ERR_CONNECT_TIMEOUT' } });
    world.release(a.host, b.host);
    await world.run('1 min');
    expect([a.node.connections.size, b.node.connections.size, world.connections]).toEqual([0, 0, 0]);
  });
});

describe('a connection', () => {
  it('that a router has no way for any more fails when the system gives up, and says why', async () => {
    const { world, a, b, here } = await two(QUICK, PATIENT);
    world.cut(a.host, b.host, 'unreachable');
    here.trySend('hello?');
    await world.run('2 s');
    expect(a.gone).toEqual([]);
    await world.run('5 s');
    expect(a.gone).toMatchObject([{ error: { code: 'EHOSTUNREACH' } }]);
  });

  it('that a translation has forgotten is reset for whoever says something, where it says so', async () => {
    const world = simulate(QUICK);
    const nat = world.nat({ address: '203.0.113.1', forgets: '2 min', unknown: 'reset' });
    const [inside, outside] = [
      peerOn(world.host('192.168.0.2', { nat }), PATIENT),
      peerOn(world.host('10.0.0.1'), PATIENT),
    ];
    await world.drive(outside.node.listen({ host: '0.0.0.0', port: 1 }));
    const connection = await world.drive(inside.node.connect('10.0.0.1:1'));
    await world.run('3 min');
    expect([inside.gone, outside.gone]).toEqual([[], []]);
    outside.opened[0]!.trySend('still here?');
    await world.run(100);
    expect([inside.gone, outside.gone]).toMatchObject([[], [{ error: { code: 'ECONNRESET' } }]]);
    connection.trySend('and you?');
    await world.run(100);
    expect(inside.gone).toMatchObject([{ error: { code: 'ECONNRESET' } }]);
  });

  it('whose peer has closed takes a write, hears nothing of the reset, and fails with the next write', async () => {
    const { world, a, here, there } = await two(QUICK, { ...PATIENT, halfOpen: true });
    await world.drive(there.disconnect());
    await world.run(100);
    here.trySend('one');
    await world.run('1 min');
    expect([a.gone, here.peerHasEnded]).toEqual([[], true]);
    here.trySend('two');
    await world.run(100);
    expect(a.gone).toMatchObject([{ origin: 'writing', error: { code: 'EPIPE' } }]);
  });

  it('with full buffers is given up where nobody replies to the question whether there is room', async () => {
    const { world, a, b, here } = await two(QUICK, PATIENT);
    b.host.stall('1 h');
    here.trySend('x'.repeat(500_000));
    await world.run('10 min');
    expect(a.gone).toEqual([]);
    world.cut(a.host, b.host, 'silently');
    await world.run('5 min');
    expect(a.gone).toMatchObject([{ error: { code: 'ETIMEDOUT' } }]);
  });
});
