import { invalidDecorator, isDecoratorContext } from './invalid-decorator.js';
import { nameOfClass } from './peer-class.js';

export type MethodName = string | symbol;

/** A public instance method that a decorator stands on. */
export interface MethodSite {
  readonly method: object;
  readonly name: MethodName;
  /**
   * Has `check` called with what the method was found through: the prototype when hooks are read (legacy
   * decorators), the instance when it is made (standard ones, which never see the prototype).
   */
  readonly whenReady: (check: (owner: object) => void) => void;
}

/** Checks that hook decorators left on a prototype, to be run when its hooks are read. */
const CHECKS = Symbol.for('pea2pea.checks');

/**
 * Where `decorator` stands, in either mode.
 *
 * ```text
 *   standard   (method, { kind, name, static, private, addInitializer })
 *   legacy     (prototype or class, name, descriptor or undefined)
 * ```
 *
 * note: standard decorators do not know their class yet, so their errors name the method alone.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR when it is not a public instance method
 */
export function methodSite(decorator: string, args: readonly unknown[]): MethodSite {
  const [first, second, third] = args;
  if (isDecoratorContext(second)) return standardSite(decorator, first, second);
  return legacySite(decorator, first, second as MethodName | undefined, third);
}

/** Runs the checks that legacy decorators left on `prototype` itself. */
export function runChecks(prototype: object): void {
  for (const check of ownChecks(prototype)) check(prototype);
}

function standardSite(decorator: string, value: unknown, context: DecoratorContext): MethodSite {
  const { kind } = context;
  if (kind === 'class') throw invalidDecorator(`${decorator} stands on the class ${nameOfClass(value)}`);
  const name = String(context.name);
  if (kind !== 'method') throw invalidDecorator(`${decorator} stands on the ${kind} ${name}`);
  if (context.static) throw invalidDecorator(`${decorator} stands on the static method ${name}()`);
  if (context.private) throw invalidDecorator(`${decorator} stands on the private method ${name}()`);
  return {
    method: value as object,
    name: context.name,
    whenReady: (check) => {
      context.addInitializer(function (this: unknown) {
        check(this as object);
      });
    },
  };
}

function legacySite(
  decorator: string,
  owner: unknown,
  name: MethodName | undefined,
  descriptor: unknown,
): MethodSite {
  if (name === undefined) throw invalidDecorator(`${decorator} stands on the class ${nameOfClass(owner)}`);
  if (typeof owner === 'function') {
    throw invalidDecorator(`${decorator} stands on the static member ${nameOfClass(owner)}.${String(name)}`);
  }
  const prototype = owner as object;
  const member = `${nameOfClass(prototype.constructor)}.${String(name)}`;
  if (descriptor === undefined) throw invalidDecorator(`${decorator} stands on the field ${member}`);
  const { value } = descriptor as { readonly value?: unknown };
  if (typeof value !== 'function') throw invalidDecorator(`${decorator} stands on the accessor ${member}`);
  return {
    method: value,
    name,
    whenReady: (check) => {
      const checks = [...ownChecks(prototype), check];
      Object.defineProperty(prototype, CHECKS, { value: checks, configurable: true });
    },
  };
}

function ownChecks(prototype: object): readonly ((owner: object) => void)[] {
  if (!Object.hasOwn(prototype, CHECKS)) return [];
  return (prototype as { [CHECKS]: readonly ((owner: object) => void)[] })[CHECKS];
}
