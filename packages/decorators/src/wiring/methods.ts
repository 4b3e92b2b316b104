import type { HookMethod } from '../declarations/hook-methods.js';
import { invalidDecorator } from '../declarations/invalid-decorator.js';
import type { MethodName } from '../declarations/method-site.js';
import { nameOfClass } from '../declarations/peer-class.js';

/** An object, seen as its methods. They are looked up when they are called, so that one replaced in a test is called. */
export type Methods = Record<MethodName, (...args: readonly unknown[]) => unknown>;

/**
 * A field would hide the hook method of its name.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR
 */
export function checkFields(instance: Methods, methods: readonly HookMethod[]): void {
  for (const { name } of methods) {
    if (typeof instance[name] === 'function') continue;
    throw invalidDecorator(
      `${nameOfClass(instance.constructor)}.${String(name)}() is a hook method, but an instance has a field there`,
    );
  }
}
