import { DEFAULTS, PeerError, type Clock, type CloseReport, type Logger } from '@pea2pea/core';
import { Life, requireMethods, requireTimeout } from '@pea2pea/core/authoring';
import type { Container, ContainerModule, ServiceIdentifier } from 'inversify';
import type { PeerClass } from '../declarations/peer-class.js';
import { eachDespiteErrors } from '../wiring/each-despite-errors.js';
import { lifeLayers } from '../wiring/hook-layers.js';
import { nameOfService } from '../wiring/container-inspection.js';
import { OwnContainer, type Override } from '../wiring/own-container.js';
import { resolve } from '../wiring/resolve.js';
import { AppHandle } from './app-handle.js';
import { AppPeers } from './app-peers.js';
import { createPeer, type CreatePeerOptions } from './create-peer.js';
import { hostWithoutNode, within } from './within.js';

/** A peer of an application, with options of its own. */
export interface AppPeer extends Omit<CreatePeerOptions, 'container'> {
  /** The class with `@Peer`. */
  readonly peer: PeerClass;
}

/** What an application is made of. */
export interface CreateAppOptions {
  /** Started in this order, each when the one before is up; closed in the reverse order. */
  readonly peers: readonly (PeerClass | AppPeer)[];
  /**
   * Services that have a life of their own, such as an HTTP server: made when the peers are up, in this order, then their
   * `@OnStart` methods run. Bind them as singletons in `bindings`.
   * @default none
   */
  readonly services?: readonly ServiceIdentifier<object>[];
  /** Bindings that the peers and services share; what they make ends with the application. @default none */
  readonly bindings?: ContainerModule | readonly ContainerModule[];
  /** What stands in for services, wherever they are bound, in a test. @default none */
  readonly overrides?: readonly Override[];
  /** Where more is bound. Nothing is bound in it and nothing of it is disposed of. @default an empty one */
  readonly container?: Container;
  /** How long each `@OnStart` of a service may take, in milliseconds; of a peer, its configuration says. @default 30000 */
  readonly startTimeoutMs?: number;
  /** Times the starts and ends of services; peers have the one of their configuration. @default systemClock */
  readonly clock?: Clock;
  /** Is told of what goes wrong as the application ends; peers have the one of their configuration. @default defaultLogger */
  readonly logger?: Logger;
}

/**
 * Brings up several peers and the services around them, as one thing with one end.
 *
 * ```ts
 * await using app = await createApp({
 *   bindings: new ContainerModule(({ bind }) => {
 *     bind(Rooms).toSelf().inSingletonScope();
 *     bind(HttpSide).toSelf().inSingletonScope();
 *   }),
 *   peers: [ChatPeer, { peer: StatusPeer, listen: { host: '127.0.0.1', port: 0 } }],
 *   services: [HttpSide],
 * });
 * app.closeOn('SIGINT', 'SIGTERM');
 * await app.closed;
 * ```
 *
 * Peers live in containers of their own, below that of the application: they share its singletons. Its services may
 * inject a peer by its class, and a peer's handle by {@link handleOf}, once that peer is up.
 *
 * note: what a container makes may be asynchronous (`toDynamicValue(async …)`, `@postConstruct`): it is awaited where it
 * is needed first.
 * note: if it fails half-way, what was started is ended in the order of `close`, and nothing is left.
 * @throws {PeerError} P2P_ERR_NOT_A_PEER when a peer is listed twice; P2P_ERR_INVALID_CONFIG when a service is, or is
 * not a singleton; else as {@link createPeer}
 * @throws what a constructor, a `@postConstruct` of something that is made, or an `@OnStart` throws
 */
export async function createApp({
  peers,
  services = [],
  bindings = [],
  overrides = [],
  container: parent,
  startTimeoutMs = DEFAULTS.startTimeoutMs,
  clock,
  logger,
}: CreateAppOptions): Promise<AppHandle> {
  requireTimeout('startTimeoutMs', startTimeoutMs);
  checkParts(clock, logger);
  const host = hostWithoutNode('app', { clock, logger });
  const own = new OwnContainer(parent);
  const appPeers = new AppPeers(peers.map((use) => (typeof use === 'function' ? use : use.peer)));
  const lives: { readonly service: ServiceIdentifier; readonly life: Life }[] = [];

  const stop = async (options: { readonly timeoutMs?: number }): Promise<CloseReport[]> => {
    const { timeoutMs = host.closeTimeoutMs } = options;
    const inTime = (disposal: Promise<void>): Promise<void> => within(host, 'disposing', timeoutMs, disposal);
    const reports: CloseReport[] = [];
    await eachDespiteErrors([
      ...lives.toReversed().flatMap(({ service, life }) => [
        async () => {
          const stopped = await life.stop(timeoutMs);
          if (stopped !== undefined && stopped.errors.length > 0) throw stopped.errors[0];
        },
        () => inTime(own.disposeOf(service)),
      ]),
      ...appPeers
        .started()
        .reverse()
        .map((handle) => async () => void reports.unshift(await handle.close(options))),
      () => inTime(own.dispose()),
    ]);
    return reports;
  };

  try {
    await own.load(...[bindings].flat());
    await own.load(appPeers.bindings());
    for (const stand of overrides) own.override(stand);
    checkServices(services, own);
    for (const use of peers) {
      const { peer, ...options } = typeof use === 'function' ? { peer: use } : use;
      const all = [...overrides, ...(options.overrides ?? [])];
      appPeers.add(peer, await createPeer(peer, { ...options, overrides: all, container: own.container }));
    }
    for (const service of services) {
      const instance: object = await resolve(own.container, service, nameOfService(service));
      const life = new Life(host.clock, host.logger, startTimeoutMs);
      lives.push({ service, life });
      await life.start(lifeLayers(instance));
    }
    return new AppHandle({ container: own.container, handles: appPeers.handles, logger: host.logger, stop });
  } catch (error) {
    // The first error is the one to know; one that ending throws adds nothing.
    await stop({}).catch(() => undefined);
    throw error;
  }
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG */
function checkParts(clock: Clock | undefined, logger: Logger | undefined): void {
  if (clock !== undefined) requireMethods('clock', clock, ['now', 'date', 'setTimeout', 'nextTurn']);
  if (logger !== undefined) requireMethods('logger', logger, ['debug', 'info', 'warn', 'error', 'child']);
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG */
function checkServices(services: readonly ServiceIdentifier[], own: OwnContainer): void {
  services.forEach((service, index) => {
    const name = nameOfService(service);
    if (services.indexOf(service) !== index) {
      throw new PeerError('P2P_ERR_INVALID_CONFIG', `\`services\` lists ${name} twice`);
    }
    if (!own.container.isCurrentBound(service) || own.hasSingleton(service)) return;
    throw new PeerError(
      'P2P_ERR_INVALID_CONFIG',
      `the service ${name} has to be a singleton, or another one than the started one would be injected`,
    );
  });
}
