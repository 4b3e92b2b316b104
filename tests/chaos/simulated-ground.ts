import type { Clock, SocketAddress, Transport } from '@pea2pea/core';
import type { Nat, SimHost, SimulationOptions, World as SimWorld } from '@pea2pea/testing';
import { Dice } from './dice.js';
import type { Crowd, Ground, Pace, Place } from './ground.js';
import type { ChaosTime } from './time.js';

const HOSTS = 24;
/** Of those, which have a second address, an IPv6 address, and a translation of addresses before them. */
const [SECOND, SIXTH, HIDDEN] = [3, 4, 8];
const STRANGERS = 3;
/** The clock of a host runs so many times as fast as the world at most. */
const FASTEST = 2;
/** Longer than anything in a run. */
const LONG = '10 h';

/** What the network of a seed is like: each draws its own. */
export function networkOf(seed: number): Omit<SimulationOptions, 'seed'> {
  const dice = new Dice((seed ^ 0x6e657477) >>> 0);
  const bandwidth = dice.pick([undefined, undefined, undefined, '2 MB/s', '300 KB/s'] as const);
  return {
    latencyMs: dice.pick([
      [0, 0.5],
      [0.5, 5],
      [1, 20],
    ] as const)!,
    jitterMs: dice.pick([0, 0.5, 3])!,
    ...(bandwidth && { bandwidth }),
    lossPercent: dice.pick([0, 0, 0, 0.3, 3])!,
    splitPercent: dice.pick([0, 10, 50])!,
    sendBufferBytes: dice.pick([1_024, 16_384, 65_536])!,
    windowBytes: dice.pick([1_500, 16_384, 65_536])!,
    timeWaitMs: dice.pick([0, 1_000, 60_000])!,
    // Shorter than those of a system, so that a run sees them.
    giveUpMs: 15_000,
    dialGiveUpMs: dice.pick([300, 127_000])!,
    traceLines: 60,
  };
}

class SimulatedTime implements ChaosTime {
  readonly clock: Clock;
  readonly lagMs = 0;
  readonly toleranceMs = 5;
  readonly stalledMs = 0;
  readonly #world: SimWorld;
  readonly #deliveryMs: number;

  constructor(world: SimWorld, { latencyMs, jitterMs = 0, lossPercent, bandwidth }: SimulationOptions) {
    this.#world = world;
    this.clock = world.clock;
    const isSteady = !lossPercent && bandwidth === undefined && Array.isArray(latencyMs);
    // A piece more, for what was cut in two.
    this.#deliveryMs = isSteady ? 2 * (latencyMs[1] as number) + 2 * jitterMs + 1 : Infinity;
  }

  stall(): void {
    throw new Error('a simulated world does not stand still: its hosts do');
  }

  mustHaveArrived(writtenMs: number, nowMs: number): boolean {
    return nowMs - writtenMs >= this.#deliveryMs;
  }

  drive<T>(work: Promise<T>): Promise<T> {
    return this.#world.drive(work, LONG);
  }
}

/** A host of a simulated world, as long as its process lives. */
class HostPlace implements Place {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly #host: SimHost;
  readonly #incarnation: SimHost['incarnation'];
  readonly #name: string | undefined;

  constructor(host: SimHost, name: string | undefined) {
    this.transport = host.config.transport;
    this.clock = host.config.clock;
    this.#host = host;
    this.#incarnation = host.incarnation;
    this.#name = name;
  }

  get host(): string {
    return this.#host.address;
  }

  get isGone(): boolean {
    return !this.#incarnation.isAlive;
  }

  get isAwake(): boolean {
    return !this.isGone && !this.#incarnation.isStill && this.#host.isUp;
  }

  get disturbances(): number {
    return this.#host.disturbances;
  }

  get stalledMs(): number {
    return this.#incarnation.stoodStillMs * FASTEST;
  }

