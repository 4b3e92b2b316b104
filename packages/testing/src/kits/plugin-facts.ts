/** What every plugin must do, whatever else it is for. A plugin that fails is told which of these does not hold. */
export const PLUGIN_FACTS = {
  serves: 'peers connect to a node that has it, and messages pass in both directions',
  strangers: 'whatever peers do, its hooks throw no fault of their own, and honest peers are served',
  standstill: 'the same after the process stood still, and after a cut that nobody noticed',
  'nothing-left': 'nothing of it is left when its node is closed, at any moment',
  'never-started': 'a node that has it and was never started can be closed',
} as const;

/** The name of a fact in {@link PLUGIN_FACTS}. */
export type PluginFact = keyof typeof PLUGIN_FACTS;
