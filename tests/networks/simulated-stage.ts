import { simulate, type SimHost, type World } from '@pea2pea/testing';
import { Agent } from './agent.js';
import type { Order } from './layer.js';
import {
  ADDRESSES,
  NAME,
  NOBODY,
  OUTSIDE,
  UNREACHABLE,
  type Fact,
  type HostName,
  type Stage,
  type StageCut,
  type StageOptions,
} from './stage.js';

/** When systems give up, at both stages: so soon that one can wait for it. */
export const GIVE_UP_MS = 3_000;
export const DIAL_GIVE_UP_MS = 3_000;

/** A cause in a simulated network. */
export class SimulatedStage implements Stage {
  readonly isReal = false;
  readonly facts: Fact[] = [];
  readonly said = { a: 0, b: 0 };
  began = { atMs: 0, facts: 0 };
  readonly #world: World;
  readonly #hosts: Readonly<Record<HostName, SimHost>>;
  readonly #options: StageOptions;
  readonly #agents: Record<HostName, Agent>;

  constructor(options: StageOptions) {
    this.#options = options;
    this.#world = simulate({
      seed: 1,
      latencyMs: 1,
      jitterMs: 0,
      splitPercent: 0,
      giveUpMs: options.giveUpMs ?? GIVE_UP_MS,
      ...(options.keepsSystem ? {} : { dialGiveUpMs: DIAL_GIVE_UP_MS }),
      ...(options.bytesPerSecond !== undefined && { bandwidth: options.bytesPerSecond }),
    });
    const { nat } = options;
    const translated = nat && {
      nat: this.#world.nat({ address: OUTSIDE, forgets: nat.forgetsMs, unknown: nat.unknown }),
    };
    this.#hosts = { a: this.#world.host(ADDRESSES.a, translated), b: this.#world.host(ADDRESSES.b) };
    this.#world.cut(this.#hosts.a, this.#world.host(UNREACHABLE), 'unreachable');
    this.#world.name(NAME, [NOBODY, ADDRESSES.b]);
    this.#agents = { a: this.#makeAgent('a'), b: this.#makeAgent('b') };
  }

  async tell(host: HostName, order: Order): Promise<void> {
    if (order.do === 'say') this.said[host] += order.bytes;
    await this.#world.drive(this.#agents[host].carryOut(order));
  }

  launch(host: HostName, order: Order): void {
    this.#world.spawn(() => this.#agents[host].carryOut(order));
  }

  begin(): void {
    this.began = { atMs: this.#world.nowMs, facts: this.facts.length };
  }

  pass(ms: number): Promise<void> {
    return this.#world.run(ms);
  }

  until(what: string, condition: () => boolean): Promise<void> {
    return this.#world.until(what, condition);
  }

  async cut(how: StageCut): Promise<void> {
    const { a, b } = this.#hosts;
    if (how === 'both') this.#world.cut(a, b, 'silently');
    else if (how === 'a-to-b') this.#world.cut(a, b, 'one-way');
    else if (how === 'b-to-a') this.#world.cut(b, a, 'one-way');
    else this.#world.cut(a, b, how === 'reset' ? 'with-reset' : 'unreachable');
  }

  async heal(): Promise<void> {
    this.#world.heal();
  }

  /** A simulated host has no routes of its own: whatever it loses, its cable is out. */
  async lose(host: HostName): Promise<void> {
    this.#hosts[host].unplug();
  }

  async crash(host: HostName, how: 'process' | 'power'): Promise<void> {
    this.#world.crash(this.#hosts[host], how);
  }

  async restart(host: HostName): Promise<void> {
    this.#world.restart(this.#hosts[host]);
    this.#agents[host] = this.#makeAgent(host);
  }

  async stall(host: HostName, ms: number): Promise<void> {
    this.#hosts[host].stall(ms);
  }

  async close(): Promise<void> {}

  #makeAgent(host: HostName): Agent {
    return new Agent(this.#hosts[host].config, this.#options.agents ?? {}, (layer, what) => {
      this.facts.push({ atMs: this.#world.nowMs, host, layer, what });
    });
  }
}
