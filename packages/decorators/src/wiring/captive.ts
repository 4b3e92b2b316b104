import type { Container } from 'inversify';
import { decoratorError } from '../declarations/errors.js';
import {
  bindingsOf,
  inspect,
  nameOfService,
  needsOf,
  type PlannedBinding,
  type PlannedService,
} from './container-inspection.js';

/** What ends before others do, and who those others are. */
interface Lifetimes {
  /** Ends early: a connection, or a peer. */
  readonly endsEarly: (service: PlannedService, planned: PlannedBinding) => boolean;
  /** Is kept for longer, and would serve the first one's to all that come after it. */
  readonly isKept: (service: PlannedService, planned: PlannedBinding) => boolean;
  /** What the error says of it. `way` leads from what is kept to what ends early. */
  readonly refusal: (way: readonly string[]) => string;
  readonly remedy: string;
}

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
export function refuseCaptivesOfConnections(root: PlannedService): void {
  refuse(root, {
    endsEarly: (_, { binding }) => binding.scope === 'Request',
    isKept: (_, { binding }) => binding.scope === 'Singleton',
    refusal: (way) =>
      `the singleton ${way[0]} depends on what belongs to one connection: ${way.join(' -> ')}`,
    remedy:
      'bind it inRequestScope(), to have one for each connection, or hand the connection over as an argument',
  });
}

/**
 * Refuses a plan in which a singleton of a parent, which all peers share, depends on what the container of one peer
 * binds: its node, its plugins, the peer itself.
 *
 * ```text
 *   ChatPeer -> Directory (singleton of the parent) -> PeerNode     refused: the next peer would be given this one's node
 *   ChatPeer -> Directory (singleton of the peer, transient) -> PeerNode     fine: one for each peer
 * ```
 *
 * @throws {PeerError} P2P_ERR_CAPTIVE_DEPENDENCY, naming the way from the singleton to what the peer binds
 */
export function refuseCaptivesOfPeers(root: PlannedService, ofPeer: Container): void {
  const isOwn = ({ serviceIdentifier }: PlannedService): boolean => ofPeer.isCurrentBound(serviceIdentifier);
  refuse(root, {
    endsEarly: isOwn,
    isKept: (service, { binding }) => binding.scope === 'Singleton' && !isOwn(service),
    refusal: (way) =>
      `the singleton ${way[0]} is shared by peers and depends on what belongs to one of them: ${way.join(' -> ')}`,
    remedy: 'bind it for this peer alone (`bindings`), or as a transient',
  });
}

/** Refuses the captives of the peer of `container` in whatever is got from it, from now on. */
export class PeerCaptives {
  readonly #refused = new Map<unknown, unknown>();

  constructor(container: Container) {
    inspect(container).onPlan((root) => {
      try {
        refuseCaptivesOfPeers(root, container);
      } catch (error) {
        // inversify keeps the plan and would follow it the next time.
        this.#refused.set(root.serviceIdentifier, error);
        throw error;
      }
    });
  }

  /** @throws {PeerError} P2P_ERR_CAPTIVE_DEPENDENCY where `service` was refused before */
  check(service: unknown): void {
    if (this.#refused.has(service)) throw this.#refused.get(service);
  }
}

function refuse(root: PlannedService, { endsEarly, isKept, refusal, remedy }: Lifetimes): void {
  /** The way from a service to one below it that ends early; undefined where there is none. */
  const ways = new Map<PlannedService, readonly string[] | undefined>();

  const wayFrom = (service: PlannedService): readonly string[] | undefined => {
    if (ways.has(service)) return ways.get(service);
    ways.set(service, undefined); // a circle leads back here
    const name = nameOfService(service.serviceIdentifier);
    let way: readonly string[] | undefined;
    for (const planned of bindingsOf(service)) {
      if (endsEarly(service, planned)) way ??= [name];
      for (const need of needsOf(planned)) {
        const rest = wayFrom(need);
        if (rest === undefined) continue;
        way ??= [name, ...rest];
        if (isKept(service, planned))
          throw decoratorError('P2P_ERR_CAPTIVE_DEPENDENCY', refusal([name, ...rest]), { remedy });
      }
    }
    ways.set(service, way);
    return way;
  };

  wayFrom(root);
}
