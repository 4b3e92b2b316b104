import { describe, PeerError } from '@pea2pea/core';
import { hookMethodsOf } from '../declarations/hook-methods.js';
import { nameOfClass, type PeerClass } from '../declarations/peer-class.js';
import { requirePeer, type PeerConfig, type WhenUnmatched } from '../declarations/peer.js';
import { pluginSettingsOf, type PluginUse } from '../declarations/plugin.js';
import { isSession } from '../declarations/session.js';
import type { Part, PluginPart } from './part.js';
import { checkListed, checkMessageMethods, checkSessionHooks } from './blueprint-checks.js';

/** What the decorators say about a peer class and all that it lists, checked. */
export interface Blueprint {
  readonly peer: Part;
  /** The options of the node. */
  readonly config: PeerConfig;
  readonly unmatched: WhenUnmatched;
  readonly plugins: readonly PluginPart[];
  readonly sessions: readonly Part[];
}

/**
 * Reads the decorators of a class and of what it lists: once per start, never per connection or message.
 *
 * @param config overrides the options of `@Peer`, one by one
 * @param furtherPlugins run behind those that the class lists
 * @throws {PeerError} P2P_ERR_NOT_A_PEER, P2P_ERR_INVALID_DECORATOR, P2P_ERR_INVALID_PLUGIN, P2P_ERR_INVALID_SESSION,
 * P2P_ERR_INVALID_CONFIG for `unmatched`
 */
export function blueprintOf(
  target: PeerClass,
  config: PeerConfig = {},
  furtherPlugins: readonly PluginUse[] = [],
): Blueprint {
  const { unmatched = 'disconnect', plugins = [], sessions = [], ...options } = requirePeer(target);
  checkUnmatched(unmatched);
  const peer = partOf(target);
  const listed = [plugins, furtherPlugins].flatMap((list) =>
    checkListed<PluginUse>('P2P_ERR_INVALID_PLUGIN', peer.name, list),
  );
  const blueprint: Blueprint = {
    peer,
    config: { ...options, ...config },
    unmatched,
    plugins: checkListed(
      'P2P_ERR_INVALID_PLUGIN',
      peer.name,
      listed.map(pluginPart),
      (plugin) => plugin.class,
    ),
    sessions: checkListed('P2P_ERR_INVALID_SESSION', peer.name, sessions).map(sessionPart),
  };
  for (const session of blueprint.sessions) checkSessionHooks(session);
  for (const plugin of blueprint.plugins) checkMessageMethods([plugin], options.codec);
  checkMessageMethods([...blueprint.sessions, peer], options.codec);
  return blueprint;
}

function partOf(target: PeerClass): Part {
  return { class: target, name: nameOfClass(target), methods: hookMethodsOf(target) };
}

function pluginPart(use: PluginUse): PluginPart {
  const { plugin, options } = typeof use === 'function' ? { plugin: use, options: {} } : use;
  const settings = pluginSettingsOf(plugin);
  if (settings === undefined) {
    throw new PeerError(
      'P2P_ERR_INVALID_PLUGIN',
      `${nameOfClass(plugin)} is no plugin: it has no @Plugin; where it is a function that answers one, call it`,
    );
  }
  return { ...partOf(plugin), options, bindings: settings.bindings };
}

function sessionPart(target: PeerClass): Part {
  if (isSession(target)) return partOf(target);
  throw new PeerError('P2P_ERR_INVALID_SESSION', `${nameOfClass(target)} is no session: it has no @Session`);
}

function checkUnmatched(unmatched: unknown): void {
  if (unmatched === 'disconnect' || unmatched === 'ignore') return;
  throw new PeerError(
    'P2P_ERR_INVALID_CONFIG',
    `\`unmatched\` must be 'disconnect' or 'ignore', not ${describe(unmatched)}`,
  );
}
