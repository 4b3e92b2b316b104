import type { Connection, DisconnectReason } from '../contracts/connection.js';
import type { AcceptRequest, Handshake } from '../contracts/handshake.js';
import type { HookErrorContext, Hooks } from '../contracts/hooks.js';

type Awaitable<T> = T | Promise<T>;
type AnyConnection = Connection<unknown>;

/** The hooks of all `use` calls as one of each kind; a kind that nobody uses is absent and costs nothing. */
export interface HookChain {
  readonly accept: ((request: AcceptRequest) => Awaitable<boolean>) | undefined;
  readonly handshake: ((handshake: Handshake) => Awaitable<unknown>) | undefined;
  readonly connect: ((connection: AnyConnection) => Awaitable<unknown>) | undefined;
  readonly message: ((message: unknown, connection: AnyConnection) => Awaitable<unknown>) | undefined;
  /** In the order in which they run: reversed. Each runs, whatever the others do. */
  readonly disconnect: readonly ((connection: AnyConnection, reason: DisconnectReason) => unknown)[];
  readonly error: readonly ((error: unknown, context: HookErrorContext) => unknown)[];
}

/** The chain of `list`. Methods are called on their own object, so `this` works in classes. */
export function chainHooks(list: readonly Hooks<unknown>[]): HookChain {
  return {
    accept: chainAccept(bound(list, 'onAccept')),
    handshake: chain(bound(list, 'onHandshake'), neverEnds),
    connect: chain(bound(list, 'onConnect'), hasEnded),
    message: chainMessage(bound(list, 'onMessage')),
    disconnect: bound(list, 'onDisconnect').reverse(),
    error: bound(list, 'onError'),
  };
}

export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function bound<K extends keyof Hooks<unknown>>(
  list: readonly Hooks<unknown>[],
  name: K,
): NonNullable<Hooks<unknown>[K]>[] {
  type Hook = NonNullable<Hooks<unknown>[K]>;
  return list.flatMap((hooks) => {
    const hook = hooks[name] as Hook | undefined;
    return hook === undefined ? [] : [hook.bind(hooks) as Hook];
  });
}

function chainAccept(hooks: readonly NonNullable<Hooks<unknown>['onAccept']>[]): HookChain['accept'] {
  if (hooks.length === 0) return undefined;
  return async (request) => {
    for (const hook of hooks) {
      if ((await hook(request)) === false) return false;
    }
    return true;
  };
}

/** Runs `hooks` one after the other, in this very turn as long as none answers a promise. */
function chain<T>(
  hooks: readonly ((subject: T) => unknown)[],
  ended: (subject: T) => boolean,
): ((subject: T) => Awaitable<unknown>) | undefined {
  const [only] = hooks;
  if (hooks.length <= 1) return only;
  const runFrom = (first: number, subject: T): Awaitable<unknown> => {
    for (let index = first; index < hooks.length; index++) {
      if (index > 0 && ended(subject)) return undefined;
      const answer = hooks[index]!(subject);
      if (isPromise(answer)) return Promise.resolve(answer).then(() => runFrom(index + 1, subject));
    }
    return undefined;
  };
  return (subject) => runFrom(0, subject);
}

function chainMessage(hooks: readonly NonNullable<Hooks<unknown>['onMessage']>[]): HookChain['message'] {
  const [only] = hooks;
  if (hooks.length <= 1) return only;
  const runFrom = (first: number, message: unknown, connection: AnyConnection): Awaitable<unknown> => {
    for (let index = first; index < hooks.length; index++) {
      if (index > 0 && hasEnded(connection)) return undefined;
      const answer: unknown = hooks[index]!(message, connection);
      if (isPromise(answer)) {
        return Promise.resolve(answer).then(() => runFrom(index + 1, message, connection));
      }
    }
    return undefined;
  };
  return (message, connection) => runFrom(0, message, connection);
}

function neverEnds(): boolean {
  return false;
}

function hasEnded(connection: AnyConnection): boolean {
  return connection.state !== 'open';
}
