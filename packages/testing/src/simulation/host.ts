import { SocketAddress, type Clock, type Logger, type Random, type Transport } from '@pea2pea/core';
import { recordingLogger, type LogLine } from '../logs.js';
import { chanceOf } from './chance.js';
import { SimDisk } from './disk.js';
import { HostClock } from './host-clock.js';
import { HostTransport } from './host-transport.js';
import { Incarnation, type Enter } from './incarnation.js';
import type { Machine } from './machine.js';
import type { Nat } from './nat.js';
import type { Net } from './net.js';
import { Ports } from './ports.js';
import { ProcessClock } from './process-clock.js';
import { inMs, type Duration } from './quantities.js';
import { subject, type Subject } from './trace.js';

/** What of a configuration a node of a simulated host needs. */
export interface HostConfig {
  /** The network, as this host has it. */
  readonly transport: Transport;
  /** The clock of the host, on which the timers of its process run. */
  readonly clock: Clock;
  /** Chance that follows from the seed of the world and the address of the host. */
  readonly random: Random;
  /** Writes down what nodes log, in {@link SimHost.log}. */
  readonly logger: Logger;
}

/** Says what has the program of a host run: at its start, and whenever it starts again. */
export type Boot = (host: SimHost) => void | Promise<void>;

/** How a crash comes: the process alone dies and the system ends its connections, or the machine loses its power. */
export type Crash = 'process' | 'power';

/** A machine of a simulated network. */
export class SimHost implements Machine {
  /** All IP addresses that it has. */
  readonly addresses: readonly string[];
  /** Its name in a trace. @internal */
  readonly subject: Subject;
  /** The translation that it dials out through, if there is one. */
  readonly nat: Nat | undefined;
  /** Its TCP ports. @internal */
  readonly ports: Ports;
  /** Its clock, and what can be wrong with it. */
  readonly clock: HostClock;
  /** What it keeps over restarts of its process. */
  readonly disk = new SimDisk();
  /** What its nodes logged. */
  readonly log: LogLine[] = [];
  /** Its program, if it was made with one. */
  readonly boot: Boot | undefined;
  readonly #net: Net;
  #incarnation!: Incarnation;
  #config!: HostConfig;
  #state: 'up' | 'asleep' | 'down' = 'up';
  #starts = 0;
  #isPlugged = true;
  #disturbances = 0;
  #entrance: ((host: SimHost) => Enter) | undefined;

  /** @internal */
  constructor(
    net: Net,
    addresses: readonly string[],
    options: { readonly nat: Nat | undefined; readonly epochMs: number; readonly boot: Boot | undefined },
  ) {
    this.#net = net;
    this.addresses = addresses.map((address) => new SocketAddress(address, 0).host);
    this.subject = subject(this.address);
    this.nat = options.nat;
    this.boot = options.boot;
    this.ports = new Ports(net.timeline, net.network.timeWaitMs);
    this.clock = new HostClock(net.timeline, options.epochMs);
    this.#start();
  }

  /** The first of its addresses. */
  get address(): string {
    return this.addresses[0]!;
  }

  /** Whether it has power and is awake. */
  get isUp(): boolean {
    return this.#state === 'up';
  }

  /** Whether a cable is in it. */
  get isPlugged(): boolean {
    return this.#isPlugged;
  }

  /** How often something began or ended, at it or on one of its ways, that those who deal with it may notice. */
  get disturbances(): number {
    return this.#disturbances;
  }

  /** Something began or ended at it, or on one of its ways. @internal */
  disturb(): void {
    this.#disturbances++;
  }

  /** For nodes of the process that runs now: transport, clock, randomness and logger. */
  get config(): HostConfig {
    return this.#config;
  }

  /** The run of its process that goes on now. @internal */
  get incarnation(): Incarnation {
    return this.#incarnation;
  }

  /** The process stands still, as in a handler that computes for long. Its system goes on receiving. */
  stall(duration: Duration): void {
    this.#net.note('fault', this.subject, 1);
    this.#incarnation.standStill(inMs(duration));
  }

  /** Closes the lid: the process and its clock stand still, and nothing reaches the machine. */
  suspend(): void {
    if (this.#state !== 'up') return;
    this.#net.note('fault', this.subject, 2);
    this.disturb();
    this.#become('asleep');
    this.clock.stop();
    this.#incarnation.standStill(Infinity);
  }

  /** Opens the lid. Harmless where it is open. */
  resume(): void {
    if (this.#state !== 'asleep') return;
    this.#net.note('fault', this.subject, 3);
    this.disturb();
    this.#become('up');
    this.clock.start();
    this.#incarnation.goOn();
  }

  /** Pulls the cable: dials fail at once, and connections are as if they were cut silently. */
  unplug(): void {
    this.#net.note('fault', this.subject, 7);
    this.disturb();
    this.#isPlugged = false;
    this.#net.lookAt(this);
  }

  /** Puts the cable back in. Harmless where it is. */
  plug(): void {
    this.#net.note('fault', this.subject, 8);
    this.disturb();
    this.#isPlugged = true;
    this.#net.lookAt(this);
  }

  /** Has all that its processes do run in `entrance`, from now on; see `fakeGlobals`. @internal */
  enterBy(entrance: ((host: SimHost) => Enter) | undefined): void {
    this.#entrance = entrance;
    this.#incarnation.enter = entrance?.(this);
  }

  /** Called by `world.crash`. @internal */
  crash(how: Crash): void {
    if (this.#state === 'down' || !this.#incarnation.isAlive) return;
    this.#net.note('fault', this.subject, how === 'power' ? 4 : 5);
    this.disturb();
    this.#incarnation.crash();
    this.clock.forgetAll();
    for (const { dialler, listener } of this.#net.connections) {
      for (const endpoint of [dialler, listener]) {
        if (endpoint.incarnation !== this.#incarnation) continue;
        if (how === 'process') endpoint.close();
        else endpoint.vanish();
      }
    }
    if (how === 'process') {
      this.ports.clearProcess();
      return;
    }
    this.#become('down');
    this.ports.clear();
    this.disk.losePower();
  }

  /** Called by `world.restart`. @internal */
  restart(disk: 'kept' | 'lost'): void {
    this.crash('process');
    this.#net.note('fault', this.subject, 6);
    this.disturb();
    if (disk === 'lost') this.disk.wipe();
    this.#become('up');
    this.clock.start();
    this.#start();
  }

  #become(state: 'up' | 'asleep' | 'down'): void {
    this.#state = state;
    this.#net.lookAt(this);
  }

  #start(): void {
    this.#starts++;
    this.#incarnation = new Incarnation(this.#net.timeline);
    this.#config = {
      transport: new HostTransport(this.#net, this, this.#incarnation),
      clock: new ProcessClock(this.#net.timeline, this.clock, this.#incarnation),
      random: chanceOf(this.#net.seed, `host ${this.address} ${this.#starts}`),
      logger: recordingLogger(this.log),
    };
    this.#incarnation.enter = this.#entrance?.(this);
  }
}
