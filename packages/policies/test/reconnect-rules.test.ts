import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { PeerError, SocketAddress, type DisconnectReason, type PeerErrorCode } from '@pea2pea/core';
import { Bans, bans, RECONNECT_RULES, shouldReconnectByDefault, type Fault } from '@pea2pea/policies';
import { turn, until } from '@pea2pea/testing';
import { faultOfDial, faultOfEnd } from '../src/reconnect/rules.js';
import { Network, SEED } from './reconnect-lab.js';

const error = (code: PeerErrorCode, cause?: unknown): PeerError => new PeerError(code, 'x', { cause });
const system = (code: string): Error => Object.assign(new Error(code), { code });
const failed = (...codes: string[]): PeerError => {
  const causes = codes.map((code) => error('P2P_ERR_CONNECT_FAILED', system(code)));
  return error('P2P_ERR_CONNECT_FAILED', new AggregateError(causes));
};
const endless = error('P2P_ERR_BANNED', { prefix: '10.0.0.1' });
const anHour = error('P2P_ERR_BANNED', { prefix: '10.0.0.1', until: 3_600_000 });

type Row = [Fault, string, unknown];
const row = (...cells: Row): Row => cells;

describe('whose fault a dial that failed is', () => {
  it.each<Row>([
    ...RECONNECT_RULES.final.map((code) => row('final', code, error(code))),
    ...RECONNECT_RULES.ours.map((code) => row('ours', code, error(code))),
    ...RECONNECT_RULES.oursOfTheSystem.map((code) =>
      row('ours', code, error('P2P_ERR_CONNECT_FAILED', system(code))),
    ),
    ['final', 'a ban for good', endless],
    ['ours', 'a ban that ends', anHour],
    ['theirs', 'nobody listens', error('P2P_ERR_CONNECT_FAILED', system('ECONNREFUSED'))],
    ['theirs', 'there is no such name', error('P2P_ERR_CONNECT_FAILED', system('ENOTFOUND'))],
    ['theirs', 'no cause', error('P2P_ERR_CONNECT_FAILED')],
    ['theirs', 'a code of the system in another error', error('P2P_ERR_HANDSHAKE_FAILED', system('EMFILE'))],
    ['theirs', 'P2P_ERR_CONNECT_TIMEOUT', error('P2P_ERR_CONNECT_TIMEOUT')],
    ['theirs', 'P2P_ERR_HANDSHAKE_REJECTED', error('P2P_ERR_HANDSHAKE_REJECTED')],
    ['theirs', 'P2P_ERR_HANDSHAKE_TIMEOUT', error('P2P_ERR_HANDSHAKE_TIMEOUT')],
    ['theirs', 'an error that is not ours', new Error('x')],
    ['theirs', 'not an error', undefined],
    ['ours', 'several addresses, all for want of descriptors', failed('EMFILE', 'EMFILE')],
    ['theirs', 'several addresses, one by itself', failed('ENETUNREACH', 'ECONNREFUSED')],
  ])('%s: %s', (fault, _what, thrown) => {
    expect(faultOfDial(thrown)).toBe(fault);
    expect(shouldReconnectByDefault({ fault })).toBe(fault !== 'final');
  });
});

describe('whose fault the end of a connection is', () => {
  it.each<[Fault, DisconnectReason]>([
    ['final', { origin: 'shutdown' }],
    ['final', { origin: 'user' }],
    ['final', { origin: 'user', why: 'enough' }],
    ['final', { origin: 'user', error: endless }],
    ['ours', { origin: 'user', error: anHour }],
    ['theirs', { origin: 'user', error: error('P2P_ERR_PEER_UNRESPONSIVE') }],
    ['theirs', { origin: 'reading', cause: 'ended' }],
    ['theirs', { origin: 'reading', cause: 'idle-timeout' }],
    ['theirs', { origin: 'writing', cause: 'timeout' }],
    ['theirs', { origin: 'on-connect', error: new Error('x') }],
  ])('%s: %j', (fault, reason) => {
    expect(faultOfEnd(reason)).toBe(fault);
  });
});