  stall(durationMs: number): void {
    if (!this.isGone) this.#host.stall(durationMs);
  }

  localAddress(dice: Dice): string | undefined {
    return dice.pick(this.#host.addresses);
  }

  localPort(dice: Dice): number {
    return 30_000 + dice.integer(0, 3);
  }

  reach(address: SocketAddress, dice: Dice): SocketAddress | string {
    if (!address.isWildcard) return address;
    if (this.#name !== undefined && dice.chance(0.3)) return `${this.#name}:${address.port}`;
    const own = dice.pick(this.#host.addresses)!;
    return own.includes(':') ? `[${own}]:${address.port}` : `${own}:${address.port}`;
  }

  onGone(listener: () => void): void {
    this.#incarnation.onCrash(listener);
  }
}

/** A simulated network: nodes and strangers live on hosts of their own, which faults may hit. */
export class SimulatedGround implements Ground {
  readonly name = 'simulation';
  readonly time: ChaosTime;
  readonly pace: Pace = { workers: 3, company: 24, restMs: 80 };
  readonly #world: SimWorld;
  readonly #hosts: SimHost[] = [];
  readonly #strangers: SimHost[] = [];
  readonly #names = new Map<SimHost, string>();

  constructor(world: SimWorld) {
    this.#world = world;
    this.time = new SimulatedTime(world, networkOf(world.seed));
    const nats = ['192.0.2.1', '192.0.2.2'].map((address, index) =>
      world.nat({ address, ...(index === 0 && { forgets: '500 ms' }) }),
    );
    for (let index = 1; index <= HOSTS; index++) this.#settle(index, nats);
    for (let index = 1; index <= STRANGERS; index++) {
      const addresses = Array.from({ length: 9 }, (_, at) => `2001:db8:0:${at % 3}::${index}:${at}`);
      this.#strangers.push(world.host([`198.51.100.${index}`, ...addresses]));
    }
  }

  #settle(index: number, nats: readonly Nat[]): void {
    const addresses = [`10.0.0.${index}`];
    if (index % SECOND === 0) addresses.push(`10.0.1.${index}`);
    if (index % SIXTH === 0) addresses.push(`2001:db8:1:${index % 3}::${index}`);
    const nat = index % HIDDEN === 0 ? nats[(index / HIDDEN) % nats.length] : undefined;
    let starts = 0;
    const host = this.#world.host(addresses, {
      boot: (booted) => {
        if (starts++ > 0) this.onRestart(this.#placeOf(booted));
      },
      ...(nat && { nat }),
    });
    this.#hosts.push(host);
    if (index % SECOND !== 0) return;
    const name = `n${index}.example`;
    // Where nobody is, where nobody listens, and where it is.
    this.#world.name(name, ['10.9.9.9', `198.51.100.1`, ...addresses]);
    this.#names.set(host, name);
  }

  place(dice: Dice): Place | undefined {
    return this.#oneOf(this.#hosts, dice);
  }

  stranger(dice: Dice): Place | undefined {
    return this.#oneOf(this.#strangers, dice);
  }

  crowd(dice: Dice): Crowd | undefined {
    const host = dice.pick(this.#strangers.filter(({ incarnation, isUp }) => isUp && incarnation.isAlive));
    if (host === undefined) return undefined;
    const inGroup = dice.chance(0.5);
    const groups = host.addresses.slice(1);
    return {
      place: this.#placeOf(host),
      address: () => (inGroup ? dice.pick(groups)! : host.address),
    };
  }

  onRestart: (place: Place) => void = () => {};

  note(line: string): void {
    this.#world.note(line);
  }

  #oneOf(hosts: readonly SimHost[], dice: Dice): Place | undefined {
    const places = hosts.map((host) => this.#placeOf(host)).filter(({ isAwake }) => isAwake);
    return dice.pick(places);
  }

  #placeOf(host: SimHost): HostPlace {
    return new HostPlace(host, this.#names.get(host));
  }
}
