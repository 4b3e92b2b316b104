import { PeerError, type AnyConnection, type Connection } from '@pea2pea/core';
import { decoratorError } from '../declarations/errors.js';
import { nameOfClass } from '../declarations/peer-class.js';
import { isSession, type SessionClass } from '../declarations/session.js';

/** The sessions of one peer, as far as they are needed here. */
interface Source {
  lists(Class: SessionClass): boolean;
  of(connection: Connection): readonly object[] | undefined;
  waitFor(connection: Connection): Promise<void> | undefined;
}

/** Who makes the sessions of each connection. A connection does not know: it may be of a node without any. */
const sessionsOf = new WeakMap<AnyConnection, Source>();

/** The sessions of `connection` are those of `sessions` from now on. */
export function announceSessions(connection: Connection, sessions: Source): void {
  sessionsOf.set(connection, sessions);
}

/**
 * The session of `connection` that is a `Class`: for peers, plugins, and the caller of `connect`. Undefined where there is none:
 * not yet, not any more, or because the peer does not list the class.
 *
 * ```ts
 * const login = sessionOf(connection, Login);
 * ```
 *
 * note: hooks of a plugin may run before the sessions are made: {@link waitForSession} waits for them.
 * note: of a subclass, too, where the peer lists that; the first one.
 * @throws {PeerError} P2P_ERR_INVALID_SESSION when `Class` has no `@Session`
 */
export function sessionOf<T extends object>(
  connection: AnyConnection,
  Class: SessionClass<T>,
): T | undefined {
  requireSession(Class);
  const instances = sessionsOf.get(connection)?.of(connection);
  return instances?.find((instance) => instance instanceof Class) as T | undefined;
}

/**
 * Resolves with what {@link sessionOf} returns, once the sessions of `connection` are made.
 *
 * ```ts
 * const connection = await handle.node.connect(address);
 * const login = await waitForSession(connection, Login);
 * ```
 *
 * note: not for `@OnConnect` and the constructor of a session: that would wait for itself. Inject the other session there.
 * @throws {PeerError} P2P_ERR_NO_SESSION when the peer does not list the class, or making its sessions failed;
 * P2P_ERR_DISCONNECTED when the connection has ended; P2P_ERR_INVALID_SESSION when `Class` has no `@Session`
 */
export async function waitForSession<T extends object>(
  connection: AnyConnection,
  Class: SessionClass<T>,
): Promise<T> {
  requireSession(Class);
  const sessions = sessionsOf.get(connection);
  if (sessions?.lists(Class) !== true) {
    throw decoratorError(
      'P2P_ERR_NO_SESSION',
      `the peer of ${connection.address} lists no ${nameOfClass(Class)}`,
      {
        remedy: `name it in the \`sessions\` of the peer, or of a plugin that the peer lists`,
      },
    );
  }
  await Promise.race([sessions.waitFor(connection as Connection), connection.closed]);
  const session = sessionOf(connection, Class);
  if (session !== undefined) return session;
  throw new PeerError('P2P_ERR_DISCONNECTED', `${connection.address} has no ${nameOfClass(Class)} any more`);
}

function requireSession(Class: unknown): void {
  if (isSession(Class)) return;
  throw decoratorError(
    'P2P_ERR_INVALID_SESSION',
    `${nameOfClass(Class)} is not a session: it has no @Session`,
  );
}