it('the docs list the codes of each rule, and none besides', () => {
  const page = readFileSync(new URL('../../../docs/reconnect.md', import.meta.url), 'utf8');
  const codesOf = (row: string): string[] => {
    const line = page.split('\n').find((one) => one.startsWith(`| ${row} `))!;
    return [...line.matchAll(/`(P2P_ERR_\w+|E[A-Z_]+)`/g)].map(([, code]) => code!).sort();
  };
  expect(codesOf('final: the code is')).toEqual([...RECONNECT_RULES.final].sort());
  expect(codesOf('ours: the code is')).toEqual([...RECONNECT_RULES.ours].sort());
  expect(codesOf('ours: `cause` of')).toEqual(
    [...RECONNECT_RULES.oursOfTheSystem, 'P2P_ERR_CONNECT_FAILED'].sort(),
  );
});

describe('what is our own fault', () => {
  it('does not count as a failure of the address: one without descriptors is dialled until there are some', async () => {
    await using network = new Network();
    await network.server();
    network.failing = system('EMFILE');
    await using keeper = await network.keeper({ maxAttempts: 1, maxDelayMs: 4_000 });
    for (const delayMs of [1_000, 2_000, 4_000, 4_000]) {
      await until(() => keeper.status().state === 'waiting');
      expect(keeper.status()).toMatchObject({ attempts: 0, retryInMs: delayMs, last: { fault: 'ours' } });
      network.clock.advance(delayMs);
    }
    await until(() => keeper.status().state === 'waiting');
    network.failing = undefined;
    network.clock.advance(4_000);
    await until(() => keeper.status().state === 'connected');
    expect(keeper.plugin.givenUp).toBe(0);
  });

  it('passes, where it is a limit of the node', async () => {
    await using network = new Network();
    await network.server();
    await network.server('10.0.0.2:4000');
    await using keeper = await network.keeper({ addresses: [], maxAttempts: 1 }, { maxConnections: 1 });
    const first = await keeper.node.connect('10.0.0.2:4000');
    keeper.plugin.add(SEED);
    await until(() => keeper.status().state === 'waiting');
    expect(keeper.status().last).toMatchObject({ error: { code: 'P2P_ERR_TOO_MANY_CONNECTIONS' } });
    await first.disconnect();
    network.clock.advance(1_000);
    await until(() => keeper.status().state === 'connected');
  });

  it('passes, where it is a ban that ends, of an address that is connected or not', async () => {
    await using network = new Network();
    const server = await network.server();
    await using keeper = await network.keeper({ maxAttempts: 1 }, {}, [bans()]);
    await until(() => keeper.status().state === 'connected' && server.connections.size === 1);
    const plugin = keeper.handle.get(Bans);
    plugin.ban(SocketAddress.from(SEED), { durationMs: 2_500 });
    await until(() => keeper.status().state === 'waiting');
    expect(keeper.status().last).toMatchObject({ reason: { error: { code: 'P2P_ERR_BANNED' } } });
    network.clock.advance(1_000);
    await until(() => keeper.status().state === 'waiting' && keeper.status().last?.error !== undefined);
    expect(keeper.status()).toMatchObject({ attempts: 0, last: { error: { code: 'P2P_ERR_BANNED' } } });
    network.clock.advance(2_000);
    await until(() => keeper.status().state === 'connected');
    plugin.ban(SocketAddress.from(SEED), { durationMs: Infinity });
    await until(() => keeper.status().state === 'given-up');
  });
});

