import { PeerError } from '@pea2pea/core';
import type { ServiceIdentifier } from 'inversify';
import { bindingsOf, nameOfService, needsOf, type PlannedService } from './container-inspection.js';

/**
 * Refuses a plan in which something that is kept for longer depends on what belongs to one connection: the first
 * connection's would be served to all that come after it.
 *
 * ```text
 *   session -> Audit (singleton) -> Clock -> Connection       refused
 *   session -> Audit (request, transient) -> Connection       fine: one for each connection
 * ```
 *
 * @param scoped the services that belong to one connection
 * @throws {PeerError} P2P_ERR_CAPTIVE_DEPENDENCY, naming the way from the singleton to the connection
 */
export function refuseCaptives(root: PlannedService, scoped: ReadonlySet<ServiceIdentifier>): void {
  /** The way from a service to a scoped one below it; undefined where there is none. */
  const ways = new Map<PlannedService, readonly string[] | undefined>();

  const wayFrom = (service: PlannedService): readonly string[] | undefined => {
    if (ways.has(service)) return ways.get(service);
    ways.set(service, undefined); // a circle leads back here
    const name = nameOfService(service.serviceIdentifier);
    let way: readonly string[] | undefined = scoped.has(service.serviceIdentifier) ? [name] : undefined;
    for (const planned of bindingsOf(service)) {
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
