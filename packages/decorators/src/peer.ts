import type { NodeConfig } from '@pea2pea/core';
import { declareDependencies, type Dependencies, type Dependency } from './dependencies.js';
import { invalidDecorator, isDecoratorContext } from './invalid-decorator.js';
import { nameOfClass, type PeerBase } from './peer-class.js';
import {
  inheritedOptions,
  ownOptions,
  setOptions,
  type DeclaredOptions,
  type RoutingOptions,
} from './peer-options.js';

/** What `@Peer` takes: the options of a node, what the constructor needs, and what becomes of stray messages. */
export interface PeerOptions<In, Out = In, List extends readonly Dependency[] = readonly Dependency[]>
  extends NodeConfig<In, Out>, RoutingOptions {
  /**
   * What the container passes to the constructor, in the order of its parameters. The compiler checks one
   * against the other; a name or a symbol as token is trusted.
   *
   * note: needed under standard decorators, and wherever the compiler emits no types (esbuild, tsx). Under
   * `experimentalDecorators` and `emitDecoratorMetadata` the parameters' classes are enough, and inversify's
   * `@inject` on parameters works.
   * note: `PeerNode` may be among them: the node of this very peer.
   * @default that of the class it extends, where the constructor has no parameters
   */
  readonly inject?: List;
}

/**
 * A decorator of a class whose constructor takes just `Args`, in both modes. `never[]` stands for any
 * constructor: then the container finds out what it takes.
 */
export type PeerDecorator<Args extends readonly unknown[]> = <
  Class extends abstract new (...args: Args) => object,
>(
  target: Class & CountChecked<Args, ConstructorParameters<Class>>,
  context?: ClassDecoratorContext<Class>,
) => void;

/** TypeScript lets a constructor take fewer than it is given; in `inject` that is a mistake. */
type CountChecked<
  Args extends readonly unknown[],
  Parameters extends readonly unknown[],
> = number extends Args['length']
  ? unknown
  : Args['length'] extends Parameters['length']
    ? unknown
    : '`inject` names more dependencies than the constructor takes';

/**
 * The class is a peer: its hook methods (`@OnMessage` and the others) serve the connections of a node of its
 * own, made with these options. {@link createPeer} brings one up.
 *
 * ```ts
 * @Peer({ codec: chat, listen: { host: '127.0.0.1', port: 0 }, inject: [Transcript] })
 * class ChatPeer {
 *   readonly #transcript: Transcript;
 *   constructor(transcript: Transcript) { this.#transcript = transcript; }
 *
 *   @OnMessage(chat)
 *   onChat(message: Chat, connection: Connection<Chat>) { … }
 * }
 * ```
 *
 * Works under standard (TC39) decorators and under `experimentalDecorators`. It makes the class injectable,
 * as a singleton of its container: nothing else has to be added.
 *
 * note: `codec` is required, so that the type of messages is known where they are handled; the `config` that a
 * peer is started with may put another in its place.
 * note: a subclass has the options of its base, its own `@Peer` overriding them one by one; without one of
 * its own it is the same kind of peer.
 * note: options are checked when the peer starts.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR when it stands on something else than a class, or twice;
 * P2P_ERR_MISSING_DEPENDENCY when `inject` is too short or holds something that is no token, or when nothing
 * tells what the constructor of the class it extends needs
 */
export function Peer<In, Out, const List extends readonly Dependency[]>(
  options: PeerOptions<In, Out, List> & { readonly inject: List },
): PeerDecorator<Dependencies<List, In, Out>>;
export function Peer<In, Out>(
  options: NodeConfig<In, Out> & RoutingOptions & { readonly inject?: never },
): PeerDecorator<never[]>;
export function Peer(
  options?: DeclaredOptions & { readonly inject?: readonly Dependency[] },
): PeerDecorator<never> {
  if (typeof options === 'function') throw invalidDecorator('@Peer takes options; write @Peer({ codec })');
  const { inject, ...config } = options ?? {};
  return (target: PeerBase, second?: unknown) => {
    checkSite(target, second);
    if (ownOptions(target) !== undefined) {
      throw invalidDecorator(`@Peer stands twice on ${nameOfClass(target)}`);
    }
    declarePeer(target, config, inject);
  };
}

/**
 * The options of a peer class, those of its bases included; undefined where neither has `@Peer`.
 *
 * note: a subclass without `@Peer` is completed here, as if `@Peer` without options stood on it: the
 * container knows nothing of inheritance by itself.
 */
export function peerOptionsOf(target: PeerBase): DeclaredOptions | undefined {
  if (ownOptions(target) === undefined && inheritedOptions(target) !== undefined) {
    declarePeer(target, {}, undefined);
  }
  return ownOptions(target);
}

function declarePeer(
  target: PeerBase,
  config: DeclaredOptions,
  inject: readonly Dependency[] | undefined,
): void {
  const base = Object.getPrototypeOf(target) as PeerBase;
  const inherited = peerOptionsOf(base);
  declareDependencies(target, inject, inherited === undefined ? undefined : base);
  setOptions(target, { ...inherited, ...config });
}

function checkSite(target: unknown, second: unknown): void {
  const standard = isDecoratorContext(second);
  if (standard ? second.kind === 'class' : second === undefined && typeof target === 'function') return;
  throw invalidDecorator(`@Peer stands on ${String(standard ? second.name : second)}, which is no class`);
}
