import type { Hooks } from '@pea2pea/core';
import { invalidDecorator } from './invalid-decorator.js';
import type { MethodMark } from './method-mark.js';
import type { MessageFilter } from './message-filter.js';
import { methodSite, runChecks, type MethodName } from './method-site.js';
import { nameOfClass, type PeerBase } from './peer-class.js';

/** The role that a decorator gives a method: the hook that it serves and, for `onMessage`, the messages that it takes. */
export type HookRole = PlainRole | MessageRole | MarkRole;

export interface PlainRole {
  readonly hook: Exclude<keyof Hooks<unknown>, 'onMessage'> | 'onStart' | 'onStop';
}

export interface MessageRole {
  readonly hook: 'onMessage';
  readonly takes: MessageFilter;
}

/** The method is one for a plugin to find. */
export interface MarkRole {
  readonly hook: 'marked';
  readonly mark: MethodMark<unknown>;
  readonly value: unknown;
}

/** A method with its role, as found on a class. */
export type HookMethod = HookRole & { readonly name: MethodName };
export type MessageMethod = MessageRole & { readonly name: MethodName };

/** Roles are kept on the method function itself: the one thing that decorators of both modes are given. */
const ROLES = Symbol.for('pea2pea.roles');

/**
 * Gives the method that `decorator` stands on a role.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR when it is not a public instance method, or has the role
 */
export function addRole(decorator: string, role: HookRole, args: readonly unknown[]): void {
  const { method, name, whenReady } = methodSite(decorator, args);
  const roles = rolesOf(method);
  if (roles.some((other) => isSame(other, role))) {
    throw invalidDecorator(`${decorator} stands twice on the method ${String(name)}()`);
  }
  // Decorators run from the one next to the method outwards; roles are listed as they are read.
  Object.defineProperty(method, ROLES, { value: [role, ...roles], configurable: true });
  whenReady((owner) => {
    if (hasRoles(owner, name)) return;
    throw invalidDecorator(
      `the decorator above ${decorator} on ${nameOfClass(owner.constructor)}.${String(name)}() replaced the ` +
        `method, which hides it`,
      `write ${decorator} first, above the others`,
    );
  });
}

function isSame(one: HookRole, other: HookRole): boolean {
  if (one.hook === 'marked' && other.hook === 'marked') return one.mark === other.mark;
  return one.hook === other.hook;
}

/**
 * The hook methods of a class: those of its base first, then in the order of declaration.
 *
 * note: a method that overrides one keeps its place, and its roles unless it is decorated itself.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR when one was overridden by something that is not a method
 */
export function hookMethodsOf(target: PeerBase): HookMethod[] {
  const found = new Map<MethodName, readonly HookRole[]>();
  for (const prototype of prototypesOf(target)) {
    runChecks(prototype);
    for (const name of Reflect.ownKeys(prototype)) {
      const value: unknown = Object.getOwnPropertyDescriptor(prototype, name)?.value;
      if (typeof value !== 'function') {
        if (found.has(name)) {
          throw invalidDecorator(
            `${nameOfClass(prototype.constructor)}.${String(name)} overrides a hook method, but is not a method`,
          );
        }
        continue;
      }
      const roles = rolesOf(value);
      if (roles.length > 0) found.set(name, roles);
    }
  }
  return [...found].flatMap(([name, roles]) => roles.map((role) => ({ ...role, name })));
}

function rolesOf(method: object): readonly HookRole[] {
  return (method as { readonly [ROLES]?: readonly HookRole[] })[ROLES] ?? [];
}

/** Whether `name` is a hook method anywhere up the prototype chain: an override may be undecorated. */
function hasRoles(owner: object, name: MethodName): boolean {
  for (let at: object | null = owner; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    const value: unknown = Object.getOwnPropertyDescriptor(at, name)?.value;
    if (typeof value === 'function' && rolesOf(value).length > 0) return true;
  }
  return false;
}

/** From the outermost base to `target` itself. */
function prototypesOf(target: PeerBase): object[] {
  const chain: object[] = [];
  let prototype = target.prototype as object | null;
  while (prototype !== null && prototype !== Object.prototype) {
    chain.unshift(prototype);
    prototype = Object.getPrototypeOf(prototype) as object | null;
  }
  return chain;
}
