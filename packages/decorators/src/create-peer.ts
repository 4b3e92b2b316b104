import { Container } from 'inversify';
import type { PeerClass } from './peer-class.js';
import { PeerHandle } from './peer-handle.js';
import { peerModule } from './peer-module.js';
import type { PeerConfig } from './peer-options.js';
import { bringUp, type StartOptions } from './start-peer.js';

/** How a peer is created. */
export interface CreatePeerOptions extends StartOptions {
  /** Where the peer's dependencies are bound. Nothing is bound in it: the peer lives in a child. @default an empty one */
  readonly container?: Container;
  /** Overrides the options of `@Peer`, one by one: `config: { transport: memoryTransport() }` in a test. */
  readonly config?: PeerConfig;
}

/**
 * Makes a peer and its node, and listens where it is told to: everything from an annotated class to a
 * running node in one call.
 *
 * ```ts
 * await using bob = await createPeer(ChatPeer, { container });
 * const connection = await bob.node.connect('127.0.0.1:4000');
 * ```
 *
 * It works in a child of the given container, so one container serves any number of peers: they share its
 * singletons, and each has a node and an instance of its own.
 *
 * note: closing the handle closes the node, then disposes of what the child made (`@preDestroy` of the peer). What the
 * given container holds is not touched.
 * note: a singleton of the given container that injects `PeerNode` gets, and keeps, that of the first peer that
 * asks for it. Inject `PeerNode` in the peer, or bind such a service transient.
 * note: the constructor of the peer may keep the node, but must not listen or connect yet: hooks come after it.
 * note: if it fails half-way, nothing of it is left.
 * @throws {PeerError} P2P_ERR_NOT_A_PEER, P2P_ERR_MISSING_CODEC, P2P_ERR_INVALID_DECORATOR, P2P_ERR_INVALID_CONFIG,
 * P2P_ERR_MISSING_DEPENDENCY, P2P_ERR_ALREADY_STARTED, else as `PeerNode.listen`
 * @throws what the constructor or a `@postConstruct` of something that is made throws
 */
export async function createPeer<T extends object>(
  target: PeerClass<T>,
  { container, config, ...start }: CreatePeerOptions = {},
): Promise<PeerHandle<T>> {
  const child = new Container(container && { parent: container });
  const dispose = (): Promise<void> => child.unbindAllAsync();
  try {
    await child.loadAsync(peerModule(target, config));
    return new PeerHandle(await bringUp(child, target, start), dispose);
  } catch (error) {
    // The first error is the one to know; a `@preDestroy` that throws after it adds nothing.
    await dispose().catch(() => undefined);
    throw error;
  }
}