describe('dials at once', () => {
  const dead = Array.from({ length: 150 }, (_, index) => `10.1.0.${index}:1`);
  const alive = Array.from({ length: 40 }, (_, index) => `10.2.0.${index}:1`);

  async function crowd() {
    const network = new Network();
    for (const address of alive) await network.server(address);
    for (const address of dead) network.silent.add(address.split(':')[0]!);
    return network;
  }

  it('are maxConcurrentDials at most; those that wait say so', async () => {
    await using network = await crowd();
    await using keeper = await network.keeper({ addresses: dead });
    await until(() => network.hanging === 8);
    await turn(8);
    expect(network.hanging).toBe(8);
    const states = keeper.states();
    expect(states.filter((state) => state === 'connecting')).toHaveLength(8);
    expect(keeper.status(149)).toMatchObject({ state: 'waiting', retryInMs: 0, attempts: 0 });
    keeper.plugin.remove(dead[0]!);
    await until(() => network.dials.length === 9);
    expect(network.hanging).toBe(8);
  });

  it('leave room: 150 addresses that never reply keep out none of 40 that do, nor who dials us', async () => {
    await using network = await crowd();
    const addresses = [...dead, ...alive];
    const listen = { host: '10.3.0.1', port: 1 };
    await using keeper = await network.keeper({ addresses }, { listen });
    const guest = await network.server('10.4.0.1:1');
    await guest.connect(keeper.handle.address!);
    const connected = (): number => keeper.states().filter((state) => state === 'connected').length;
    for (let seconds = 0; connected() < alive.length; seconds++) {
      expect(seconds).toBeLessThan(130);
      network.clock.advance(1_000);
      await turn(4);
    }
    expect(keeper.node.connections.size).toBe(alive.length + 1);
  });

  it('go first, every second time, to who has failed least: one that restarts does not wait for the dead', async () => {
    await using network = await crowd();
    const server = await network.server();
    await using keeper = await network.keeper({
      addresses: [SEED, ...dead],
      maxConcurrentDials: 2,
      maxDelayMs: 1_000,
    });
    await until(() => keeper.status().state === 'connected');
    network.clock.advance(20_000);
    for (let seconds = 0; seconds < 400; seconds++) {
      network.clock.advance(1_000);
      await turn(4);
    }
    expect(keeper.plugin.status().every(({ attempts, state }) => attempts > 0 || state === 'connected')).toBe(
      true,
    );
    for (const connection of server.connections) await connection.disconnect();
    await until(() => keeper.status().state !== 'connected');
    const before = network.dials.length;
    for (let seconds = 0; keeper.status().state !== 'connected'; seconds++) {
      expect(seconds).toBeLessThan(20);
      network.clock.advance(1_000);
      await turn(4);
    }
    expect(network.dials.length - before).toBeLessThan(12);
  });

  it('that wait are forgotten by the end of the node', async () => {
    await using network = await crowd();
    const keeper = await network.keeper({ addresses: dead });
    await until(() => network.hanging === 8);
    await keeper.handle.close();
    await turn(8);
    expect([network.hanging, network.dials.length, network.clock.pending]).toEqual([0, 8, 0]);
    expect(new Set(keeper.states())).toEqual(new Set(['idle']));
  });
});

describe('the options of an address', () => {
  it('are those of its dials, each time', async () => {
    await using network = new Network();
    const server = await network.server();
    await using keeper = await network.keeper({
      addresses: [{ address: SEED, localAddress: '10.9.0.1', localPort: 77 }],
    });
    for (let round = 0; round < 2; round++) {
      await until(() => server.connections.size === 1);
      const [connection] = server.connections;
      expect(String(connection!.address)).toBe('10.9.0.1:77');
      await connection!.disconnect();
      await until(() => keeper.status().state === 'waiting');
      network.clock.advance(2_000);
    }
    await until(() => keeper.status().state === 'connected');
  });

  it('can be changed by adding it again, for later dials', async () => {
    await using network = new Network();
    const server = await network.server();
    await using keeper = await network.keeper();
    await until(() => server.connections.size === 1);
    expect(keeper.plugin.add(SEED, { localAddress: '10.9.0.2' })).toBe(false);
    for (const connection of server.connections) await connection.disconnect();
    await until(() => keeper.status().state === 'waiting');
    network.clock.advance(1_000);
    await until(() => server.connections.size === 1);
    expect([...server.connections][0]!.address.host).toBe('10.9.0.2');
  });

  it('that `connect` refuses are not tried again', async () => {
    await using network = new Network();
    await using keeper = await network.keeper({ addresses: [{ address: SEED, localPort: -1 }] });
    await until(() => keeper.status().state === 'given-up');
    expect(keeper.status().last).toMatchObject({ error: { code: 'P2P_ERR_INVALID_CONFIG' } });
    expect(keeper.log).toContainEqual(
      expect.objectContaining({ level: 'warn', text: 'reconnect has given up on an address' }),
    );
  });
});
