import { PeerError } from '../errors/errors.js';
import type { PluginManifest } from '../contracts/plugin.js';

/**
 * What is wrong with the order of `list`, as an error that names the order that would do; undefined where nothing is.
 *
 * @returns P2P_ERR_MISSING_PLUGIN where one needs another that is not there, P2P_ERR_PLUGIN_ORDER
 */
export function disorder(list: readonly PluginManifest[]): PeerError | undefined {
  const names = new Set(list.map(({ name }) => name));
  for (const { name, needs = [] } of list) {
    const missing = needs.find((need) => !names.has(need));
    if (missing === undefined) continue;
    return new PeerError('P2P_ERR_MISSING_PLUGIN', `the plugin ${name} needs ${missing}`);
  }
  const wrong = list.flatMap((later, index) =>
    list.slice(0, index).flatMap((earlier) => (mustPrecede(later, earlier) ? [{ earlier, later }] : [])),
  )[0];
  if (wrong === undefined) return undefined;
  const { earlier, later } = wrong;
  const order = inOrder(list);
  const remedy =
    order === undefined
      ? 'no order would do, as they ask for each other in a circle'
      : `this order would do: ${order.map(({ name }) => name).join(', ')}`;
  return new PeerError(
    'P2P_ERR_PLUGIN_ORDER',
    `the plugin ${later.name} must come before ${earlier.name}; ${remedy}`,
  );
}

function mustPrecede(one: PluginManifest, other: PluginManifest): boolean {
  return (one.before?.includes(other.name) ?? false) || (other.after?.includes(one.name) ?? false);
}

/** `list` with as little moved as possible: whoever may come next comes in the given order. Undefined for a circle. */
function inOrder(list: readonly PluginManifest[]): PluginManifest[] | undefined {
  const rest = [...list];
  const order: PluginManifest[] = [];
  while (rest.length > 0) {
    const next = rest.findIndex((one) => !rest.some((other) => other !== one && mustPrecede(other, one)));
    if (next === -1) return undefined;
    order.push(...rest.splice(next, 1));
  }
  return order;
}
