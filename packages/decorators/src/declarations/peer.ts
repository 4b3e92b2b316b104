import { readData } from '@pea2pea/core/authoring';
import type { NodeConfig } from '@pea2pea/core';
import { decoratorError } from './errors.js';
import { declareClass, optionsOf } from './class-declaration.js';
import type { Dependencies, Dependency, InjectableDecorator } from './dependencies.js';
import { invalidDecorator } from './invalid-decorator.js';
import { nameOfClass, type PeerBase } from './peer-class.js';
import type { ListedPlugin } from './plugin.js';
import type { SessionClass } from './session.js';

/**
 * Options of a node, none of them required: what a peer is started with overrides what `@Peer` says.
 *
 * note: a `codec` in here stands in for that of `@Peer`, whatever the message methods name.
 */
export type PeerConfig = Partial<NodeConfig<unknown>>;

/** What becomes of a message that no method takes: it ends its connection, or it is dropped. Both are counted. */
export type WhenUnmatched = 'disconnect' | 'ignore';

/** What `@Peer` says beyond the options of a node. */
export interface CompositionOptions {
  /**
   * What functions of plugins return (`bans({ … })`), and classes with `@Plugin`. Their accept, handshake, connect and
   * message hooks run before those of the peer, in this order; their disconnect hooks after it, in reverse.
   * @default none
   */
  readonly plugins?: readonly ListedPlugin[];
  /**
   * Classes with `@Session`: one instance each for every connection. Their message methods come before those of the
   * peer, in this order; the first that takes a message gets it.
   * @default none
   */
  readonly sessions?: readonly SessionClass[];
  /**
   * What becomes of a message that no method takes. `'disconnect'` ends its connection, as a method that throws does,
   * with P2P_ERR_UNMATCHED_MESSAGE: `@OnError` hears of it and may keep the connection. `'ignore'` drops it, with one
   * line a second in the log at most. `PeerHandle.unmatched` counts both.
   *
   * note: a peer without message methods, or with a catch-all, has no such messages.
   * @default 'disconnect'
   */
  readonly unmatched?: WhenUnmatched;
}

/** What is kept of the options of `@Peer`. */
export type DeclaredOptions = PeerConfig & CompositionOptions;

/** What `@Peer` takes: the options of a node, what the peer is composed of, and what its constructor needs. */
export interface PeerOptions<In, Out = In, List extends readonly Dependency[] = readonly Dependency[]>
  extends NodeConfig<In, Out>, CompositionOptions {
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
 * The class is a peer: its hook methods (`@OnMessage` and the others) serve the connections of a node of its
 * own, made with these options. {@link createPeer} brings one up.
 *
 * ```ts
 * @Peer({ codec: chat, listen: { host: '127.0.0.1', port: 0 }, plugins: [RateLimit], inject: [Transcript] })
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
 * P2P_ERR_MISSING_DEPENDENCY when `inject` is too short or holds something that is not a token, or when nothing
 * tells what the constructor of the class it extends needs
 */
export function Peer<In, Out, const List extends readonly Dependency[]>(
  options: PeerOptions<In, Out, List> & { readonly inject: List },
): InjectableDecorator<Dependencies<List, In, Out>>;
export function Peer<In, Out>(
  options: NodeConfig<In, Out> & CompositionOptions & { readonly inject?: never },
): InjectableDecorator<never[]>;
export function Peer(
  options?: DeclaredOptions & { readonly inject?: readonly Dependency[] },
): InjectableDecorator<never> {
  if (typeof options === 'function') throw invalidDecorator('@Peer takes options', 'write @Peer({ codec })');
  const { inject, ...config } = options ?? {};
  return (target: PeerBase, context?: unknown) => declareClass('peer', target, context, config, inject);
}

/** What `@Peer` says about `target`, its bases included. @throws {PeerError} P2P_ERR_NOT_A_PEER */
export function requirePeer(target: unknown): DeclaredOptions {
  const options = optionsOf('peer', target);
  if (options !== undefined) return options;
  const constructor = readData(target, 'constructor');
  if (constructor !== target && optionsOf('peer', constructor) !== undefined) {
    const name = nameOfClass(constructor);
    throw decoratorError('P2P_ERR_NOT_A_PEER', `an object of ${name} is not a peer`, {
      remedy: `give the class, ${name}: its object is made for you`,
    });
  }
  throw decoratorError('P2P_ERR_NOT_A_PEER', `${nameOfClass(target)} is not a peer: it has no @Peer`);
}
