import { PeerNode, type Connection, type NodeConfig } from '@pea2pea/core';
import { alter, WIRE_ALTERATIONS } from '../altered/alter.js';
import { assertConsistent } from '../consistency.js';
import type { SimHost } from '../simulation/host.js';
import { simulate, type World } from '../simulation/world.js';
import { textCodec } from '../text-codec.js';
import {
  describeFacts,
  expectThat,
  findingsOf,
  type Check,
  type KitFinding,
  type DescribeOptions,
} from './finding.js';
import type { Usable } from './handshake-subject.js';
import { PLUGIN_FACTS, type PluginFact } from './plugin-facts.js';

/** Makes the plugin; asked anew for each node. */
type Make = () => Usable;

const PORT = 4_000;
const SEEDS = 3;
/** Moments at which a node is closed, in milliseconds after its peers began to dial. */
const MOMENTS_MS = [0, 15, 25, 40, 100, 1_000];

/** A node that has the plugin, at which others dial. Messages are sent back as they came. */
class Subject {
  readonly world: World;
  readonly host: SimHost;
  readonly node: PeerNode<string>;
  #peers = 0;

  constructor(make: Make, seed: number) {
    this.world = simulate({ seed, latencyMs: 10 });
    this.host = this.world.host('10.0.0.1');
    this.node = new PeerNode<string>(configOf(this.host)).use(make()).use({ onMessage: echo });
  }

  listen(): Promise<unknown> {
    return this.world.drive(this.node.listen({ host: '0.0.0.0', port: PORT }));
  }

  /** A node without it, on a host of its own. */
  peer(change: (config: NodeConfig<string>) => NodeConfig<string> = (config) => config): PeerNode<string> {
    return new PeerNode<string>(change(configOf(this.world.host(`10.0.1.${++this.#peers}`))));
  }

  /** @throws {Broken} unless an honest peer is served. */
  async requireService(when: string): Promise<void> {
    const heard: string[] = [];
    const honest = this.peer().use({ onMessage: (line) => void heard.push(line) });
    const connection = await this.world
      .drive(honest.connect(`10.0.0.1:${PORT}`))
      .catch((error: Error) => expectThat(false, `an honest peer cannot connect ${when}: ${error.message}`));
    connection!.trySend('hello');
    await this.world.run('2 s');
    expectThat(heard.length === 1, `an honest peer is not replied to ${when}`);
    await this.world.drive(honest.close());
  }

  /** @throws {Broken} where something is left, or a hook threw a fault of its own. */
  async end(when: string): Promise<void> {
    await this.world.drive(this.node.close());
    await this.world.run('2 min');
    assertConsistent(this.node);
    const { hookErrors } = this.node.heuristics;
    expectThat(hookErrors === 0, `a hook threw what is not a PeerError of a peer's fault, ${when}`);
    const { pending } = this.host.clock;
    expectThat(pending === 0, `${pending} timers are left after the node was closed, ${when}`);
  }
}

const CHECKS: Readonly<Record<PluginFact, Check<Make>>> = {
  async serves(make) {
    const subject = new Subject(make, 1);
    await subject.listen();
    await subject.requireService('in peace');
    await subject.end('in peace');
  },
  async strangers(make) {
    for (const name of WIRE_ALTERATIONS) {
      for (let seed = 0; seed < SEEDS; seed++) {
        const when = `with a peer that ${name}, seed ${seed}`;
        const subject = new Subject(make, seed);
        await subject.listen();
        const stranger = subject.peer((config) => alter(name, config, seed));
        const dialling = stranger.connect(`10.0.0.1:${PORT}`);
        dialling.then(talk, () => {});
        await subject.world.run('5 s');
        await subject.requireService(when);
        await subject.end(when);
      }
    }
  },
  async standstill(make) {
    const subject = new Subject(make, 1);
    await subject.listen();
    const { world, host } = subject;
    const peer = subject.peer();
    talk(await world.drive(peer.connect(`10.0.0.1:${PORT}`)));
    host.stall('30 s');
    await world.run('1 min');
    await subject.requireService('after a standstill');
    const [, other] = world.hosts;
    world.cut(host, other!, 'silently');
    await world.run('5 min');
    world.heal();
    await subject.requireService('after a cut');
    await subject.end('after a standstill and a cut');
  },
  async 'nothing-left'(make) {
    for (const momentMs of MOMENTS_MS) {
      const subject = new Subject(make, momentMs);
      await subject.listen();
      for (let count = 0; count < 3; count++) {
        subject
          .peer()
          .connect(`10.0.0.1:${PORT}`)
          .then(talk, () => {});
      }
      await subject.world.run(momentMs);
      await subject.end(`${momentMs} ms after peers began to dial`);
    }
  },
  async 'never-started'(make) {
    await new Subject(make, 1).end('never started');
  },
};

/**
 * Holds a plugin to {@link PLUGIN_FACTS}, in simulated networks; returns what does not hold. `make` makes it: a call such as
 * `rateLimit()`, or hooks.
 *
 * note: its peers have no plugin, and talk lines. It must let them in, and must not speak to them by itself.
 */
export function checkPlugin(make: () => Usable): Promise<KitFinding<PluginFact>[]> {
  return findingsOf(CHECKS, () => make);
}

/**
 * A group of tests, one for each of {@link PLUGIN_FACTS}; see {@link checkPlugin}.
 *
 * @throws {PeerError} P2P_ERR_NO_TEST_RUNNER when there is no runner.
 */
export function describePlugin(name: string, make: () => Usable, { runner }: DescribeOptions = {}): void {
  describeFacts(name, PLUGIN_FACTS, CHECKS, () => make, runner);
}

function configOf(host: SimHost): NodeConfig<string> {
  return { codec: textCodec(), idleTimeoutMs: 20_000, ...host.config };
}

function echo(message: string, connection: Connection<string>): void {
  connection.trySend(message);
}

function talk(connection: Connection<string>): void {
  for (const word of ['one', 'two', 'three']) connection.trySend(word);
}
