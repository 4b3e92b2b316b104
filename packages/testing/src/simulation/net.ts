import { PeerError } from '@pea2pea/core';
import type { SocketAddress } from '@pea2pea/core';
import { between, chanceOf } from './chance.js';
import type { Endpoint } from './endpoint.js';
import type { Machine } from './machine.js';
import type { Network } from './network-options.js';
import { Route } from './route.js';
import type { Timeline } from './timeline.js';
import type { Happening, Subject, Trace } from './trace.js';

/** A connection, as those know it who have something happen to it. */
export interface Crossing {
  readonly hosts: readonly [Machine, Machine];
  readonly dialler: Endpoint;
  readonly listener: Endpoint;
}

/** What all hosts of a world share: the ways between them, the names, and what happened. */
export class Net {
  readonly seed: number;
  readonly timeline: Timeline;
  readonly network: Network;
  readonly connections = new Set<Crossing>();
  readonly names = new Map<string, readonly string[]>();
  readonly #trace: Trace;
  readonly #machines = new Map<string, Machine>();
  readonly #routes = new Map<Machine, Map<Machine, Route>>();

  constructor(seed: number, timeline: Timeline, network: Network, trace: Trace) {
    this.seed = seed;
    this.timeline = timeline;
    this.network = network;
    this.#trace = trace;
  }

  /** Writes down what happened. */
  note(what: Happening, who: Subject, value?: number, bytes?: Uint8Array): void {
    this.#trace.add(this.timeline.nowMs, what, who, value, bytes);
  }

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG when another host has one of its addresses. */
  add(machine: Machine): void {
    for (const address of machine.addresses) {
      if (this.#machines.has(address))
        throw new PeerError('P2P_ERR_INVALID_CONFIG', `there is a host ${address} already`, {
          remedy: 'give each host addresses of its own',
        });
    }
    for (const address of machine.addresses) this.#machines.set(address, machine);
  }

  /** The host that `from` reaches at `address`, if there is one. */
  find(from: Machine, address: SocketAddress): Machine | undefined {
    if (address.isLoopback) return from;
    const machine = this.#machines.get(address.host);
    // Nobody dials into a private network.
    return machine?.nat === undefined || machine.nat === from.nat ? machine : undefined;
  }

  route(from: Machine, to: Machine): Route {
    let routes = this.#routes.get(from);
    if (routes === undefined) this.#routes.set(from, (routes = new Map<Machine, Route>()));
    let route = routes.get(to);
    if (route === undefined) routes.set(to, (route = this.#makeRoute(from, to)));
    return route;
  }

  /** `machine` has come up, or gone down. */
  lookAt(machine: Machine): void {
    for (const route of this.routes()) if (route.from === machine || route.to === machine) route.look();
  }

  /** Every way that was used or changed so far. */
  *routes(): Iterable<Route> {
    for (const routes of this.#routes.values()) yield* routes.values();
  }

  /** Both ways are as long. */
  #makeRoute(from: Machine, to: Machine): Route {
    const names = [from.subject.name, to.subject.name];
    const random = chanceOf(this.seed, `way ${names.join(' ')}`);
    if (from === to) return new Route(from, to, this.network, random, undefined);
    const pair = chanceOf(this.seed, `distance ${names.sort().join(' ')}`);
    return new Route(from, to, this.network, random, between(pair, this.network.latencyMs));
  }
}
