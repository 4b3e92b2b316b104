import type { Hooks } from '@pea2pea/core';
import type { HookMethod } from '../declarations/hook-methods.js';
import type { MethodName } from '../declarations/method-site.js';

/** A hook whose methods the node chains; message methods are one hook, that picks among them. */
export type PlainHook = Exclude<keyof Hooks<unknown>, 'onMessage'>;
/** The method that serves each hook of one object of hooks. */
export type MethodLayer = Partial<Record<PlainHook, MethodName>>;

/** Hooks that are given their subject alone, or nothing. */
export const UNARY: ReadonlySet<string> = new Set([
  'onStart',
  'onDrain',
  'onStop',
  'onAccept',
  'onHandshake',
  'onConnect',
  'onPeerEnd',
]);
const PLAIN: ReadonlySet<string> = new Set([...UNARY, 'onDisconnect', 'onError', 'aroundMessage']);

/**
 * One layer holds all hooks, unless several methods serve the same hook: each further one goes to a further layer, so
 * that the node chains them as it chains plugins.
 */
export function methodLayers(methods: readonly HookMethod[]): MethodLayer[] {
  const layers: MethodLayer[] = [];
  for (const { hook, name } of methods) {
    if (!isPlain(hook)) continue;
    let layer = layers.find((candidate) => candidate[hook] === undefined);
    if (layer === undefined) layers.push((layer = {}));
    layer[hook] = name;
  }
  return layers;
}

function isPlain(hook: HookMethod['hook']): hook is PlainHook {
  return PLAIN.has(hook);
}
