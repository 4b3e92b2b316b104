import { describe, expect, it } from '@jest/globals';
import { json, lines } from '@pea2pea/codecs';
import { PeerNode, type Connection, type NodeConfig } from '@pea2pea/core';
import {
  alter,
  ALTERATIONS,
  assertConsistent,
  simulate,
  WIRE_ALTERATIONS,
  YAMUX_ALTERATIONS,
  type Alteration,
  type SimHost,
} from '@pea2pea/testing';

/** Those of yamux are set against yamux: `packages/streams/test/yamux-altered.test.ts`. */
const NAMES = (Object.keys(ALTERATIONS) as Alteration[]).filter(
  (name) => !YAMUX_ALTERATIONS.some((each) => each === name),
);
const ADDRESS = { host: '0.0.0.0', port: 4000 } as const;
const QUESTIONS = 10;

/** What is asked, and what comes back. */
interface Message {
  readonly id: number;
  readonly method?: string;
  readonly result?: number;
}

const configOf = (host: SimHost): NodeConfig<Message> => ({
  codec: json<Message>(lines({ maxLength: 64 * 1024 })),
  ...host.config,
  idleTimeoutMs: 10_000,
  writeTimeoutMs: 5_000,
});

/** A node that replies to what it is asked, and asks by itself when it has dialled. */
class Peer {
  readonly node: PeerNode<Message>;
  readonly replies: number[] = [];
  readonly #clock: SimHost['config']['clock'];

  constructor(config: NodeConfig<Message>, host: SimHost) {
    this.node = new PeerNode(config);
    this.#clock = host.config.clock;
    this.node.use({
      onMessage: (message, connection) => {
        if (message?.method !== undefined) connection.trySend({ id: message.id, result: message.id * 2 });
        else if (typeof message?.result === 'number') this.replies.push(message.result);
      },
    });
  }

  ask(connection: Connection<Message>, id = 1): void {
    if (id > QUESTIONS || connection.state !== 'open') return;
    connection.trySend({ id, method: 'double' });
    this.#clock.setTimeout(() => this.ask(connection, id + 1), 200);
  }
}

/** A victim, an honest peer, and one with something wrong, each dialling the other; returns the hash of what happened. */
async function against(name: Alteration | undefined, seed: number): Promise<string> {
  const world = simulate({ seed });
  const [victimHost, honestHost, alteredHost] = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) =>
    world.host(address),
  ) as [SimHost, SimHost, SimHost];
  const victim = new Peer(configOf(victimHost), victimHost);
  const honest = new Peer(configOf(honestHost), honestHost);
  const config = configOf(alteredHost);
  const altered = new Peer(name === undefined ? config : alter(name, config, seed), alteredHost);
  for (const { node } of [victim, altered]) await world.drive(node.listen(ADDRESS));

  for (let round = 0; round < 3; round++) {
    for (const [from, to] of [
      [altered, victimHost],
      [victim, alteredHost],
    ] as const) {
      const dialling = from.node.connect(`${to.address}:${ADDRESS.port}`);
      // A dial of the peer with something wrong may fail, and so may one that meets it.
      dialling.then(
        (connection) => from.ask(connection),
        () => {},
      );
    }
    await world.run('15 s'); // long enough for idle connections to end
  }
  honest.ask(await world.drive(honest.node.connect(`10.0.0.1:${ADDRESS.port}`)));
  await world.run('1 min');
  expect(honest.replies).toEqual(Array.from({ length: QUESTIONS }, (_, index) => (index + 1) * 2));
  expect(victim.node.bufferedBytes).toBeLessThan(1024 * 1024);
  const { hash } = world.trace;

  await world.drive(Promise.all([victim.node.close(), honest.node.close(), altered.node.close()]));
  assertConsistent(victim.node);
  await world.run('1 min');
  expect(victimHost.clock.pending).toBe(0);
  expect(victimHost.log.filter(({ level }) => level === 'error')).toEqual([]);
  return hash;
}

const known = new Map<number, Promise<string>>();

/** The hash where nothing is wrong. */
function nothingWrong(seed: number): Promise<string> {
  const hash = known.get(seed) ?? against(undefined, seed);
  known.set(seed, hash);
  return hash;
}

it('there are more than twenty, each with a sentence', () => {
  expect(NAMES.length).toBeGreaterThan(25);
  expect(WIRE_ALTERATIONS.length).toBeGreaterThan(20);
  for (const sentence of Object.values(ALTERATIONS)) expect(sentence).toMatch(/^[a-z].*[^.]$/);
});

describe.each(NAMES)('a node serves its honest peers, and closes in order, though another one %s', (name) => {
  it.each([1, 2])('seed %p', async (seed) => {
    const hash = await against(name, seed);
    expect(hash).toBe(await against(name, seed));
    expect(hash).not.toBe(await nothingWrong(seed));
  });
});
