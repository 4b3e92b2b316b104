import { PLUGIN_STATE } from '@pea2pea/core';
import { describe, manifestOf } from '@pea2pea/core/authoring';
import type { AnyNode } from './observed.js';
import { plainOf, type Plain } from './plain.js';

/** A plugin of a node, and what it shows of itself. */
export interface PluginSnapshot {
  /** Its name in the node. */
  readonly name: string;
  /** What its `[PLUGIN_STATE]()` returned, as plain data; null where it has none. */
  readonly state: Plain;
  /** Why there is no state: what that threw, in one line. */
  readonly error: string | null;
}

/** The plugins of a node, in order. One whose state throws costs only its own state. */
export function pluginsOf({ inside }: AnyNode): PluginSnapshot[] {
  return inside.plugins.map((plugin) => {
    const name = manifestOf(plugin.constructor)?.name ?? plugin.constructor.name;
    const { [PLUGIN_STATE]: state } = plugin as { readonly [PLUGIN_STATE]?: unknown };
    if (typeof state !== 'function') return { name, state: null, error: null };
    try {
      return { name, state: plainOf((state as () => unknown).call(plugin)), error: null };
    } catch (error) {
      return { name, state: null, error: describe(error) };
    }
  });
}
