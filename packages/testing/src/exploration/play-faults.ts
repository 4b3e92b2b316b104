import type { SimHost } from '../simulation/host.js';
import type { World } from '../simulation/world.js';
import type { Fault } from './faults.js';

/** Has the faults of a plan happen in `world`, from now on. */
export function playFaults(world: World, plan: readonly Fault[]): void {
  for (const fault of plan) {
    world.spawn(async () => {
      await world.sleep(fault.atMs);
      const end = begin(world, fault);
      await world.sleep(fault.forMs);
      end();
    });
  }
}

/** Begins a fault; what is returned ends it. */
function begin(world: World, fault: Fault): () => void {
  const { hosts } = world;
  if (hosts.length === 0) return () => {};
  const at = (place: number): SimHost => hosts[Math.min(Math.floor(place * hosts.length), hosts.length - 1)]!;
  const host = at(fault.host);
  switch (fault.kind) {
    case 'cut': {
      const other = at(fault.other);
      if (other === host) return () => {};
      world.cut(host, other, fault.how);
      return () => world.heal(host, other);
    }
    case 'hold': {
      const other = at(fault.other);
      world.hold(host, other);
      return () => world.release(host, other);
    }
    case 'partition': {
      // From `host` on, in a circle: any two neighbours may be parted.
      const first = hosts.indexOf(host);
      const size = Math.max(1, Math.min(hosts.length - 1, Math.round(fault.share * hosts.length)));
      const isIn = (index: number): boolean => (index - first + hosts.length) % hosts.length < size;
      const [group, rest] = [
        hosts.filter((_, index) => isIn(index)),
        hosts.filter((_, index) => !isIn(index)),
      ];
      world.partition(group, rest);
      return () => {
        for (const a of group) for (const b of rest) world.heal(a, b);
      };
    }
    case 'crash':
      world.crash(host, fault.how);
      return () => {
        if (!host.incarnation.isAlive) world.restart(host, { disk: fault.disk });
      };
    case 'stall':
      host.stall(fault.forMs);
      return () => {};
    case 'suspend':
      host.suspend();
      return () => host.resume();
    case 'drift':
      host.clock.drift(fault.rate);
      return () => host.clock.drift(1);
    case 'jump':
      host.clock.jump(fault.byMs);
      return () => host.clock.jump(-fault.byMs);
  }
}
