import type { PeerError } from '@pea2pea/core';
import type { Connection, PeerNode } from '@pea2pea/core';
import { describe, readData } from '@pea2pea/core/authoring';
import {
  type BindingScope,
  decorate,
  inject,
  injectable,
  injectFromBase,
  LazyServiceIdentifier,
  type ServiceIdentifier,
} from 'inversify';
import { decoratorError } from './errors.js';
import type { SessionConnection } from './injectables.js';
import { invalidDecorator } from './invalid-decorator.js';
import { nameOfClass, type PeerBase } from './peer-class.js';

/** What a constructor parameter may be asked for by: a class, a name or a symbol; or one of them, looked up later. */
export type Dependency = ServiceIdentifier | LazyServiceIdentifier;

/**
 * What a constructor is given for a list of dependencies, in a peer of a `Codec<In, Out>`.
 *
 * note: a name or a symbol says nothing about its type, so `never` stands for it: it fits any parameter.
 */
export type Dependencies<List extends readonly Dependency[], In, Out> = {
  -readonly [Index in keyof List]: List[Index] extends typeof PeerNode
    ? PeerNode<In, Out>
    : List[Index] extends typeof SessionConnection
      ? Connection<In, Out>
      : List[Index] extends ServiceIdentifier<infer T> | LazyServiceIdentifier<infer T>
        ? unknown extends T
          ? never
          : T
        : never;
};

/**
 * A decorator of a class whose constructor takes just `Args`, in both modes. `never[]` stands for any
 * constructor: then the container finds out what it takes.
 */
export type InjectableDecorator<Args extends readonly unknown[]> = <
  Class extends abstract new (...args: Args) => object,
>(
  target: Class & CountChecked<Args, ConstructorParameters<Class>>,
  context?: ClassDecoratorContext<Class>,
) => void;

/** TypeScript lets a constructor take fewer than it is given; in `inject` that is a mistake. */
type CountChecked<
  Args extends readonly unknown[],
  Parameters extends readonly unknown[],
> = number extends Args['length']
  ? unknown
  : Args['length'] extends Parameters['length']
    ? unknown
    : '`inject` names more dependencies than the constructor takes';

/**
 * Makes `target` injectable: with the listed dependencies, else those that `@inject` on
 * parameters and the types that the compiler left (`emitDecoratorMetadata`) name.
 *
 * @param decorator what error messages call the decorator that asks for it
 * @param base the class of the same kind that `target` extends: its injected properties, `@postConstruct` and
 * `@preDestroy` hold for `target`, too; so do its dependencies where `target` has no list and no
 * constructor parameters.
 * @throws {PeerError} P2P_ERR_MISSING_DEPENDENCY when the list is shorter than the constructor's or holds
 * something else, or when nothing tells what the constructor of `base` needs; P2P_ERR_INVALID_DECORATOR when
 * the class was made injectable before, or a parameter has `@inject` as well
 */
export function declareDependencies(
  decorator: string,
  target: PeerBase,
  scope: BindingScope,
  list: readonly Dependency[] | undefined,
  base: PeerBase | undefined,
): void {
  if (list !== undefined) checkList(target, list);
  try {
    // The list comes first: the types that the compiler left only fill in what is missing.
    list?.forEach((dependency, index) => decorate(inject(dependency), target, index));
    injectable(scope)(target);
  } catch (cause) {
    throw invalidDecorator(
      `${decorator} cannot make ${nameOfClass(target)} injectable`,
      `leave out @injectable, and with \`inject\` the @inject on parameters`,
      { cause },
    );
  }
  if (base === undefined) return;
  try {
    injectFromBase({ extendConstructorArguments: list === undefined && target.length === 0 })(target);
  } catch (cause) {
    throw missingDependency(base, cause);
  }
}

/** P2P_ERR_MISSING_DEPENDENCY: `cause` is what the container says. */
export function missingDependency(what: PeerBase | string, cause: unknown): PeerError {
  const said = readData(cause, 'message');
  const why = typeof said === 'string' ? (said.split('\n', 1)[0] ?? '') : describe(cause);
  const name = typeof what === 'string' ? what : nameOfClass(what);
  return decoratorError('P2P_ERR_MISSING_DEPENDENCY', `${name} cannot be made: ${why}`, { cause });
}

function checkList(target: PeerBase, list: readonly Dependency[]): void {
  const name = nameOfClass(target);
  if (list.length < target.length) {
    throw decoratorError(
      'P2P_ERR_MISSING_DEPENDENCY',
      `the constructor of ${name} takes ${target.length} parameters, \`inject\` names ${list.length}`,
    );
  }
  const invalid = list.findIndex((dependency) => !isDependency(dependency));
  if (invalid !== -1) {
    throw decoratorError(
      'P2P_ERR_MISSING_DEPENDENCY',
      `\`inject[${invalid}]\` of ${name} is ${typeof list[invalid]}`,
      { remedy: 'if two modules import each other, write new LazyServiceIdentifier(() => Service)' },
    );
  }
}

function isDependency(value: unknown): boolean {
  return (
    typeof value === 'function' ||
    typeof value === 'string' ||
    typeof value === 'symbol' ||
    LazyServiceIdentifier.is(value)
  );
}
