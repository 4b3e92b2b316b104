import { PeerError, type Clock, type Random } from '@pea2pea/core';
import { describe } from '@pea2pea/core/authoring';
import { chanceOf } from './chance.js';
import { SimHost, type Boot, type Crash } from './host.js';
import { HostClock } from './host-clock.js';
import { Incarnation, type Enter } from './incarnation.js';
import { Nat, type NatOptions } from './nat.js';
import { Net } from './net.js';
import { resolveNetwork, type NetworkOptions } from './network-options.js';
import { ORDER } from './event-queue.js';
import { ProcessClock } from './process-clock.js';
import { inMs, type Duration } from './quantities.js';
import type { RouteState } from './route.js';
import { SimulationError, type SimulationFault } from './simulation-error.js';
import { Timeline } from './timeline.js';
import { Trace } from './trace.js';

/** When the worlds begin: any time does, as long as it is always the same. */
const EPOCH_MS = Date.UTC(2030, 0, 1);

/** What a world is made of. */
export interface SimulationOptions extends NetworkOptions {
  /** What all chance follows from: an unsigned 32-bit integer. @default 1 */
  readonly seed?: number;
  /** What the clocks of people say at the beginning, in milliseconds since the Unix epoch. @default the year 2030 */
  readonly epochMs?: number;
  /** Lines of the trace that are kept. @default 200 */
  readonly traceLines?: number;
  /** Whether the hash of the trace is over what is sent, or only over how much. @default true */
  readonly hashBytes?: boolean;
}

/** How a host is made. */
export interface HostOptions {
  /** Its program, which runs at once, and again whenever the host starts again. */
  readonly boot?: Boot;
  /** The translation that it dials out through. @default none */
  readonly nat?: Nat;
}

/** How two hosts are cut off from each other. */
export type Cut = 'silently' | 'with-reset' | 'one-way' | 'unreachable';

const STATES: Readonly<Record<Cut, RouteState>> = {
  silently: 'silent',
  'one-way': 'silent',
  'with-reset': 'reset',
  unreachable: 'unreachable',
};

/**
 * A network of hosts in this process, with time of its own: the same seed and the same program have the same trace.
 *
 * note: time passes while `run`, `until` or `drive` is awaited, and at no other time.
 * note: what a world cannot know of makes a run another one: timers and randomness of the system, files, other processes,
 * and promises that settle for such reasons. Take time and chance from `host.config`.
 */
