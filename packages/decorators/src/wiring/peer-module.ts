import { PeerNode, type NodeConfig } from '@pea2pea/core';
import { ContainerModule, type ContainerModuleLoadOptions, type Newable } from 'inversify';
import { decoratorError } from '../declarations/errors.js';
import { missingDependency } from '../declarations/dependencies.js';
import { PluginOptions, SessionConnection } from '../declarations/injectables.js';
import { nameOfClass, type PeerClass } from '../declarations/peer-class.js';
import type { PeerConfig } from '../declarations/peer.js';
import type { ListedPlugin } from '../declarations/plugin.js';
import { blueprintOf, type Blueprint } from './blueprint.js';
import type { HooksPlugin, PluginPart } from './part.js';
import { MarkedMethods } from './marked-methods.js';

/** The blueprint of the peer that a container was prepared for. */
export const BLUEPRINT = Symbol('blueprint');

/**
 * Binds a peer class, its plugins with what they bring along, and its node, `PeerNode`, as singletons: for those who
 * compose their container by hand. {@link startPeer} brings them up; {@link createPeer} does all of it.
 *
 * note: a container holds one peer, because it holds one `PeerNode`. For several, use child containers.
 * note: the node is made when it is first asked for, without hooks; they are added by `startPeer`.
 * note: a plugin's bindings may be asynchronous; then it has to be loaded by `loadAsync`.
 * @param config overrides the options of `@Peer`, one by one
 * @param plugins stand in for those of `@Peer` with the same class; the others run after those
 * @throws {PeerError} P2P_ERR_NOT_A_PEER, P2P_ERR_MISSING_CODEC, P2P_ERR_INVALID_DECORATOR, P2P_ERR_INVALID_PLUGIN,
 * P2P_ERR_INVALID_SESSION; and when the module is loaded, P2P_ERR_MISSING_DEPENDENCY where nothing tells what a
 * constructor parameter needs
 */
export function peerModule<T extends object>(
  target: PeerClass<T>,
  config: PeerConfig = {},
  plugins: readonly ListedPlugin[] = [],
): ContainerModule {
  const blueprint = blueprintOf(target, config, plugins);
  if (blueprint.config.codec === undefined) {
    throw decoratorError('P2P_ERR_MISSING_CODEC', `${nameOfClass(target)} has no codec`);
  }
  const nodeConfig = blueprint.config as NodeConfig<unknown>;
  return new ContainerModule((options) => {
    const { bind } = options;
    bind(BLUEPRINT).toConstantValue(blueprint);
    bind(PeerNode)
      .toDynamicValue(() => new PeerNode<unknown>(nodeConfig))
      .inSingletonScope();
    bind(MarkedMethods)
      .toDynamicValue(() => new MarkedMethods(blueprint))
      .inSingletonScope();
    refuseWhatBelongsToConnections(options, blueprint);
    bindClass(options, target);
    const loading = blueprint.plugins.flatMap((plugin) => bindPlugin(options, plugin) ?? []);
    return loading.length === 0 ? undefined : Promise.all(loading).then(() => undefined);
  });
}

function bindPlugin(options: ContainerModuleLoadOptions, part: PluginPart): void | Promise<void> {
  if (part.kind === 'hooks') return bindHooks(options, part);
  const { class: plugin, options: given, bindings } = part;
  bindClass(options, plugin);
  options.bind(PluginOptions).toConstantValue(given).whenParentIs(plugin);
  return bindings?.load(options);
}

function bindHooks(
  { bind }: ContainerModuleLoadOptions,
  { token, class: plugin, options }: HooksPlugin,
): void {
  bind(token)
    .toResolvedValue(
      (node: PeerNode<unknown>) => new plugin(node as never, ...(options as never)),
      [PeerNode<unknown>],
    )
    .inSingletonScope();
}

/** Binding a class is when inversify looks at its constructor. */
function bindClass({ bind }: ContainerModuleLoadOptions, target: PeerClass): void {
  try {
    bind(target as Newable<object>)
      .toSelf()
      .inSingletonScope();
  } catch (cause) {
    throw missingDependency(target, cause);
  }
}

/** Plugins and the peer are there before any connection; a container of their sessions binds these anew. */
function refuseWhatBelongsToConnections(
  { bind }: ContainerModuleLoadOptions,
  { peer, sessions }: Blueprint,
): void {
  for (const token of [SessionConnection, ...sessions.map((session) => session.class)]) {
    bind<unknown>(token).toDynamicValue(() => {
      throw decoratorError(
        'P2P_ERR_CAPTIVE_DEPENDENCY',
        `${token.name} belongs to one connection, and is asked for outside the sessions of ${peer.name}`,
      );
    });
  }
}
