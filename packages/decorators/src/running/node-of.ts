import type { Connection, PeerNode } from '@pea2pea/core';

/** A class that makes a `T` of `Args`. */
export type ClassOf<T extends object, Args extends readonly unknown[]> = new (...args: Args) => T;

/** `[In, Out]` of a connection or a node among `Values`; of others, and of those that are about any message, none. */
type MessagesAmong<Values> = Values extends Connection<infer In, infer Out> | PeerNode<infer In, infer Out>
  ? unknown extends In
    ? never
    : [In] extends [never]
      ? never
      : [In, Out]
  : never;

type ParametersAmong<Members> = Members extends (...args: infer Args extends readonly unknown[]) => unknown
  ? Args[number]
  : never;

/** What the public members of `T` and its constructor say about the messages of its node. */
type MessagesOf<T, Args extends readonly unknown[]> = MessagesAmong<
  ParametersAmong<T[keyof T]> | T[keyof T] | Args[number]
>;

/**
 * The node of a peer of class `T`, made of `Args`: typed by the connections that its methods take
 * (`onChat(message: Chat, connection: Connection<Chat>)`), or by a node that is injected (`PeerNode<Chat>`).
 *
 * note: a decorator cannot change the type of a class, so a codec that stands in `@Peer` alone types no handle. A class
 * whose methods name no connection has a `PeerNode<unknown>`.
 */
export type NodeOf<T extends object, Args extends readonly unknown[] = readonly []> = [
  MessagesOf<T, Args>,
] extends [never]
  ? PeerNode<unknown>
  : PeerNode<MessagesOf<T, Args>[0], MessagesOf<T, Args>[1]>;
