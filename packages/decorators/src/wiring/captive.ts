import { PeerError } from '@pea2pea/core';
import { bindingsOf, nameOfService, needsOf, type PlannedService } from './container-inspection.js';

/**
 * Refuses a plan in which something that is kept for longer depends on what belongs to one connection: the first
 * connection's would be served to all that come after it. What belongs to one connection is bound in request scope:
 * the connection itself, its sessions, and whatever they share.
 *
 * ```text
 *   session -> Audit (singleton) -> Clock -> Connection       refused
 *   session -> Audit (request, transient) -> Connection       fine: one for each connection
 * ```
 *
 * @throws {PeerError} P2P_ERR_CAPTIVE_DEPENDENCY, naming the way from the singleton to the connection
 */
export function refuseCaptives(root: PlannedService): void {
  /** The way from a service to one below it that belongs to a connection; undefined where there is none. */
  const ways = new Map<PlannedService, readonly string[] | undefined>();

  const wayFrom = (service: PlannedService): readonly string[] | undefined => {
    if (ways.has(service)) return ways.get(service);
    ways.set(service, undefined); // a circle leads back here
    const name = nameOfService(service.serviceIdentifier);
    let way: readonly string[] | undefined;
    for (const planned of bindingsOf(service)) {
      if (planned.binding.scope === 'Request') way ??= [name];
      for (const need of needsOf(planned)) {
        const rest = wayFrom(need);
        if (rest === undefined) continue;
        way ??= [name, ...rest];
        if (planned.binding.scope === 'Singleton') throw captive([name, ...rest]);
      }
    }
    ways.set(service, way);
    return way;
  };

  wayFrom(root);
}

function captive(way: readonly string[]): PeerError {
  return new PeerError(
    'P2P_ERR_CAPTIVE_DEPENDENCY',
    `the singleton ${way[0]} depends on what belongs to one connection: ${way.join(' -> ')}`,
  );
}
