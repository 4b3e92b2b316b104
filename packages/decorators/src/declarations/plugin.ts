import type { PluginUse } from '@pea2pea/core';
import type { ContainerModule } from 'inversify';
import { declareClass, optionsOf } from './class-declaration.js';
import type { Dependencies, Dependency, InjectableDecorator } from './dependencies.js';
import { invalidDecorator } from './invalid-decorator.js';
import type { PeerBase } from './peer-class.js';
import type { SessionClass } from './session.js';

/** A class with `@Plugin`. */
export type PluginClass<T extends object = object> = new (...args: never) => T;

/** A plugin with the options for one peer; {@link configured} returns one. */
export interface ConfiguredPlugin<T extends object = object> {
  /** The class with `@Plugin`. */
  readonly plugin: PluginClass<T>;
  /** What it injects as {@link PluginOptions}. */
  readonly options: unknown;
}

/** What the `plugins` of a peer list: what the function of a plugin returns, or a class with `@Plugin`. */
export type ListedPlugin = PluginUse | PluginClass | ConfiguredPlugin;

/** What `@Plugin` takes. */
export interface PluginSettings<List extends readonly Dependency[] = readonly Dependency[]> {
  /** What the container passes to the constructor, as in `@Peer`. {@link PluginOptions} and `PeerNode` may be among it. */
  readonly inject?: List;
  /** Bindings that the plugin brings along: they are made in the container of each peer that lists it. @default none */
  readonly bindings?: ContainerModule;
  /**
   * Classes with `@Session` that the plugin brings along: each connection of a peer that lists the plugin has one of each,
   * made before those of the peer.
   * @default none
   */
  readonly sessions?: readonly SessionClass[];
}

/**
 * The class is a plugin: listed in the `plugins` of a peer, its hook methods (`@OnAccept`, `@OnMessage` and the others)
 * serve the connections of that peer, before the peer's own. Each peer has an instance of its own, which may be injected
 * into the peer, its sessions and other plugins. It is for what wants injections of its own; what does not is better off
 * as a class of hooks (`definePlugin` of the kernel), which serves nodes without a container, too.
 *
 * ```ts
 * @Plugin({ inject: [Store, PluginOptions] })
 * class Census {
 *   constructor(store: Store, options: { readonly most: number }) { … }
 *
 *   @OnAccept()
 *   hasRoom() { return this.#count < this.#options.most; }
 * }
 * export const census = (options: { readonly most: number }) => configured(Census, options);
 *
 * @Peer({ codec, plugins: [census({ most: 9 })] })
 * ```
 *
 * note: a message that a plugin takes goes on to the next plugin and to the peer, unless the method returns
 * `HANDLED` (or a promise of it). One that none of its message methods takes passes by.
 * note: `static readonly plugin = { name, after, before, needs }` has its place among other plugins checked.
 * note: what is said of inheritance and `inject` at {@link Peer} holds here, too.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR, P2P_ERR_MISSING_DEPENDENCY, as {@link Peer}
 */
export function Plugin<const List extends readonly Dependency[]>(
  settings: PluginSettings<List> & { readonly inject: List },
  // The plugin does not know what its peer's codec carries: any node fits.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
): InjectableDecorator<Dependencies<List, any, any>>;
export function Plugin(settings?: PluginSettings & { readonly inject?: never }): InjectableDecorator<never[]>;
export function Plugin(settings: PluginSettings = {}): InjectableDecorator<never> {
  if (typeof settings === 'function')
    throw invalidDecorator('@Plugin is written with parentheses: @Plugin()');
  const { inject, ...options } = settings;
  return (target: PeerBase, context?: unknown) => declareClass('plugin', target, context, options, inject);
}

/**
 * The plugin with `options`, for the `plugins` of a peer: what the function that users call returns.
 *
 * ```ts
 * export const census = (options: CensusOptions = {}): ConfiguredPlugin<Census> => configured(Census, options);
 * ```
 */
export function configured<T extends object>(plugin: PluginClass<T>, options: unknown): ConfiguredPlugin<T> {
  return { plugin, options };
}

/** What `@Plugin` says about `target`, its bases included; undefined where it does not stand there. */
export function pluginSettingsOf(target: unknown): Omit<PluginSettings, 'inject'> | undefined {
  return optionsOf('plugin', target);
}
