import type { Codec, Connection, SchemaOutput, StandardSchemaV1, TaggedCodec } from '@pea2pea/core';
import type { ConnectionArgument, HookDecorator } from './hook-decorators.js';
import { addRole } from './hook-methods.js';
import { messageFilterOf, type MessageClass } from './message-filter.js';

/** A decorator of a method that is given `Message`, and a connection of whatever codec the peer has. */
type MessageDecorator<Message> = HookDecorator<[message: Message, connection: ConnectionArgument]>;

/** The tags of a union. */
type TagOf<In, Key extends string> = In extends { readonly [K in Key]: infer Tag extends string }
  ? Tag
  : never;

/**
 * The method gets messages: `(message, connection) => unknown`. Which ones, and as which type, the argument says. See
 * `Hooks.onMessage`.
 *
 * ```text
 *   @OnMessage()          every message; the method may name any type and is trusted
 *   @OnMessage(codec)     every message, as the codec makes it; the codec is that of @Peer
 *   @OnMessage(codec, tag) those of a tagged codec that have the tag, as that member of the union
 *   @OnMessage(schema)    those that validate; the method is given the output of the schema
 *   @OnMessage(Class)     those that are `instanceof Class`
 *   @OnMessage(guard)     those that the guard returns true for
 * ```
 *
 * ```ts
 * @OnMessage(Join)
 * onJoin(message: Join, connection: Connection<Join | Say>) { … }
 *
 * @OnMessage((message: Say) => message.text !== '')
 * async onSay(message: Say) { … }
 * ```
 *
 * With several, the first in the order of declaration that takes a message gets it, alone; methods of the base class
 * come first. A catch-all (one of the first two forms) comes last. What a message meets that nobody takes, `unmatched`
 * of `@Peer` says.
 *
 * note: one message at a time per connection; the promise of an `async` method, and of an asynchronous schema, holds
 * up the next one. If the connection ends while a schema validates, its message is dropped.
 * note: throwing ends the connection, unless an `@OnError` method returns `'keep'`; a schema or a guard that throws
 * is a method that throws.
 * note: a guard returns true or false, at once. Its parameter type is trusted, unless it is `unknown`.
 * note: a method that overrides one keeps its place. One named by a symbol comes after those named by a string.
 * note: a constructor in the old style (a `function` without methods) is taken for a guard.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR where it stands on anything but a public instance method, or is
 * given something else; and when the peer starts: a catch-all that is not last, a second one, a codec that is not
 * the peer's
 */
export function OnMessage(): MessageDecorator<never>;
export function OnMessage<Schema extends StandardSchemaV1>(
  schema: Schema,
): MessageDecorator<SchemaOutput<Schema>>;
export function OnMessage<In, Out>(
  codec: Codec<In, Out>,
): HookDecorator<[message: In, connection: Connection<In, Out>]>;
export function OnMessage<In, Out, Key extends string, Tag extends TagOf<In, Key>>(
  codec: TaggedCodec<In, Out, Key>,
  tag: Tag,
): HookDecorator<[message: Extract<In, { readonly [K in Key]: Tag }>, connection: Connection<In, Out>]>;
export function OnMessage<T>(messageClass: MessageClass<T>): MessageDecorator<T>;
export function OnMessage<In, T extends In>(guard: (message: In) => message is T): MessageDecorator<T>;
export function OnMessage<T>(guard: (message: T) => boolean): MessageDecorator<T>;
export function OnMessage(...args: readonly unknown[]): HookDecorator<never> {
  const role = { hook: 'onMessage', takes: messageFilterOf(args) } as const;
  return (...site: readonly unknown[]) => addRole('@OnMessage', role, site);
}
