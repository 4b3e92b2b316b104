import { memoryTransport, tcpTransport, type Clock, type SocketAddress, type Transport } from '@pea2pea/core';
import type { Dice } from './dice.js';
import type { Crowd, Ground, Pace, Place } from './ground.js';
import { RealTime, VirtualTime, type ChaosTime } from './time.js';

const LOOPBACK = '127.0.0.1';

/** This process, which all nodes and strangers share. */
class Here implements Place {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly host = LOOPBACK;
  readonly isGone = false;
  readonly isAwake = true;
  readonly disturbances = 0;
  readonly #time: ChaosTime;

  constructor(transport: Transport, time: ChaosTime) {
    this.transport = transport;
    this.clock = time.clock;
    this.#time = time;
  }

  get stalledMs(): number {
    return this.#time.stalledMs;
  }

  stall(durationMs: number): void {
    this.#time.stall(durationMs);
  }

  localAddress(dice: Dice): string {
    return `127.0.0.${dice.integer(2, 4)}`;
  }

  localPort(): undefined {
    return undefined;
  }

  reach(address: SocketAddress): SocketAddress | string {
    return address.isWildcard ? `${LOOPBACK}:${address.port}` : address;
  }

  onGone(): void {}
}

/** The sockets of this machine, or pipes in its memory: one address for all, and nothing that goes wrong by itself. */
export class MachineGround implements Ground {
  readonly name: 'memory' | 'tcp';
  readonly time: ChaosTime;
  readonly pace: Pace = { workers: 16, company: 8, restMs: 40 };
  readonly #here: Here;

  constructor(name: 'memory' | 'tcp', time: 'real' | 'virtual') {
    if (time === 'virtual' && name === 'tcp') throw new Error('virtual time needs the memory transport');
    this.name = name;
    this.time = time === 'virtual' ? new VirtualTime() : new RealTime();
    this.#here = new Here(name === 'memory' ? memoryTransport() : tcpTransport(), this.time);
  }

  place(): Place {
    return this.#here;
  }

  stranger(): Place {
    return this.#here;
  }

  crowd(dice: Dice): Crowd {
    // The system has no IPv6 addresses to lend.
    const inGroup = this.name === 'memory' && dice.chance(0.5);
    return { place: this.#here, address: () => (inGroup ? oneOf64(dice) : '127.0.0.9') };
  }

  onRestart = (): void => {};

  note(): void {}
}

/** An address in one of three networks of 64 bits, which have their first 56 in common. */
function oneOf64(dice: Dice): string {
  return `2001:db8:0:${dice.integer(0, 2)}::${dice.integer(1, 0xffff).toString(16)}`;
}
