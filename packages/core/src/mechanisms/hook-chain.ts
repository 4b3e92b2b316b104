import { invalidConfig, readProperty, requireFunction, requireObject } from '../authoring/checks.js';
import { printable, readData } from '../errors/describe.js';
import type { Connection, DisconnectReason } from '../contracts/connection.js';
import type { AcceptRequest, Handshake } from '../contracts/handshake.js';
import { HANDLED, type HookErrorContext, type Hooks } from '../contracts/hooks.js';
import { isPromise, whenSettled } from '../authoring/thenable.js';

type Awaitable<T> = T | Promise<T>;

/** A connection that knows how many layers of hooks (calls of `use`) have had their turn to hear of it. */
export interface Introduced extends Connection {
  layersReached: number;
}

/** The hooks of all `use` calls as one of each kind; a kind that nobody uses is absent and costs nothing. */
export interface HookChain {
  readonly accept: ((request: AcceptRequest) => Awaitable<boolean>) | undefined;
  readonly handshake: ((handshake: Handshake) => Awaitable<unknown>) | undefined;
  /** Starts all of them in this very turn; `failed` is called with what each throws or rejects with. */
  readonly connect: ((connection: Introduced, failed: (error: unknown) => void) => void) | undefined;
  readonly message: ((message: unknown, connection: Connection) => Awaitable<unknown>) | undefined;
  readonly peerEnd: ((connection: Connection) => Awaitable<unknown>) | undefined;
  /** In the order in which they run: reversed. Each runs, whatever the others do. */
  readonly disconnect: readonly DisconnectHook[];
  readonly drain: readonly (() => unknown)[];
  readonly error: readonly ((error: unknown, context: HookErrorContext) => unknown)[];
}

/** An `onDisconnect`, for connections that have reached its layer. */
export interface DisconnectHook {
  readonly layer: number;
  readonly call: (connection: Connection, reason: DisconnectReason) => unknown;
}

const HOOKS = [
  'onStart',
  'onDrain',
  'onStop',
  'onAccept',
  'onHandshake',
  'onConnect',
  'aroundMessage',
  'onMessage',
  'onPeerEnd',
  'onDisconnect',
  'onError',
] as const;
type Hook = (typeof HOOKS)[number];

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG for what is not an object, and for a hook that is not a function */
export function requireHooks(hooks: Hooks<never>): void {
  requireObject('hooks', hooks);
  // A class may have methods of its own that look like hooks; in an object literal they can only be mistyped.
  if (readData(hooks, 'constructor') === Object) {
    const unknown = Object.keys(hooks).find((key) => /^on[A-Z]/.test(key) && !HOOKS.includes(key as Hook));
    if (unknown !== undefined)
      throw invalidConfig(`\`${printable(unknown)}\` is not a hook: known are ${HOOKS.join(', ')}`);
  }
  for (const name of HOOKS) {
    const hook = readProperty('the hooks', hooks, name);
    if (hook !== undefined) requireFunction(name, hook);
  }
}

/** The chain of `list`. Methods are called on their own object, so `this` works in classes. */
export function chainHooks(list: readonly Hooks<unknown>[]): HookChain {
  return {
    accept: chainAccept(bound(list, 'onAccept')),
    handshake: chainHandshake(bound(list, 'onHandshake')),
    connect: chainConnect(list.map((hooks) => hooks.onConnect?.bind(hooks))),
    message: surrounded(chainMessage(bound(list, 'onMessage')), bound(list, 'aroundMessage')),
    peerEnd: chainPeerEnd(bound(list, 'onPeerEnd')),
    disconnect: list
      .flatMap((hooks, layer) => {
        const call = hooks.onDisconnect?.bind(hooks);
        return call === undefined ? [] : [{ layer, call }];
      })
      .reverse(),
    drain: bound(list, 'onDrain'),
    error: bound(list, 'onError'),
  };
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

function chainHandshake(
  hooks: readonly NonNullable<Hooks<unknown>['onHandshake']>[],
): HookChain['handshake'] {
  const [only] = hooks;
  if (hooks.length <= 1) return only;
  return async (handshake) => {
    for (const hook of hooks) await hook(handshake);
  };
}

/**
 * None waits for the promise of another: each has begun before the first message is handled, and none holds
 * that up. Those after one that throws are called all the same, as `onError` may keep the connection.
 * INVARIANT: paired-hooks.
 */
function chainConnect(layers: readonly (Hooks<unknown>['onConnect'] | undefined)[]): HookChain['connect'] {
  if (layers.every((hook) => hook === undefined)) return undefined;
  return (connection, failed) => {
    let thrown: unknown[] | undefined;
    connection.layersReached = 0;
    for (const hook of layers) {
      connection.layersReached++;
      try {
        const answer: unknown = hook?.(connection);
        if (isPromise(answer)) whenSettled(answer, ignore, failed);
      } catch (error) {
        (thrown ??= []).push(error);
      }
      if (connection.state !== 'open') break;
    }
    if (thrown !== undefined) for (const error of thrown) failed(error);
  };
}

function chainMessage(hooks: readonly NonNullable<Hooks<unknown>['onMessage']>[]): HookChain['message'] {
  const [only] = hooks;
  if (hooks.length <= 1) return only;
  const runFrom = (first: number, message: unknown, connection: Connection): Awaitable<unknown> => {
    for (let index = first; index < hooks.length; index++) {
      if (index > 0 && hasEnded(connection)) return undefined;
      const answer: unknown = hooks[index]!(message, connection);
      if (answer === HANDLED) return undefined;
      if (isPromise(answer)) {
        return Promise.resolve(answer).then((settled) =>
          settled === HANDLED ? undefined : runFrom(index + 1, message, connection),
        );
      }
    }
    return undefined;
  };
  return (message, connection) => runFrom(0, message, connection);
}

/** The first is the outermost. */
function surrounded(
  message: HookChain['message'],
  around: readonly NonNullable<Hooks<unknown>['aroundMessage']>[],
): HookChain['message'] {
  if (message === undefined) return undefined;
  return around.reduceRight<NonNullable<HookChain['message']>>(
    (inner, hook) => (received, connection) => hook(received, connection, () => inner(received, connection)),
    message,
  );
}

/** Each after the promise of the one before, as long as the connection is open. */
function chainPeerEnd(hooks: readonly NonNullable<Hooks<unknown>['onPeerEnd']>[]): HookChain['peerEnd'] {
  const [only] = hooks;
  if (hooks.length <= 1) return only;
  return async (connection) => {
    for (const hook of hooks) if (!hasEnded(connection)) await hook(connection);
  };
}

function hasEnded(connection: Connection): boolean {
  return connection.state !== 'open';
}

function ignore(): void {}
