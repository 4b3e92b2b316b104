import type { Connection, DisconnectReason, HookErrorContext, Hooks } from '@pea2pea/core';
import type { HookMethod } from '../declarations/hook-methods.js';
import { invalidDecorator } from '../declarations/invalid-decorator.js';
import type { MethodName } from '../declarations/method-site.js';
import { nameOfClass } from '../declarations/peer-class.js';
import type { Part } from './part.js';
import { messageHook, type MessageHook, type Otherwise, type Route } from './message-routes.js';
import { eachDespiteErrors } from './each-despite-errors.js';
import type { Sessions } from './sessions.js';

/** An object, seen as its methods. They are looked up when they are called, so that one replaced in a test is called. */
export type Methods = Record<MethodName, (...args: readonly unknown[]) => unknown>;

type HookCall = (subject: unknown, detail?: unknown) => unknown;
type Layer = Partial<Record<keyof Hooks<unknown>, HookCall>>;

/** Hooks that are given their subject alone. */
const UNARY: ReadonlySet<string> = new Set(['onAccept', 'onHandshake', 'onConnect']);
const PLAIN: ReadonlySet<string> = new Set([...UNARY, 'onDisconnect', 'onError']);

/**
 * The hook methods of a plugin as plain hooks. A message that none of its methods takes passes by.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR when a field of the instance hides a method
 */
export function pluginLayers(instance: object, { methods }: Part): Hooks<unknown>[] {
  const hook = messageHook(
    routesOf(methods, (name) => callOn(instance, name)),
    passBy,
  );
  return layersOf(instance, methods, hook);
}

/**
 * The hook methods of a peer and of its sessions as plain hooks: one layer for the sessions, then those of the peer.
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
  if (sessions === undefined) return layersOf(instance, peer.methods, messageHook(own, otherwise));
  const { parts, of } = sessions;
  const theirs = parts.flatMap(({ methods }, index) =>
    routesOf(
      methods,
      (name) => (message, connection) => (of.at(connection, index) as Methods)[name]!(message, connection),
    ),
  );
  const hook = messageHook([...theirs, ...own], otherwise);
  return [sessionLayer(parts, of), ...layersOf(instance, peer.methods, hook && whenReady(of, hook))];
}

/**
 * One object holds all hooks, unless several methods serve the same hook: each further one goes to a further object,
 * so that the node chains them as it chains plugins.
 */
function layersOf(
  instance: object,
  methods: readonly HookMethod[],
  onMessage: MessageHook | undefined,
): Hooks<unknown>[] {
  const target = instance as Methods;
  checkFields(target, methods);
  const layers: Layer[] = [];
  for (const { hook, name } of methods) {
    if (!isPlain(hook)) continue;
    let layer = layers.find((candidate) => candidate[hook] === undefined);
    if (layer === undefined) layers.push((layer = {}));
    layer[hook] = UNARY.has(hook)
      ? (subject) => target[name]!(subject)
      : (subject, detail) => target[name]!(subject, detail);
  }
  if (onMessage !== undefined) (layers[0] ??= {}).onMessage = onMessage as HookCall;
  return layers as Hooks<unknown>[];
}

/** A session's hooks are those of the instances that the connection has. */
function sessionLayer(parts: readonly Part[], sessions: Sessions): Hooks<unknown> {
  const calls = <Hook extends 'onConnect' | 'onDisconnect' | 'onError'>(hook: Hook) =>
    parts.flatMap(({ methods }, index) =>
      methods.flatMap((method) => (method.hook === hook ? [{ index, name: method.name }] : [])),
    );
  const [onConnect, onDisconnect, onError] = [
    calls('onConnect'),
    calls('onDisconnect').reverse(),
    calls('onError'),
  ];
  const call = (
    instances: readonly object[],
    { index, name }: { readonly index: number; readonly name: MethodName },
    ...args: readonly unknown[]
  ): unknown => (instances[index] as Methods)[name]!(...args);

  return {
    onConnect: (connection: Connection) =>
      sessions.open(connection, (instances) => {
        instances.forEach((instance, index) => checkFields(instance as Methods, parts[index]!.methods));
        return allBegun(onConnect.map((method) => () => call(instances, method, connection)));
      }) as Promise<void>,
    onDisconnect: async (connection: Connection, reason: DisconnectReason) => {
      const instances = sessions.of(connection);
      if (instances === undefined) return;
      await eachDespiteErrors(
        onDisconnect.map((method) => () => call(instances, method, connection, reason)),
      );
    },
    ...(onError.length > 0 && {
      onError: (error: unknown, context: HookErrorContext) => {
        const instances = context.connection && sessions.of(context.connection);
        if (instances === undefined) return undefined;
        for (const method of onError) {
          const answer = call(instances, method, error, context);
          if (answer !== undefined) return answer as 'keep' | 'disconnect';
        }
        return undefined;
      },
    }),
  };
}

/** Messages wait for the sessions of their connection; where it ends meanwhile, they are dropped. */
function whenReady(sessions: Sessions, hook: MessageHook): MessageHook {
  const deliver: MessageHook = (message, connection) => {
    const ready = sessions.waitFor(connection);
    if (ready === undefined) return hook(message, connection);
    return ready.then(() => (connection.state === 'open' ? deliver(message, connection) : undefined));
  };
  return deliver;
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

/** @throws {PeerError} P2P_ERR_INVALID_DECORATOR */
function checkFields(instance: Methods, methods: readonly HookMethod[]): void {
  for (const { name } of methods) {
    if (typeof instance[name] === 'function') continue;
    throw invalidDecorator(
      `${nameOfClass(instance.constructor)}.${String(name)}() is a hook method, but an instance has a field there`,
    );
  }
}

function isPlain(hook: HookMethod['hook']): hook is Exclude<keyof Hooks<unknown>, 'onMessage'> {
  return PLAIN.has(hook);
}

/** Begins all of `calls` in this turn; settles as all of them do, or the first that fails. */
async function allBegun(calls: readonly (() => unknown)[]): Promise<void> {
  await Promise.all(calls.map((call) => new Promise((resolve) => resolve(call()))));
}
