import {
  definePlugin,
  HANDLED,
  PLUGIN_STATE,
  type AnyConnection,
  type Codec,
  type Connection,
  type DisconnectReason,
  type Handshake,
  type Hooks,
  type Logger,
  type PeerNode,
} from '@pea2pea/core';
import {
  describe,
  excerpt,
  invalidConfig,
  isPromise,
  peerFields,
  PluginEvents,
  readData,
  rejected,
  requireKnown,
  requireMethods,
} from '@pea2pea/core/authoring';
import { streamError } from '../shared/errors.js';
import { callEach } from './call-each.js';
import { goodbyeFor, keepGoodbye, type Goodbye } from './goodbye.js';
import { hearHello, isProtocolName, isShort, MAX_SAID, sayHello } from './hello.js';
import { Envelope, FIRST_ID, GOODBYE_ID, MAX_PROTOCOLS } from './message.js';
import { agree, idOf, NEGOTIATED, type Negotiated, type Offer } from './negotiated.js';
import { IS_WITH_PROTOCOLS } from './with-protocols.js';

/** What a plugin says about its sub-protocol. */
export interface ProtocolDefinition<In, Out = In> {
  /** Unique in a node: printable ASCII without spaces, such as `acme/gossip`. */
  readonly name: string;
  /** The versions that this side speaks, whole numbers; the highest that both speak is used. */
  readonly versions: readonly number[];
  /** The codec of its messages: of all versions, or made for one. */
  readonly codec: Codec<In, Out> | ((version: number) => Codec<In, Out>);
  /** Whether connections with peers that do not speak it, or no common version, are refused. @default false */
  readonly required?: boolean;
  /** What the peer is told in the hello, as JSON of up to 4096 characters. @default nothing */
  readonly hello?: unknown;
  /** The connection is open, and the peer speaks the protocol. What it throws is handled as that of `onConnect` is. */
  onOpen?(connection: Connection, peer: ProtocolPeer): void | Promise<void>;
  /** A message of the protocol. As `onMessage` of a node: while its promise is pending, the next message waits. */
  onMessage(message: In, connection: Connection, peer: ProtocolPeer): void | Promise<void>;
  /** The connection ends, after {@link onOpen}. Its promise is awaited as that of `onDisconnect` is. */
  onClose?(connection: Connection, peer: ProtocolPeer): void | Promise<void>;
}

/** What is known of a protocol on one connection. */
export interface ProtocolPeer {
  /** The highest version that both speak. */
  readonly version: number;
  /** What the peer said in its hello; from a stranger: validate it. */
  readonly hello: unknown;
}

/** A sub-protocol of a node: what {@link protocol} returns. */
export interface Protocol<Out> {
  /** What is known of it on `connection`; undefined where the peer does not speak it. */
  with(connection: AnyConnection): ProtocolPeer | undefined;
  /**
   * Sends a message of the protocol. Resolves as `connection.send` does.
   * @throws {PeerError} P2P_ERR_PROTOCOL_ABSENT when the peer does not speak it; else as `connection.send`
   */
  send(connection: AnyConnection, message: Out): Promise<void>;
  /**
   * Queues a message of the protocol, as `connection.trySend` does; false also where the peer does not speak it.
   * @throws {PeerError} the encoder's own, P2P_ERR_ENCODE_FAILED for anything else that it throws
   */
  trySend(connection: AnyConnection, message: Out): boolean;
}

interface Registry {
  readonly protocols: Map<string, ProtocolDefinition<unknown>>;
  hasStarted: boolean;
}

const registries = new WeakMap<object, Registry>();

function registryOf(node: object): Registry {
  let registry = registries.get(node);
  if (registry === undefined) registries.set(node, (registry = { protocols: new Map(), hasStarted: false }));
  return registry;
}

/**
 * Adds a sub-protocol to `node`: to be called in the constructor of a plugin, which needs the plugin {@link protocols}.
 *
 * ```ts
 * class Gossip implements Hooks<unknown> {
 *   static readonly plugin = { name: 'gossip', needs: ['protocols'] };
 *   readonly #rumours;
 *   constructor(node: PeerNode<unknown>) {
 *     this.#rumours = protocol<Rumour>(node, { name: 'acme/gossip', versions: [1], codec: json<Rumour>(), onMessage: … });
 *   }
 * }
 * ```
 *
 * @throws {PeerError} P2P_ERR_PROTOCOL_TAKEN when another plugin has the name; P2P_ERR_INVALID_CONFIG when something makes no
 * sense, or the node has started
 */
