import type { Hooks } from '@pea2pea/core';
import { PLUGIN, type Living } from '@pea2pea/core/authoring';
import { hookMethodsOf, type HookMethod } from '../declarations/hook-methods.js';
import type { MethodName } from '../declarations/method-site.js';
import { nameOfClass, type PeerClass } from '../declarations/peer-class.js';
import { messageHook, type MessageHook, type Otherwise, type Route } from './message-routes.js';
import { methodLayers, UNARY } from './method-layers.js';
import { checkFields, type Methods } from './methods.js';
import type { Part, PluginPart } from './part.js';
import { sessionLayers, whenReady } from './session-layers.js';
import type { Sessions } from './sessions.js';

type HookCall = (subject: unknown, detail?: unknown, next?: unknown) => unknown;
type Layer = Partial<Record<keyof Hooks<unknown>, HookCall>>;

/**
 * The hooks of a plugin, the first of which name the instance as their plugin. A message that none of the message methods
 * of a decorated one takes passes by.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR when a field of the instance hides a method
 */
export function pluginLayers(instance: object, part: PluginPart): Hooks<unknown>[] {
  if (part.kind === 'hooks') return [instance];
  const hook = messageHook(
    routesOf(part.methods, (name) => callOn(instance, name)),
    passBy,
  );
  const [first = {}, ...others] = layersOf(instance, part, hook);
  return [{ ...first, [PLUGIN]: instance } as Hooks<unknown>, ...others];
}

/** The `@OnStart` and `@OnStop` methods of a service. @throws {PeerError} P2P_ERR_INVALID_DECORATOR, as {@link pluginLayers} */
export function lifeLayers(instance: object): Living[] {
  const target = instance.constructor as PeerClass;
  const methods = hookMethodsOf(target).filter(({ hook }) => hook === 'onStart' || hook === 'onStop');
  return layersOf(instance, { name: nameOfClass(target), methods }, undefined);
}

/**
 * The hook methods of a peer and of its sessions as plain hooks: those of the sessions, then those of the peer.
 * Their message methods are one hook, that picks among them all.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR when a field of the instance hides a method
 */
export function peerLayers(
  instance: object,
  peer: Part,
  sessions: { readonly parts: readonly Part[]; readonly of: Sessions } | undefined,
  otherwise: Otherwise,
): Hooks<unknown>[] {
  const own = routesOf(peer.methods, (name) => callOn(instance, name));
  if (sessions === undefined) return layersOf(instance, peer, messageHook(own, otherwise));
  const { parts, of } = sessions;
  const theirs = parts.flatMap(({ methods }, index) =>
    routesOf(
      methods,
      (name) => (message, connection) => (of.at(connection, index) as Methods)[name]!(message, connection),
    ),
  );
  const hook = messageHook([...theirs, ...own], otherwise);
  return [...sessionLayers(parts, of), ...layersOf(instance, peer, hook && whenReady(of, hook))];
}

/** The hooks of `instance`, in {@link methodLayers}. */
function layersOf(
  instance: object,
  { methods, name: owner }: Pick<Part, 'name' | 'methods'>,
  onMessage: MessageHook | undefined,
): Hooks<unknown>[] {
  const target = instance as Methods;
  checkFields(target, methods);
  const layers = methodLayers(methods).map((layer) => {
    const calls: Layer = {};
    for (const [hook, name] of Object.entries(layer) as [keyof Layer, MethodName][]) {
      const call = hookCallOf(target, hook, name);
      // For messages about it: `ChatPeer.begin()`.
      calls[hook] = Object.defineProperty(call, 'name', { value: `${owner}.${String(name)}` });
    }
    return calls;
  });
  if (onMessage !== undefined) (layers[0] ??= {}).onMessage = onMessage as HookCall;
  return layers as Hooks<unknown>[];
}

function hookCallOf(target: Methods, hook: string, name: MethodName): HookCall {
  if (UNARY.has(hook)) return (subject) => target[name]!(subject);
  if (hook === 'aroundMessage')
    return (message, connection, next) => target[name]!(message, connection, next);
  return (subject, detail) => target[name]!(subject, detail);
}

function routesOf(methods: readonly HookMethod[], callOf: (name: MethodName) => MessageHook): Route[] {
  return methods.flatMap((method) =>
    method.hook === 'onMessage'
      ? [{ name: method.name, takes: method.takes, call: callOf(method.name) }]
      : [],
  );
}

function callOn(instance: object, name: MethodName): MessageHook {
  const target = instance as Methods;
  // Called per message: nothing but the call, no promise and no closure made.
  return (message, connection) => target[name]!(message, connection);
}

function passBy(): undefined {
  return undefined;
}
