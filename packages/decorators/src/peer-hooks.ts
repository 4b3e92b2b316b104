import type { Hooks } from '@pea2pea/core';
import type { HookMethod } from './hook-methods.js';
import { invalidDecorator } from './invalid-decorator.js';
import { messageHook, type Methods } from './message-routes.js';
import { nameOfClass } from './peer-class.js';
import type { UnmatchedMessages } from './unmatched.js';

/** Hooks that are given their subject alone. */
const UNARY: ReadonlySet<keyof Hooks<unknown>> = new Set(['onAccept', 'onHandshake', 'onConnect']);

/**
 * The hook methods of `peer` as plain hooks. One object holds them all, unless several methods serve the same
 * hook: each further one goes to a further object, so that the node chains them as it chains plugins. Message
 * methods are one hook, that picks among them.
 *
 * note: a method is looked up on the peer when it is called, so that one replaced in a test is called.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR when a field of the instance hides a method
 */
export function peerHooks(
  peer: object,
  methods: readonly HookMethod[],
  unmatched: UnmatchedMessages,
): Hooks<unknown>[] {
  const target = peer as Methods;
  const layers: Partial<Record<keyof Hooks<unknown>, HookCall>>[] = [];
  for (const { hook, name } of methods) {
    if (typeof target[name] !== 'function') {
      throw invalidDecorator(
        `${nameOfClass(peer.constructor)}.${String(name)}() is a hook method, but an instance has a field there`,
      );
    }
    if (hook === 'onMessage') continue;
    let layer = layers.find((candidate) => candidate[hook] === undefined);
    if (layer === undefined) layers.push((layer = {}));
    layer[hook] = UNARY.has(hook)
      ? (subject) => target[name]!(subject)
      : (subject, detail) => target[name]!(subject, detail);
  }
  const onMessage = messageHook(target, methods, unmatched);
  if (onMessage !== undefined) (layers[0] ??= {}).onMessage = onMessage as HookCall;
  return layers as Hooks<unknown>[];
}

type HookCall = (subject: unknown, detail?: unknown) => unknown;
