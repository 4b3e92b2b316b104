import { PeerError, PeerNode, type ListenOptions } from '@pea2pea/core';
import type { Container, Newable, ServiceIdentifier } from 'inversify';
import { blueprintOf } from './blueprint.js';
import { missingDependency } from './dependencies.js';
import { nameOfClass, type PeerClass } from './peer-class.js';
import { PeerHandle, type RunningPeer } from './peer-handle.js';
import { peerHooks } from './peer-hooks.js';
import { UnmatchedMessages } from './unmatched.js';

/** How a peer is started. */
export interface StartOptions {
  /**
   * Where to listen; false does not listen.
   * @default the `listen` of the configuration; none there, none at all
   */
  readonly listen?: ListenOptions | false;
}

/**
 * Brings up the peer of a container that has loaded its {@link peerModule}: makes the node, then the peer (the node
 * may be injected in it), adds the peer's hooks to the node, and listens where it is told to.
 *
 * note: bindings may be asynchronous.
 * note: the constructor of the peer may keep the node, but must not listen or connect yet: hooks come after it.
 * note: if it fails half-way, the node is closed again. The container is yours: close it after the handle.
 * @throws {PeerError} P2P_ERR_NOT_A_PEER, P2P_ERR_INVALID_DECORATOR, P2P_ERR_INVALID_CONFIG,
 * P2P_ERR_MISSING_DEPENDENCY when the container cannot resolve something (`cause` is its error),
 * P2P_ERR_ALREADY_STARTED when this container's peer was started before or its constructor used the node,
 * else as `PeerNode.listen`
 * @throws what the constructor or a `@postConstruct` of something that is made throws
 */
export async function startPeer<T extends object>(
  container: Container,
  target: PeerClass<T>,
  options: StartOptions = {},
): Promise<PeerHandle<T>> {
  return new PeerHandle(await bringUp(container, target, options));
}

/** {@link startPeer}, without a handle. */
export async function bringUp<T extends object>(
  container: Container,
  target: PeerClass<T>,
  { listen }: StartOptions,
): Promise<RunningPeer<T>> {
  const { methods, unmatched: whenUnmatched } = blueprintOf(target);
  const node: PeerNode<unknown> = await resolve(container, PeerNode<unknown>, target);
  claim(node, target);
  try {
    const peer = await resolve(container, target as Newable<T>, target);
    const unmatched = new UnmatchedMessages(nameOfClass(target), whenUnmatched, node);
    for (const hooks of peerHooks(peer, methods, unmatched)) node.use(hooks);
    if (listen !== false && (listen ?? node.config.listen) !== undefined) await node.listen(listen);
    return { peer, node, unmatched };
  } catch (error) {
    await node.close();
    throw error;
  }
}

/** Nodes that have a peer. A second start would add the hooks twice, and its failure close the first. */
const claimed = new WeakSet<PeerNode<unknown>>();

function claim(node: PeerNode<unknown>, target: PeerClass): void {
  if (claimed.has(node) || node.state !== 'idle') {
    throw new PeerError(
      'P2P_ERR_ALREADY_STARTED',
      `the node of ${nameOfClass(target)} was started before from this container`,
    );
  }
  claimed.add(node);
}

async function resolve<S>(
  container: Container,
  service: ServiceIdentifier<S>,
  target: PeerClass,
): Promise<S> {
  try {
    return await container.getAsync(service);
  } catch (error) {
    throw isPlanningError(error) ? missingDependency(target, error) : error;
  }
}

/**
 * Whether inversify could not work out how to make something, in contrast to something that threw while it was
 * made. inversify exports neither its class of errors nor their kinds; the mark is registered under this name so
 * that it can be found.
 */
function isPlanningError(error: unknown): boolean {
  const { [INVERSIFY_ERROR]: isInversify, kind } = Object(error) as {
    [INVERSIFY_ERROR]?: true;
    kind?: unknown;
  };
  return isInversify === true && kind !== RESOLUTION;
}

const INVERSIFY_ERROR = Symbol.for('@inversifyjs/core/InversifyCoreError');
/** The kind of error that wraps what a `@postConstruct` threw. */
const RESOLUTION = 4;
