import type { Connection } from '@pea2pea/core';
import type { Newable } from 'inversify';

/**
 * The connection that a session belongs to: `@Session({ inject: [SessionConnection] })`, or the type of a parameter where
 * `emitDecoratorMetadata` is set. As a type it is the `Connection` of `@pea2pea/core`.
 *
 * note: only what is made for one connection can have it: sessions, and what they inject that is not a singleton.
 */
export type SessionConnection<In = unknown, Out = In> = Connection<In, Out>;

/** A class, so that the types which `emitDecoratorMetadata` leaves name it; nobody makes one. */
class ConnectionToken {}
Object.defineProperty(ConnectionToken, 'name', { value: 'SessionConnection' });
export const SessionConnection = ConnectionToken as unknown as Newable<Connection>;

/**
 * What a plugin was configured with: `@Plugin({ inject: [PluginOptions] })` has the constructor given the options of
 * `configured(TheClass, options)`, or `{}` where the class itself is listed.
 */
export const PluginOptions: unique symbol = Symbol.for('pea2pea.plugin-options');
