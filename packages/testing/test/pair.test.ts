import { afterEach, describe, expect, it } from '@jest/globals';
import { lines } from '@pea2pea/codecs';
import { PeerNode, type Connection } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { createPeer, OnMessage, Peer } from '@pea2pea/decorators';
import { generateKeyPair, noise } from '@pea2pea/noise';
import { rateLimit } from '@pea2pea/policies';
import { lab, pair, peerErrorOf, simulate, type PairOptions, type SideConfig } from '@pea2pea/testing';

@Peer({ codec: lines(), listen: { host: '0.0.0.0', port: 4000 } })
class Echo {
  @OnMessage()
  echo(line: string, connection: Connection<string>): void {
    connection.trySend(line);
  }
}

/** A node that sends back what it gets, after a handshake and with a plugin. */
const echo = (config: SideConfig): PeerNode<string> =>
  new PeerNode({ codec: lines(), ...config })
    .use(
      noise({ pattern: 'Noise_XX_25519_AESGCM_SHA256', staticKey: generateKeyPair(), authorize: () => true }),
    )
    .use(rateLimit())
    .use({ onMessage: (line, connection) => void connection.trySend(`${line}, too`) });

const networks: [string, () => Required<PairOptions>['over']][] = [
  ['memory', () => 'memory'],
  ['tcp', () => 'tcp'],
  ['a simulated world', () => simulate({ seed: 3, hashBytes: false })],
];

describe.each(networks)('a pair over %s', (_name, over) => {
  it('is two connected nodes with one configuration, each with a log', async () => {
    await using both = await pair({ codec: lines() }, { over: over() });
    both.here.trySend('hello');
    await both.until('it arrives', () => both.listener.stats.bytesReceived > 0);
    expect(await both.there.next()).toBe('hello');
    expect(both.here.direction).toBe('outbound');
    expect([both.dialler.name, both.listener.name]).not.toContain('');
    expect(both.logs.listener.map(({ text }) => text)).toContain('listening');
    expect(both.logs.dialler.map(({ text }) => text)).not.toContain('listening');
  });

  it('is two nodes that a function makes, with plugins and a handshake', async () => {
    const heard: string[] = [];
    const both = await pair(
      {
        dialler: (config) =>
          new PeerNode({ codec: lines(), ...config })
            .use(
              noise({
                pattern: 'Noise_XX_25519_AESGCM_SHA256',
                staticKey: generateKeyPair(),
                authorize: () => true,
              }),
            )
            .use({ onMessage: (line: string) => void heard.push(line) }),
        listener: echo,
      },
      { over: over() },
    );
    both.here.trySend('hello');
    await both.until('it comes back', () => heard.length === 1);
    expect(heard).toEqual(['hello, too']);
    expect(both.here.identity).not.toBe(both.there.identity);
    await both.close();
    expect([both.dialler.state, both.listener.state]).toEqual(['closed', 'closed']);
    await both.close();
  });

  it('is of peer classes, too', async () => {
    const heard: string[] = [];
    await using both = await pair(
      {
        dialler: (config) =>
          new PeerNode({ codec: lines(), ...config }).use({ onMessage: (line) => void heard.push(line) }),
        listener: (config) =>
          createPeer(Echo, {
            config: { ...config, ...(over() === 'tcp' && { listen: { host: '0.0.0.0', port: 0 } }) },
          }),
      },
      { over: over() },
    );
    both.here.trySend('hello');
    await both.until('it comes back', () => heard.length === 1);
    expect(both.listener.peer).toBeInstanceOf(Echo);
    expect(both.there.address.port).toBe(both.here.localAddress.port);
  });

  it('closes what it made when the two cannot connect, and rejects with why', async () => {
    const made: PeerNode<string>[] = [];
    const make = (config: SideConfig) => {
      const node = new PeerNode({ codec: lines(), ...config }).use({ onAccept: () => false });
      made.push(node);
      // Whoever is refused finds out in a handshake.
      return node.use({ onHandshake: async (handshake) => void (await handshake.read(1)) });
    };
    await expect(pair(make, { over: over() })).rejects.toThrow();
    expect(made.map(({ state }) => state)).toEqual(['closed', 'closed']);
  });
});

it('the networks are those that there are', async () => {
  const { message } = await peerErrorOf('P2P_ERR_INVALID_CONFIG', () =>
    pair({ codec: lines() }, { over: 'udp' as 'tcp' }),
  );
  expect(message).toBe("`over` is \"udp\"; give 'memory', 'tcp' or a world that simulate() made");
});

it('a pair whose node miscounts fails when it is closed', async () => {
  const both = await pair({ codec: lines() });
  (both.dialler.heuristics as { dialled: number }).dialled++;
  await peerErrorOf('P2P_ERR_INCONSISTENT', () => both.close());
});

it('a pair that leaves a timer on its clock fails when it is closed', async () => {
  const clock = new ControlledClock();
  const both = await pair((config) => new PeerNode({ codec: lines(), ...config, clock }));
  const timer = clock.setTimeout(() => {}, 1_000);
  await peerErrorOf('P2P_ERR_TIMERS_LEFT', () => both.close());
  timer.cancel();
});

it('several pairs fit into one world', async () => {
  const world = simulate();
  await using first = await pair({ codec: lines() }, { over: world });
  await using second = await pair({ codec: lines() }, { over: world });
  expect(world.hosts.map(({ address }) => address)).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4']);
  expect([first, second].map(({ dialler }) => dialler.connections.size)).toEqual([1, 1]);
});

describe('a lab', () => {
  const { pair: pairOfLab } = lab({ afterEach });
  let last: PeerNode<string>;

  it('has pairs', async () => {
    const { dialler } = await pairOfLab({ codec: lines() });
    last = dialler;
    expect(last.state).toBe('open');
  });

  it('and closes them after the test', () => {
    expect(last.state).toBe('closed');
  });
});