export class World {
  /** What all of its chance follows from. */
  readonly seed: number;
  /** What happened in it: a hash over all, and the last lines. */
  readonly trace: Trace;
  /** Chance for the scenario itself. */
  readonly random: Random;
  /** Time for the scenario itself: nothing is ever wrong with it. */
  readonly clock: Clock;
  readonly #timeline = new Timeline();
  readonly #net: Net;
  readonly #epochMs: number;
  readonly #hosts: SimHost[] = [];
  readonly #checks: { readonly what: string; readonly holds: () => unknown }[] = [];
  #entrance: ((host: SimHost) => Enter) | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** Made by `simulate`. @internal */
  constructor({
    seed = 1,
    epochMs = EPOCH_MS,
    traceLines = 200,
    hashBytes = true,
    ...network
  }: SimulationOptions) {
    if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
      throw new PeerError('P2P_ERR_INVALID_CONFIG', `\`seed\` is ${describe(seed)}`, {
        remedy: `give a whole number from 0 to ${2 ** 32 - 1}`,
      });
    }
    this.seed = seed;
    this.#epochMs = epochMs;
    this.trace = new Trace(traceLines, hashBytes);
    this.random = chanceOf(seed, 'scenario');
    const timeline = this.#timeline;
    this.clock = new ProcessClock(timeline, new HostClock(timeline, epochMs), new Incarnation(timeline));
    this.#net = new Net(seed, this.#timeline, resolveNetwork(network), this.trace);
  }

  /** Virtual time since the beginning, in milliseconds. */
  get nowMs(): number {
    return this.#timeline.nowMs;
  }

  /** Events so far. */
  get steps(): number {
    return this.#timeline.steps;
  }

  /** Its hosts, in the order in which they were made. */
  get hosts(): readonly SimHost[] {
    return this.#hosts;
  }

  /** Connections that somebody still has open. */
  get connections(): number {
    return this.#net.connections.size;
  }

  /** A host with an IP address, or several. */
  host(addresses: string | readonly string[], { boot, nat }: HostOptions = {}): SimHost {
    const options = { nat, boot, epochMs: this.#epochMs };
    const host = new SimHost(this.#net, [addresses].flat(), options);
    this.#net.add(host);
    this.#hosts.push(host);
    if (this.#entrance !== undefined) host.enterBy(this.#entrance);
    this.#boot(host);
    return host;
  }

  /** A translation of addresses, for the hosts of a private network. */
  nat(options: NatOptions): Nat {
    return new Nat(options);
  }

  /** What a name stands for from now on; nothing, where there is no address. */
  name(name: string, addresses: readonly string[]): void {
    this.#net.names.set(name.toLowerCase(), addresses);
  }

  // Faults:

  /** Hosts of different groups do not hear of each other any more, until `heal`. */
  partition(...groups: readonly (readonly SimHost[])[]): void {
    for (const [index, group] of groups.entries()) {
      for (const other of groups.slice(index + 1)) {
        for (const a of group) for (const b of other) this.cut(a, b, 'silently');
      }
    }
  }

  /**
   * Cuts the ways between two hosts, until `heal`.
   *
   * note: `'silently'`: what is sent vanishes, and nobody is told. `'one-way'`: only what `a` sends to `b`. `'with-reset'`: what
   * is in the way replies with resets to whoever sends something, as a firewall does. `'unreachable'`: it replies that nobody can be
   * reached, as a router does: a dial fails at once, a connection when its system gives up.
   */
  cut(a: SimHost, b: SimHost, how: Cut): void {
    this.note(`cut ${a.address} ${b.address} ${how}`);
    disturb(a, b);
    const state = STATES[how];
    this.#net.route(a, b).state = state;
    if (how !== 'one-way') this.#net.route(b, a).state = state;
  }

  /** Ends what `cut` and `partition` did, to two hosts or to all. What is waiting to be sent again is, when its time comes. */
  heal(a?: SimHost, b?: SimHost): void {
    if (a === undefined || b === undefined) {
      this.note('heal');
      disturb(...this.#hosts);
      for (const route of this.#net.routes()) route.state = 'open';
      return;
    }
    this.note(`heal ${a.address} ${b.address}`);
    disturb(a, b);
    this.#net.route(a, b).state = 'open';
    this.#net.route(b, a).state = 'open';
  }

  /** What `a` sends to `b` waits on its way, however long, until `release`. */
  hold(a: SimHost, b: SimHost): void {
    this.note(`hold ${a.address} ${b.address}`);
    disturb(a, b);
    this.#net.route(a, b).hold();
  }

  /** What waits on the way from `a` to `b` arrives now, in order. */
  release(a: SimHost, b: SimHost): void {
    this.note(`release ${a.address} ${b.address}`);
    disturb(a, b);
    for (const arrive of this.#net.route(a, b).release()) {
      this.#timeline.at(this.#timeline.nowMs, ORDER.network, arrive);
    }
  }

  /**
   * The program of a host is gone, in the middle of whatever it did. After a loss of power nobody is told, and what was
   * not synced to the disk is lost; where only the process dies, its system ends its connections.
   *
   * note: nodes of the program hear and do nothing any more, and what was asked of them stays pending.
   */
  crash(host: SimHost, how: Crash = 'power'): void {
    host.crash(how);
  }

  /** Starts a host again, with its program where it has one. */
  restart(host: SimHost, { disk = 'kept' }: { readonly disk?: 'kept' | 'lost' } = {}): void {
    host.restart(disk);
    this.#boot(host);
  }

  // What happens:

  /** Lets `duration` pass. @throws {SimulationError} when a check does not hold. */
  async run(duration: Duration): Promise<void> {
    await this.#timeline.run(this.nowMs + inMs(duration), () => this.#look());
  }

  /**
   * Runs until `condition` holds: it is looked at after every event.
   * @default limit '10 min'
   * @throws {SimulationError} when it does not hold in time, or a check does not.
   */
  async until(what: string, condition: () => boolean, limit: Duration = '10 min'): Promise<void> {
    const isOver = (): boolean => this.#look() || condition();
    const outcome = await this.#timeline.run(this.nowMs + inMs(limit), isOver);
    if (outcome !== 'over')
      throw this.#error(outcome === 'nothing' ? 'P2P_ERR_WORLD_STUCK' : 'P2P_ERR_WAITED_IN_VAIN', what);
  }

  /**
   * Runs until `work` has settled, and settles as it does.
   * @default limit '10 min'
   * @throws {SimulationError} when it does not settle in time, or a check does not hold.
   */
  async drive<T>(work: Promise<T> | (() => T | Promise<T>), limit: Duration = '10 min'): Promise<T> {
    let isSettled = false;
    const promise = typeof work === 'function' ? Promise.resolve().then(work) : work;
    const onSettled = (): void => {
      isSettled = true;
    };
    promise.then(onSettled, onSettled);
    await this.until('the work has settled', () => isSettled, limit);
    return promise;
  }

  /** Has `work` go on beside everything else. If it rejects, the run does. */
  spawn(work: () => unknown): void {
    Promise.resolve()
      .then(work)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      });
  }

  /** A promise for the moment `duration` from now. */
  sleep(duration: Duration): Promise<void> {
    return new Promise((resolve) => {
      this.#timeline.at(this.nowMs + inMs(duration), ORDER.timers, resolve);
    });
  }

  /** Holds `holds` to be true after every event: it must not return false, and not throw. */
  check(what: string, holds: () => unknown): void {
    this.#checks.push({ what, holds });
  }

  /** Writes a line of your own into the trace. */
  note(text: string): void {
    this.trace.note(this.nowMs, text);
  }

  /** Has all that processes of hosts do run in `entrance`, from now on. @internal */
  enterHosts(entrance: ((host: SimHost) => Enter) | undefined): void {
    this.#entrance = entrance;
    for (const host of this.#hosts) host.enterBy(entrance);
  }

  #boot(host: SimHost): void {
    const { boot, incarnation } = host;
    if (boot === undefined) return;
    this.spawn(async () => {
      try {
        await incarnation.within(() => boot(host));
      } catch (error) {
        if (incarnation.isAlive) throw error;
      }
    });
  }

  /** All is quiet, after an event. */
  #look(): boolean {
    if (this.#failure !== undefined) {
      const { error } = this.#failure;
      this.#failure = undefined;
      throw error;
    }
    for (const { what, holds } of this.#checks) {
      let result: unknown;
      try {
        result = holds();
      } catch (cause) {
        throw this.#error('P2P_ERR_CHECK_FAILED', what, cause);
      }
      if (result === false) throw this.#error('P2P_ERR_CHECK_FAILED', what);
    }
    return false;
  }

  #error(code: SimulationFault, what: string, cause?: unknown): SimulationError {
    const { seed, nowMs: timeMs } = this;
    return new SimulationError(code, what, { seed, timeMs, trace: this.trace.lines.slice(-20), cause });
  }
}

function disturb(...hosts: readonly SimHost[]): void {
  for (const host of hosts) host.disturb();
}

/** A world with nobody in it yet. @throws {PeerError} P2P_ERR_INVALID_CONFIG when an option is not in its range. */
export function simulate(options: SimulationOptions = {}): World {
  return new World(options);
}
