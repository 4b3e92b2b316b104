import { PeerError } from '@pea2pea/core';
import type { Container, ContainerModule } from 'inversify';
import { nameOfClass } from '../declarations/peer-class.js';
import type { PeerConfig } from '../declarations/peer.js';
import type { ListedPlugin } from '../declarations/plugin.js';
import type { Blueprint } from '../wiring/blueprint.js';
import { OwnContainer, type Override } from '../wiring/own-container.js';
import { BLUEPRINT, peerModule } from '../wiring/peer-module.js';
import type { ClassOf } from './node-of.js';
import { PeerHandle } from './peer-handle.js';
import { bringUp, type StartOptions } from './start-peer.js';
import { hostWithoutNode, within } from './within.js';

/** How a peer is created. */
export interface CreatePeerOptions extends StartOptions {
  /** Where the peer's dependencies are bound. Nothing is bound in it: the peer lives in a child. @default an empty one */
  readonly container?: Container;
  /** Bindings for this peer alone: these services end with the peer. @default none */
  readonly bindings?: ContainerModule;
  /**
   * What stands in for services, wherever they are bound: `[override(Store, fakeStore)]` in a test.
   *
   * note: a singleton of the given container that depends on one of them is refused, P2P_ERR_CAPTIVE_DEPENDENCY: it would
   * keep the stand-in. Override the singleton, or bind it in `bindings`.
   * @default none
   */
  readonly overrides?: readonly Override[];
  /** Overrides the options of `@Peer`, one by one: `config: { transport: memoryTransport() }` in a test. */
  readonly config?: PeerConfig;
  /**
   * Further plugins, which run after those of `@Peer`. One of a class that is listed there takes its place, with these
   * options.
   * @default none
   */
  readonly plugins?: readonly ListedPlugin[];
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
 * singletons, and each has a node and an instance of its own. {@link createApp} brings up several with one end.
 *
 * note: closing the handle closes the node, then disposes of what the child made: the peer, its plugins, and what
 * `bindings` made, in the reverse order of their making. What the given container holds is not touched.
 * note: a singleton of the given container that injects `PeerNode`, itself or through others, is refused: it would keep
 * the node of the first peer and serve it to all others. Bind it in `bindings`, or as a transient.
 * note: constructors may keep the node, but must not listen or connect yet: hooks come after them. `@OnStart` is the
 * place for it.
 * note: if it fails half-way, nothing of it is left.
 * @throws {PeerError} P2P_ERR_NOT_A_PEER, P2P_ERR_MISSING_CODEC, P2P_ERR_INVALID_DECORATOR, P2P_ERR_INVALID_PLUGIN,
 * P2P_ERR_PLUGIN_ORDER, P2P_ERR_MISSING_PLUGIN, P2P_ERR_INVALID_SESSION, P2P_ERR_INVALID_CONFIG, P2P_ERR_MISSING_DEPENDENCY, P2P_ERR_CAPTIVE_DEPENDENCY,
 * P2P_ERR_ALREADY_STARTED, else as `PeerNode.listen`
 * @throws what a constructor, a `@postConstruct` of something that is made, or an `@OnStart` throws
 */
export async function createPeer<T extends object, Args extends readonly unknown[]>(
  target: ClassOf<T, Args>,
  { container, bindings, overrides = [], config, plugins, ...start }: CreatePeerOptions = {},
): Promise<PeerHandle<T, Args>> {
  const own = new OwnContainer(container);
  try {
    const module = peerModule(target, config, plugins);
    await own.load(...(bindings === undefined ? [module] : [module, bindings]));
    for (const stand of overrides) {
      refuseOverrideOf(stand, own.container);
      own.override(stand);
    }
    return new PeerHandle(await bringUp(own.container, target, start), () => own.dispose());
  } catch (error) {
    // The first error is the one to know; one that disposing throws adds nothing.
    const host = hostWithoutNode(nameOfClass(target), config ?? {});
    await within(host, 'disposing', host.closeTimeoutMs, own.dispose()).catch(() => undefined);
    throw error;
  }
}

/** What the peer itself is made of has hooks, which a stand-in would not have. */
function refuseOverrideOf({ service }: Override, container: Container): void {
  const { peer, plugins, sessions } = container.get<Blueprint>(BLUEPRINT);
  const part = [peer, ...plugins, ...sessions].find((each) => each.class === service);
  if (part === undefined) return;
  throw new PeerError(
    'P2P_ERR_INVALID_CONFIG',
    `${part.name} is part of ${peer.name}, with hooks of its own, and has no stand-in`,
    { remedy: 'override what it injects' },
  );
}
