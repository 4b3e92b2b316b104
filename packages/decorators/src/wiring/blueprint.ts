import { PeerError, type PluginClass, type PluginUse } from '@pea2pea/core';
import { describe, isPluginUse } from '@pea2pea/core/authoring';
import type { Newable } from 'inversify';
import { decoratorError } from '../declarations/errors.js';
import { hookMethodsOf } from '../declarations/hook-methods.js';
import { nameOfClass, type PeerClass } from '../declarations/peer-class.js';
import { requirePeer, type PeerConfig, type WhenUnmatched } from '../declarations/peer.js';
import { pluginSettingsOf, type ListedPlugin } from '../declarations/plugin.js';
import { isSession } from '../declarations/session.js';
import type { HooksPlugin, Part, PluginPart } from './part.js';
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
 * @param furtherPlugins stand in for those of the same class that the class lists; the others run after those
 * @throws {PeerError} P2P_ERR_NOT_A_PEER, P2P_ERR_INVALID_DECORATOR, P2P_ERR_INVALID_PLUGIN, P2P_ERR_INVALID_SESSION,
 * P2P_ERR_INVALID_CONFIG for `unmatched`
 */
export function blueprintOf(
  target: PeerClass,
  config: PeerConfig = {},
  furtherPlugins: readonly ListedPlugin[] = [],
): Blueprint {
  const { unmatched = 'disconnect', plugins = [], sessions = [], ...options } = requirePeer(target);
  checkUnmatched(unmatched);
  const peer = partOf(target);
  const [listed, further] = [pluginParts(peer.name, plugins), pluginParts(peer.name, furtherPlugins)];
  const all = overridden(listed, further);
  const brought = all.flatMap((part) =>
    part.kind === 'decorated' ? checkListed('P2P_ERR_INVALID_SESSION', part.name, part.sessions) : [],
  );
  const own = checkListed('P2P_ERR_INVALID_SESSION', peer.name, sessions);
  const blueprint: Blueprint = {
    peer,
    config: { ...options, ...config },
    unmatched,
    plugins: withTokens(all),
    sessions: checkListed('P2P_ERR_INVALID_SESSION', peer.name, [...brought, ...own]).map(sessionPart),
  };
  for (const session of blueprint.sessions) checkSessionHooks(session);
  for (const plugin of blueprint.plugins) checkMessageMethods([plugin], options.codec);
  checkMessageMethods([...blueprint.sessions, peer], options.codec);
  return blueprint;
}

function partOf(target: PeerClass): Part {
  return {
    class: target,
    token: target as Newable<object>,
    name: nameOfClass(target),
    methods: hookMethodsOf(target),
  };
}

function pluginParts(peer: string, list: readonly ListedPlugin[]): PluginPart[] {
  const parts = checkListed('P2P_ERR_INVALID_PLUGIN', peer, list).map(pluginPart);
  return checkListed('P2P_ERR_INVALID_PLUGIN', peer, parts, (part) =>
    isRepeatable(part) ? part : part.class,
  );
}

function pluginPart(use: ListedPlugin): PluginPart {
  if (isPluginUse(use)) return hooksPlugin(use);
  const { plugin, options } = typeof use === 'function' ? { plugin: use, options: {} } : use;
  const settings = pluginSettingsOf(plugin);
  if (settings === undefined) {
    const call = typeof plugin === 'function' ? '; a function of a plugin has to be called' : '';
    throw new PeerError(
      'P2P_ERR_INVALID_PLUGIN',
      `${nameOfClass(plugin)} is not a plugin: it has no @Plugin${call}`,
    );
  }
  const { bindings, sessions = [] } = settings;
  return { ...partOf(plugin), kind: 'decorated', options, bindings, sessions };
}

function hooksPlugin({ class: plugin, options }: PluginUse): HooksPlugin {
  const part = partOf(plugin);
  const decorated = part.methods.find(({ hook }) => hook !== 'marked');
  if (decorated === undefined && pluginSettingsOf(plugin) === undefined) {
    return { ...part, kind: 'hooks', options };
  }
  throw new PeerError(
    'P2P_ERR_INVALID_PLUGIN',
    `${part.name} is a class of hooks, made by definePlugin, and has decorators of a class with @Plugin; it is one of them`,
  );
}

function isRepeatable(part: PluginPart): boolean {
  return part.kind === 'hooks' && (part.class as Partial<PluginClass>).plugin?.repeatable === true;
}

/** `further` plugins take the places of those with their class; the others come after all. */
function overridden(listed: readonly PluginPart[], further: readonly PluginPart[]): PluginPart[] {
  const isStandIn = (part: PluginPart): boolean =>
    !isRepeatable(part) && listed.some((other) => other.class === part.class);
  const standIns = further.filter(isStandIn);
  return [
    ...listed.map((part) => standIns.find((other) => other.class === part.class) ?? part),
    ...further.filter((part) => !isStandIn(part)),
  ];
}

/** A class that is listed several times is asked for by a symbol from the second on. */
function withTokens(parts: readonly PluginPart[]): PluginPart[] {
  return parts.map((part, index) => {
    const isFirst = parts.findIndex((other) => other.class === part.class) === index;
    return isFirst ? part : { ...part, token: Symbol(part.name) };
  });
}

function sessionPart(target: PeerClass): Part {
  if (isSession(target)) return partOf(target);
  throw decoratorError(
    'P2P_ERR_INVALID_SESSION',
    `${nameOfClass(target)} is not a session: it has no @Session`,
  );
}

function checkUnmatched(unmatched: unknown): void {
  if (unmatched === 'disconnect' || unmatched === 'ignore') return;
  throw new PeerError(
    'P2P_ERR_INVALID_CONFIG',
    `\`unmatched\` must be 'disconnect' or 'ignore', not ${describe(unmatched)}`,
  );
}
