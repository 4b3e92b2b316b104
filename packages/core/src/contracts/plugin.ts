/**
 * What a plugin says about itself: `static readonly plugin` of its class. The names of others are those of plugins in the
 * same node; one that is not there does not matter, except to `needs`.
 */
export interface PluginManifest {
  /** Unique in a node, unless `repeatable`. */
  readonly name: string;
  /** Plugins that must come earlier than this one, where they are there. @default none */
  readonly after?: readonly string[];
  /** Plugins that must come later than this one, where they are there. @default none */
  readonly before?: readonly string[];
  /** Plugins that must be there, in any place. @default none */
  readonly needs?: readonly string[];
  /** Whether a node may have several. @default false */
  readonly repeatable?: boolean;
}

/**
 * A class of hooks that is made with a node and options.
 *
 * note: `never` stands for the node: a class may ask for a `PeerNode` of any type of messages.
 */
export interface PluginClass<T extends object = object, Options extends readonly unknown[] = never> {
  new (node: never, ...options: Options): T;
  /** What the plugin says about itself. */
  readonly plugin: PluginManifest;
}

/** Marks a {@link PluginUse}, also across two copies of the package. */
export const PLUGIN_USE: unique symbol = Symbol.for('pea2pea.plugin-use');

/** A plugin with its options, for any number of nodes; each makes an instance of its own. */
export interface PluginUse<T extends object = object> {
  readonly [PLUGIN_USE]: true;
  /** The class that instances are made of. */
  readonly class: PluginClass<T>;
  /** What its constructor is given after the node. */
  readonly options: readonly unknown[];
}

/** What {@link definePlugin} returns: called with options, it returns what `use` takes. */
export interface PluginFactory<T extends object, Options extends readonly unknown[]> {
  (...options: Options): PluginUse<T>;
  /** The class that it makes plugins of. */
  readonly class: PluginClass<T, Options>;
}

/**
 * A method that a plugin may have: it returns what people may want to know of its state, such as bans, or requests under
 * way, as plain data that JSON can carry. Pages and exporters show it.
 *
 * ```ts
 * [PLUGIN_STATE]() {
 *   return { banned: this.#list.size };
 * }
 * ```
 *
 * note: it is called a few times a second at most, with 10000 connections, too. Return numbers and short lists, such as
 * `excerpt` of `@pea2pea/core/authoring` makes: what is long is cut.
 * note: pages show a number under a name that ends in `Ms` as a duration, and `until` or one that ends in `At`,
 * in milliseconds since the Unix epoch, as a time. Never a secret.
 */
export const PLUGIN_STATE: unique symbol = Symbol.for('pea2pea.plugin-state');

/** A plugin that shows its state: see {@link PLUGIN_STATE}. */
export interface StatefulPlugin {
  /** Its state, as plain data. */
  [PLUGIN_STATE](): unknown;
}

/** A plugin, to be found by: what {@link definePlugin} returned, or the class. */
export type PluginKey<T extends object> =
  { readonly class: abstract new (...args: never) => T } | (abstract new (...args: never) => T);

/**
 * On hooks that belong to an instance of a plugin and are another object: that instance. Those who translate classes to
 * hooks set it, as the decorators do.
 */
export const PLUGIN: unique symbol = Symbol.for('pea2pea.plugin');
