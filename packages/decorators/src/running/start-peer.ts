import { PeerError, PeerNode, type ListenOptions } from '@pea2pea/core';
import type { Container } from 'inversify';
import { decoratorError } from '../declarations/errors.js';
import { missingDependency } from '../declarations/dependencies.js';
import { requirePeer } from '../declarations/peer.js';
import { nameOfClass, type PeerClass } from '../declarations/peer-class.js';
import type { Blueprint } from '../wiring/blueprint.js';
import type { Part } from '../wiring/part.js';
import { PeerCaptives } from '../wiring/captive.js';
import { peerLayers, pluginLayers } from '../wiring/hook-layers.js';
import { MarkedMethods } from '../wiring/marked-methods.js';
import { BLUEPRINT } from '../wiring/peer-module.js';
import { isPlanningError, resolve } from '../wiring/resolve.js';
import { Sessions } from '../wiring/sessions.js';
import { UnmatchedMessages } from '../wiring/unmatched.js';
import type { ClassOf } from './node-of.js';
import { PeerHandle, type RunningPeer } from './peer-handle.js';
import { hostOf, within } from './within.js';

/** How a peer is started. */
export interface StartOptions {
  /**
   * Where to listen, at one place or several; false does not listen.
   * @default the `listen` of the configuration; none there, none at all
   */
  readonly listen?: ListenOptions | readonly ListenOptions[] | false;
}

/**
 * Brings up the peer of a container that has loaded its {@link peerModule}.
 *
 * ```text
 *   node -> plugins, in order -> peer -> hooks in force -> listening -> @OnStart: plugins, in order, then peer
 * ```
 *
 * note: bindings may be asynchronous.
 * note: constructors may keep the node, but must not listen or connect yet: hooks come after them. `@OnStart` is the
 * place for it.
 * note: if it fails half-way, what was started is stopped, in reverse, and the node closed. The container is yours:
 * close it after the handle.
 * @throws {PeerError} P2P_ERR_NOT_A_PEER, P2P_ERR_INVALID_DECORATOR, P2P_ERR_INVALID_CONFIG,
 * P2P_ERR_MISSING_DEPENDENCY when the container cannot resolve something (`cause` is its error),
 * P2P_ERR_CAPTIVE_DEPENDENCY when something outlives a connection that it depends on, or a singleton that peers share
 * depends on what belongs to this one,
 * P2P_ERR_ALREADY_STARTED when this container's peer was started before or a constructor used the node,
 * P2P_ERR_PLUGIN_ORDER and P2P_ERR_MISSING_PLUGIN when a plugin asks for another order or for one that is not there,
 * P2P_ERR_START_TIMEOUT when an `@OnStart` takes longer than `startTimeoutMs` of the configuration,
 * else as `PeerNode.listen`
 * @throws what a constructor, a `@postConstruct` of something that is made, or an `@OnStart` throws
 */
export async function startPeer<T extends object, Args extends readonly unknown[]>(
  container: Container,
  target: ClassOf<T, Args>,
  options: StartOptions = {},
): Promise<PeerHandle<T, Args>> {
  return new PeerHandle(await bringUp(container, target, options));
}

/** {@link startPeer}, without a handle. */
export async function bringUp<T extends object>(
  container: Container,
  target: PeerClass<T>,
  { listen }: StartOptions,
): Promise<RunningPeer<T>> {
  const blueprint = blueprintIn(container, target);
  const node: PeerNode<unknown> = await resolve(container, PeerNode<unknown>, blueprint.peer.name);
  claim(node, blueprint);
  const captives = new PeerCaptives(container);
  let sessions: Sessions | undefined;
  try {
    const instances = new Map<Part, object>();
    for (const part of [...blueprint.plugins, blueprint.peer]) {
      instances.set(part, await resolve(container, part.token, part.name));
    }
    const instanceOf = (part: Part): object => instances.get(part)!;
    sessions = sessionsIn(container, blueprint, node);
    const markedMethods = await resolve(container, MarkedMethods, blueprint.peer.name);
    markedMethods.connect(instanceOf, sessions);
    const unmatched = new UnmatchedMessages(blueprint.peer.name, blueprint.unmatched, node);
    const layers = [
      ...blueprint.plugins.flatMap((plugin) => pluginLayers(instanceOf(plugin), plugin)),
      ...peerLayers(
        instanceOf(blueprint.peer),
        blueprint.peer,
        sessions && { parts: blueprint.sessions, of: sessions },
        unmatched.take.bind(unmatched),
      ),
    ];
    for (const hooks of layers) node.use(hooks);
    await begin(node, listen);
    return { peer: instanceOf(blueprint.peer) as T, container, captives, node, unmatched, sessions };
  } catch (error) {
    await node.close();
    await within(
      hostOf(node),
      'disposing',
      node.config.closeTimeoutMs,
      sessions?.settled() ?? Promise.resolve(),
    );
    throw error;
  }
}

/** Listens where it is told to, then runs the `onStart` hooks. */
async function begin(node: PeerNode<unknown>, listen: StartOptions['listen']): Promise<void> {
  const places = listen === false ? [] : [listen ?? node.config.listen ?? []].flat();
  if (places.length === 0) await node.start();
  else if (listen === undefined) await node.listen();
  else await Promise.all(places.map((place) => node.listen(place)));
}

/** @throws {PeerError} P2P_ERR_NOT_A_PEER, P2P_ERR_MISSING_DEPENDENCY */
function blueprintIn(container: Container, target: PeerClass): Blueprint {
  requirePeer(target);
  const blueprint = container.isBound(BLUEPRINT) ? container.get<Blueprint>(BLUEPRINT) : undefined;
  if (blueprint?.peer.class === target) return blueprint;
  throw decoratorError(
    'P2P_ERR_MISSING_DEPENDENCY',
    `the container has not loaded peerModule(${nameOfClass(target)})`,
    { remedy: 'load it before startPeer()' },
  );
}

function sessionsIn(
  container: Container,
  { sessions: parts, peer }: Blueprint,
  node: PeerNode<unknown>,
): Sessions | undefined {
  if (parts.length === 0) return undefined;
  const log = (error: unknown, what: string): void => node.logger.error({ err: error }, what);
  try {
    const sessions = new Sessions(container, parts, log);
    sessions.check();
    return sessions;
  } catch (error) {
    throw isPlanningError(error) ? missingDependency(`the sessions of ${peer.name}`, error) : error;
  }
}

/** Nodes that have a peer. A second start would add the hooks twice, and its failure close the first. */
const claimed = new WeakSet<PeerNode<unknown>>();

function claim(node: PeerNode<unknown>, { peer }: Blueprint): void {
  if (claimed.has(node) || node.state !== 'idle') {
    throw new PeerError(
      'P2P_ERR_ALREADY_STARTED',
      `the node of ${peer.name} was started before from this container`,
    );
  }
  claimed.add(node);
}
