import { PeerNode, type Connection, type NodeConfig } from '@pea2pea/core';
import { alter, type Alteration } from '../altered/alter.js';
import { assertConsistent } from '../consistency.js';
import type { SimHost } from '../simulation/host.js';
import { simulate, type SimulationOptions, type World } from '../simulation/world.js';
import { textCodec } from '../text-codec.js';
import { expectThat } from './finding.js';

/** What `node.use` takes. */
export type Usable = Parameters<PeerNode<string>['use']>[0];

/** Both sides of a handshake that belong together, made anew for each check. */
export interface HandshakePair {
  /** For the side that dials. */
  readonly dialler: Usable;
  /** For the side that listens. */
  readonly listener: Usable;
}

/** Which side has something wrong. */
export type Side = keyof HandshakePair;

const PORT = 4_000;
/** The deadline of the setups that are checked. */
export const HANDSHAKE_TIMEOUT_MS = 3_000;

/** A dial between two simulated hosts, and what came of it on both sides. */
export class HandshakeAttempt {
  readonly world: World;
  readonly nodes: Readonly<Record<Side, PeerNode<string>>>;
  readonly heard: Readonly<Record<Side, string[]>> = { dialler: [], listener: [] };
  readonly opened: Readonly<Record<Side, Connection<string>[]>> = { dialler: [], listener: [] };
  readonly #hosts: Readonly<Record<Side, SimHost>>;

  /** @param wrong a side, and what is wrong with it */
  constructor(
    pair: HandshakePair,
    options: SimulationOptions = {},
    wrong?: { readonly side: Side; readonly how: Alteration },
  ) {
    this.world = simulate({ latencyMs: 10, ...options });
    this.#hosts = { dialler: this.world.host('10.0.0.1'), listener: this.world.host('10.0.0.2') };
    const make = (side: Side): PeerNode<string> => {
      const sound: NodeConfig<string> = {
        codec: textCodec(),
        handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
        ...this.#hosts[side].config,
      };
      const node = new PeerNode<string>(wrong?.side === side ? alter(wrong.how, sound, options.seed) : sound);
      return node.use(pair[side]).use({
        onConnect: (connection) => void this.opened[side].push(connection),
        onMessage: (message) => void this.heard[side].push(message),
      });
    };
    this.nodes = { dialler: make('dialler'), listener: make('listener') };
  }

  /** Dials, and lets `durationMs` pass. Returns how long the dial took to fail, or undefined where it did not. */
  async dial(durationMs: number): Promise<number | undefined> {
    const { world } = this;
    const { dialler, listener } = this.nodes;
    await world.drive(listener.listen({ host: '0.0.0.0', port: PORT }));
    const startMs = world.nowMs;
    let failedMs: number | undefined;
    dialler.connect(`10.0.0.2:${PORT}`).catch(() => {
      failedMs = world.nowMs - startMs;
    });
    await world.run(durationMs);
    return failedMs;
  }

  /** Closes both nodes. @throws {Broken} where something of `side` is left, or its hooks threw a fault of their own. */
  async end(...sides: readonly Side[]): Promise<void> {
    await this.world.drive(Promise.all(Object.values(this.nodes).map((node) => node.close())));
    await this.world.run('1 min');
    for (const side of sides) {
      const { heuristics } = this.nodes[side];
      assertConsistent(this.nodes[side]);
      expectThat(
        heuristics.hookErrors === 0,
        `a hook of the ${side} threw what is not a PeerError of a peer's fault`,
      );
      const { pending } = this.#hosts[side].clock;
      expectThat(pending === 0, `the ${side} has left ${pending} timers`);
    }
  }
}
