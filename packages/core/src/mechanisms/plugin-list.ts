import { describe, readData } from '../errors/describe.js';
import { PeerError } from '../errors/errors.js';
import {
  PLUGIN,
  PLUGIN_USE,
  type PluginClass,
  type PluginFactory,
  type PluginKey,
  type PluginManifest,
  type PluginUse,
} from '../contracts/plugin.js';
import { disorder } from './plugin-order.js';

/**
 * Makes a plugin of a class of hooks: a function that takes the options of its constructor, and returns what `use` of a
 * node takes, and the `plugins` of a peer.
 *
 * ```ts
 * class Census implements Hooks<unknown> {
 *   static readonly plugin = { name: 'census', after: ['bans'] };
 *   count = 0;
 *   constructor(node: PeerNode<unknown>, options: CensusOptions = {}) { … }
 *   onConnect() { this.count++; }
 * }
 * export const census = definePlugin(Census);
 *
 * const node = new PeerNode({ codec }).use(census({ most: 9 }));
 * node.plugin(census).count;
 * ```
 *
 * note: each node has an instance of its own, made by `use`. Its constructor may keep the node, but must not listen or
 * connect: `onStart` is the place for that.
 * @throws {PeerError} P2P_ERR_INVALID_PLUGIN for what is not a class, or says nothing of itself
 */
export function definePlugin<T extends object, Options extends readonly unknown[]>(
  Class: PluginClass<T, Options>,
): PluginFactory<T, Options> {
  if (typeof Class !== 'function') throw invalidPlugin(`${describe(Class)} is not a class`);
  if (manifestOf(Class) === undefined) {
    throw invalidPlugin(`the class ${nameOf(Class)} has no \`static readonly plugin = { name }\``);
  }
  const factory = (...options: Options): PluginUse<T> =>
    Object.freeze({ [PLUGIN_USE]: true, class: Class, options } as const);
  return Object.freeze(Object.assign(factory, { class: Class }));
}

/** Whether `value` is what a function of {@link definePlugin} returns. */
export function isPluginUse(value: unknown): value is PluginUse {
  return typeof value === 'object' && value !== null && readData(value, PLUGIN_USE) === true;
}

/**
 * What the class says about itself; undefined where it says nothing.
 * @throws {PeerError} P2P_ERR_INVALID_PLUGIN for what makes no sense
 */
export function manifestOf(Class: unknown): PluginManifest | undefined {
  const manifest = (Class as Partial<PluginClass> | undefined)?.plugin as Partial<PluginManifest> | undefined;
  if (typeof manifest !== 'object' || manifest === null) return undefined;
  const { name, after = [], before = [], needs = [] } = manifest;
  const isName = (each: unknown): boolean => typeof each === 'string' && each !== '';
  const areNames = (list: unknown): boolean => Array.isArray(list) && list.every(isName);
  if (isName(name) && [after, before, needs].every(areNames)) return manifest as PluginManifest;
  const class_ = nameOf(Class);
  throw invalidPlugin(`\`plugin\` of ${class_} must be { name } and lists of names: after, before, needs`);
}

/** The plugins of one node, in the order of its `use` calls. */
export class PluginList {
  readonly #plugins: object[] = [];

  /** All of them. */
  get all(): readonly object[] {
    return this.#plugins;
  }

  /**
   * Refuses what the list has already: a class, or another with its name.
   * @throws {PeerError} P2P_ERR_INVALID_PLUGIN
   */
  requireNew(Class: unknown): void {
    const manifest = manifestOf(Class);
    if (manifest === undefined || manifest.repeatable === true) return;
    if (!this.#plugins.some((plugin) => manifestOf(plugin.constructor)?.name === manifest.name)) return;
    throw invalidPlugin(`there are two plugins with the name ${manifest.name}`);
  }

  /** Adds the plugin that `hooks` are, or belong to; hooks of no plugin are passed over. */
  add(hooks: object): void {
    const plugin = (hooks as { readonly [PLUGIN]?: object })[PLUGIN] ?? hooks;
    if (plugin === hooks && manifestOf(plugin.constructor) === undefined) return;
    this.requireNew(plugin.constructor);
    this.#plugins.push(plugin);
  }

  /** @throws {PeerError} P2P_ERR_MISSING_PLUGIN, P2P_ERR_INVALID_PLUGIN for what no plugin is found by */
  find<T extends object>(key: PluginKey<T>): T {
    const Class = (readData(key, 'class') ?? key) as abstract new (...args: never) => T;
    if (typeof Class !== 'function') throw invalidPlugin(`${describe(key)} is not a plugin to be found by`);
    const found = this.#plugins.find((plugin) => plugin instanceof Class);
    if (found !== undefined) return found as T;
    throw new PeerError('P2P_ERR_MISSING_PLUGIN', `the node has no plugin ${nameOf(Class)}`);
  }

  /** @throws {PeerError} P2P_ERR_PLUGIN_ORDER, P2P_ERR_MISSING_PLUGIN */
  checkOrder(): void {
    const wrong = disorder(this.#plugins.flatMap((plugin) => manifestOf(plugin.constructor) ?? []));
    if (wrong !== undefined) throw wrong;
  }
}

function nameOf(Class: unknown): string {
  const name = typeof Class === 'function' ? readData(Class, 'name') : undefined;
  return typeof name === 'string' && name !== '' ? name : describe(Class);
}

function invalidPlugin(what: string): PeerError {
  return new PeerError('P2P_ERR_INVALID_PLUGIN', what);
}