export function protocol<In, Out = In>(
  node: PeerNode<unknown>,
  definition: ProtocolDefinition<In, Out>,
): Protocol<Out> {
  checkDefinition(definition as unknown as ProtocolDefinition<never>);
  const { name } = definition;
  const registry = registryOf(node);
  if (registry.hasStarted) throw invalidConfig(`the protocol ${name} comes after the node has started`);
  if (registry.protocols.has(name))
    throw streamError('P2P_ERR_PROTOCOL_TAKEN', `two plugins of the node have a protocol ${name}`);
  if (registry.protocols.size === MAX_PROTOCOLS)
    throw invalidConfig(`a node has at most ${MAX_PROTOCOLS} protocols`);
  registry.protocols.set(name, definition);
  return {
    with: (connection) => connection.context.get(NEGOTIATED)?.find((negotiated) => negotiated.name === name),
    send(connection, message) {
      const id = idOf(connection.context.get(NEGOTIATED), name);
      if (id === undefined)
        return rejected(
          streamError('P2P_ERR_PROTOCOL_ABSENT', `${connection.address} does not speak ${name}`),
        );
      return connection.send(new Envelope(id, message) as never);
    },
    trySend(connection, message) {
      const id = idOf(connection.context.get(NEGOTIATED), name);
      return id !== undefined && connection.trySend(new Envelope(id, message) as never);
    },
  };
}

function checkDefinition(definition: ProtocolDefinition<never>): void {
  const names = ['name', 'versions', 'codec', 'required', 'hello', 'onOpen', 'onMessage', 'onClose'];
  requireKnown('the definition of a protocol', definition, names);
  const { name, versions, codec, hello } = definition;
  if (!isProtocolName(name))
    throw invalidConfig(
      `\`name\` of a protocol must be 1 to 100 printable characters without spaces, not ${describe(name)}`,
    );
  const areVersions =
    Array.isArray(versions) &&
    versions.length > 0 &&
    versions.length <= 100 &&
    versions.every((version) => Number.isSafeInteger(version) && version >= 0);
  if (!areVersions) throw invalidConfig(`\`versions\` of ${name} must be a list of whole numbers from 0 up`);
  if (typeof codec !== 'function') requireCodec(name, codec);
  requireMethods(`the protocol ${name}`, definition, ['onMessage']);
  if (!canBeSaid(hello))
    throw invalidConfig(`\`hello\` of ${name} must be JSON of ${MAX_SAID} characters at most`);
}

function canBeSaid(hello: unknown): boolean {
  try {
    return isShort(hello);
  } catch {
    return false;
  }
}

function requireCodec<T>(name: string, codec: T): T {
  requireMethods(`the codec of ${name}`, codec, ['decoder', 'encoder']);
  return codec;
}

/** The events of {@link Protocols.events}. */
export interface ProtocolsEvents {
  /** A peer says why it ends a connection, before it does. */
  goodbye: [connection: Connection, goodbye: Goodbye];
}

/** Negotiates the sub-protocols of other plugins, and hands their messages to them. {@link protocols} makes it. */
export class Protocols implements Hooks<unknown> {
  /** Its place among other plugins: messages of sub-protocols are for nobody else, so it comes early. */
  static readonly plugin = { name: 'protocols', after: ['bans', 'tls', 'noise'], before: ['requests'] };
  /** What others may want to know of. */
  readonly events: PluginEvents<ProtocolsEvents>;
  readonly #registry: Registry;
  readonly #logger: Logger;
  /** How many protocols of a connection were told of it. */
  readonly #told = new WeakMap<AnyConnection, number>();
  /** How many connections speak each protocol, for snapshots. */
  readonly #speaking = new Map<string, number>();

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG when the codec of the node is not one of {@link withProtocols} */
  constructor(node: PeerNode<unknown>) {
    if (readData(node.config.codec, IS_WITH_PROTOCOLS) !== true)
      throw invalidConfig('the plugin protocols() needs a node whose `codec` is withProtocols(codec)');
    this.events = new PluginEvents(node.logger);
    this.#logger = node.logger;
    this.#registry = registryOf(node);
  }

  /** Closes the list of protocols. */
  onStart(): void {
    this.#registry.hasStarted = true;
  }

