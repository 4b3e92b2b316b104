import type { Connection } from '@pea2pea/core';

/**
 * What requests go out by, in place of the messages of the node itself: a sub-protocol of `@pea2pea/streams` is one. A plugin with
 * methods of its own shares connections with whatever else the node says on them.
 *
 * ```ts
 * const wire = protocol<unknown>(node, {
 *   name: 'acme/sums',
 *   versions: [1],
 *   codec: json(),
 *   onMessage: (message, connection) => this.#requests.onMessage(message, connection) as Promise<void> | undefined,
 * });
 * this.#requests = new Requests(node, { exclusive: true }, wire);
 * ```
 *
 * note: such `Requests` are not in the list of plugins: hand messages, `onPeerEnd`, `onDrain` and `onStop` to them.
 */
export interface RequestWire {
  /** Undefined where the peer does not speak the protocol: a call rejects with P2P_ERR_UNSUPPORTED. */
  with(connection: Connection): object | undefined;
  /** As `send` of a connection. */
  send(connection: Connection, message: unknown): Promise<void>;
  /** As `trySend` of a connection. */
  trySend(connection: Connection, message: unknown): boolean;
}

/** The messages of the node itself. */
export const CONNECTION: RequestWire = {
  with: (connection) => connection,
  send: (connection, message) => connection.send(message),
  trySend: (connection, message) => connection.trySend(message),
};
