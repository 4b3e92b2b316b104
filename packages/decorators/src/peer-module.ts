import { PeerError, PeerNode, type NodeConfig } from '@pea2pea/core';
import { ContainerModule, type Newable } from 'inversify';
import { blueprintOf } from './blueprint.js';
import { missingDependency } from './dependencies.js';
import { nameOfClass, type PeerClass } from './peer-class.js';
import type { PeerConfig } from './peer-options.js';

/**
 * Binds a peer class and its node, `PeerNode`, as singletons: for those who compose their container by hand.
 * {@link startPeer} brings them up; {@link createPeer} does all of it.
 *
 * note: a container holds one peer, because it holds one `PeerNode`. For several, use child containers.
 * note: the node is made when it is first asked for, without hooks; they are added by `startPeer`.
 * @param config overrides the options of `@Peer`, one by one
 * @throws {PeerError} P2P_ERR_NOT_A_PEER, P2P_ERR_MISSING_CODEC, P2P_ERR_INVALID_DECORATOR; and when the module
 * is loaded, P2P_ERR_MISSING_DEPENDENCY where nothing tells what a constructor parameter needs
 */
export function peerModule<T extends object>(target: PeerClass<T>, config: PeerConfig = {}): ContainerModule {
  const merged = { ...blueprintOf(target).config, ...config };
  if (merged.codec === undefined) {
    throw new PeerError('P2P_ERR_MISSING_CODEC', `${nameOfClass(target)} has no codec`);
  }
  const nodeConfig = merged as NodeConfig<unknown>;
  return new ContainerModule(({ bind }) => {
    bindPeer(
      () =>
        bind(target as Newable<T>)
          .toSelf()
          .inSingletonScope(),
      target,
    );
    bind(PeerNode)
      .toDynamicValue(() => new PeerNode<unknown>(nodeConfig))
      .inSingletonScope();
  });
}

/** Binding a class is when inversify looks at its constructor. */
function bindPeer(bind: () => unknown, target: PeerClass): void {
  try {
    bind();
  } catch (cause) {
    throw missingDependency(target, cause);
  }
}