  /** Exchanges hellos. @throws {PeerError} P2P_ERR_PROTOCOL_MISMATCH */
  async onHandshake(handshake: Handshake): Promise<void> {
    const ours = [...this.#registry.protocols.values()].map(
      ({ name, versions, required = false, hello, codec }) => ({
        ...({ name, versions, required, hello } satisfies Offer),
        codecOf: (version: number) =>
          typeof codec === 'function' ? requireCodec(name, codec(version)) : codec,
      }),
    );
    await sayHello(handshake, ours);
    const negotiated = agree(ours, await hearHello(handshake));
    if (typeof negotiated === 'string')
      throw streamError('P2P_ERR_PROTOCOL_MISMATCH', `${handshake.address}: ${negotiated}`);
    handshake.context.set(NEGOTIATED, negotiated);
  }

  /** Tells the protocols that the peer speaks. */
  onConnect(connection: Connection): void | Promise<void> {
    this.#count(connection, 1);
    return callEach(this.#openings(connection), (error) => this.#alsoFailed('onOpen', connection, error));
  }

  /** Hands a message of a sub-protocol to its plugin, and keeps it from all others. */
  onMessage(message: unknown, connection: Connection): void | typeof HANDLED | Promise<typeof HANDLED> {
    if (!(message instanceof Envelope)) return undefined;
    if (message.id === GOODBYE_ID) {
      const goodbye = message.message as Goodbye;
      keepGoodbye(connection, goodbye);
      this.events.emit('goodbye', connection, goodbye);
      return HANDLED;
    }
    const peer = connection.context.get(NEGOTIATED)![message.id - FIRST_ID]!;
    const returned: unknown = this.#definitionOf(peer).onMessage(message.message, connection, peer);
    return isPromise(returned) ? Promise.resolve(returned).then(() => HANDLED) : HANDLED;
  }

  /** Says goodbye, and tells the protocols that the peer spoke. */
  onDisconnect(connection: Connection, reason: DisconnectReason): void | Promise<void> {
    const goodbye = goodbyeFor(reason);
    this.#count(connection, -1);
    try {
      const told = this.#of(connection).slice(0, this.#told.get(connection) ?? 0);
      return callEach(
        told.map(
          ([definition, peer]) =>
            () =>
              definition.onClose?.(connection, peer),
        ),
        (error) => this.#alsoFailed('onClose', connection, error),
      );
    } finally {
      if (goodbye !== undefined && !connection.hasEnded)
        connection.trySend(new Envelope(GOODBYE_ID, goodbye));
    }
  }

  /** What snapshots show: the sub-protocols, and how many connections speak each. */
  [PLUGIN_STATE](): unknown {
    return {
      protocols: excerpt(this.#registry.protocols.values(), ({ name, versions, required = false }) => ({
        name,
        versions: [...versions],
        required,
        connections: this.#speaking.get(name) ?? 0,
      })),
    };
  }

  #count({ context }: Connection, change: 1 | -1): void {
    for (const { name } of context.get(NEGOTIATED) ?? [])
      this.#speaking.set(name, (this.#speaking.get(name) ?? 0) + change);
  }

  /** The node is told of the first that fails; the others would be lost. */
  #alsoFailed(hook: string, connection: Connection, error: unknown): void {
    const fields = { ...peerFields(connection), error };
    this.#logger.error(fields, `${hook} of another sub-protocol failed, too`);
  }

  /** Who was not told of a connection, as one before ended it, is not told of its end. INVARIANT: paired-hooks. */
  *#openings(connection: Connection): Generator<() => unknown> {
    let told = 0;
    for (const [definition, peer] of this.#of(connection)) {
      this.#told.set(connection, ++told);
      yield () => definition.onOpen?.(connection, peer);
      if (connection.state !== 'open') return;
    }
  }

  #of(connection: Connection): [ProtocolDefinition<unknown>, Negotiated][] {
    const negotiated = connection.context.get(NEGOTIATED) ?? [];
    return negotiated.map((peer) => [this.#definitionOf(peer), peer]);
  }

  #definitionOf({ name }: Negotiated): ProtocolDefinition<unknown> {
    return this.#registry.protocols.get(name)!;
  }
}

/** The plugin that negotiates the sub-protocols of other plugins. See {@link Protocols}. */
export const protocols = definePlugin(Protocols);
