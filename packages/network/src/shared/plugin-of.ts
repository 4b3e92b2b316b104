import { PeerError, type PeerNode, type PluginKey } from '@pea2pea/core';

/** The instance of a plugin that a node may have or not. */
export function pluginOf<T extends object>(node: PeerNode<unknown>, key: PluginKey<T>): T | undefined {
  try {
    return node.plugin(key);
  } catch (error) {
    if (PeerError.is(error, 'P2P_ERR_MISSING_PLUGIN')) return undefined;
    throw error;
  }
}
