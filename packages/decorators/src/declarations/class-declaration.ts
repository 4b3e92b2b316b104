import { describe, printable } from '@pea2pea/core/authoring';
import { declareDependencies, type Dependency } from './dependencies.js';
import { invalidDecorator, isDecoratorContext } from './invalid-decorator.js';
import { nameOfClass, type PeerBase } from './peer-class.js';

/** What a class can be; one of them, and its subclasses are the same. */
export type ClassKind = 'peer' | 'plugin' | 'session';

interface Declaration {
  readonly kind: ClassKind;
  readonly options: object;
}

/**
 * A declaration is kept on the class itself, complete with that of its bases, and found by subclasses through
 * the chain of constructors. There is no registry beside it.
 */
const DECLARATION = Symbol.for('pea2pea.class');

interface WithDeclaration {
  readonly [DECLARATION]?: Declaration;
}

/** What the container makes of a class: one for each of its own containers, or one for each connection. */
const SCOPES = { peer: 'Singleton', plugin: 'Singleton', session: 'Request' } as const;

const DECORATORS = { peer: '@Peer', plugin: '@Plugin', session: '@Session' } as const;

/**
 * What `kind`'s decorator does to the class that it stands on: writes down its options, and makes it injectable.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR when it stands on something else than a class, or twice, or on a class
 * of another kind; P2P_ERR_MISSING_DEPENDENCY as `declareDependencies`
 */
export function declareClass(
  kind: ClassKind,
  target: PeerBase,
  second: unknown,
  options: object,
  inject: readonly Dependency[] | undefined,
): void {
  checkSite(kind, target, second);
  const own = ownDeclaration(target);
  if (own?.kind === kind)
    throw invalidDecorator(`${DECORATORS[kind]} stands twice on ${nameOfClass(target)}`);
  declare(kind, target, options, inject);
}

/**
 * The options that `kind`'s decorator was given, those of the bases included; undefined where there is none.
 *
 * note: a subclass without a decorator is completed here, as if one without options stood on it: the
 * container knows nothing of inheritance by itself.
 */
export function optionsOf(kind: ClassKind, target: unknown): object | undefined {
  if (typeof target !== 'function') return undefined;
  const base = target as PeerBase;
  if (inheritedDeclaration(base)?.kind !== kind) return undefined;
  if (ownDeclaration(base) === undefined) declare(kind, base, {}, undefined);
  return ownDeclaration(base)?.options;
}

function declare(
  kind: ClassKind,
  target: PeerBase,
  options: object,
  inject: readonly Dependency[] | undefined,
): void {
  const other = inheritedDeclaration(target)?.kind ?? kind;
  if (other !== kind) {
    throw invalidDecorator(
      `${nameOfClass(target)} has ${DECORATORS[kind]} and ${DECORATORS[other]}; a class is one of them`,
    );
  }
  const base = Object.getPrototypeOf(target) as PeerBase;
  const inherited = optionsOf(kind, base);
  declareDependencies(
    DECORATORS[kind],
    target,
    SCOPES[kind],
    inject,
    inherited === undefined ? undefined : base,
  );
  const declaration: Declaration = { kind, options: Object.freeze({ ...inherited, ...options }) };
  Object.defineProperty(target, DECLARATION, { value: declaration });
}

function ownDeclaration(target: PeerBase): Declaration | undefined {
  return Object.hasOwn(target, DECLARATION) ? (target as WithDeclaration)[DECLARATION] : undefined;
}

function inheritedDeclaration(target: PeerBase): Declaration | undefined {
  return (target as WithDeclaration)[DECLARATION];
}

function checkSite(kind: ClassKind, target: unknown, second: unknown): void {
  const standard = isDecoratorContext(second);
  if (standard ? second.kind === 'class' : second === undefined && typeof target === 'function') return;
  // Called as a function it may be given anything.
  const name: unknown = standard ? second.name : second;
  const where = typeof name === 'string' ? printable(name) : describe(name ?? target);
  throw invalidDecorator(`${DECORATORS[kind]} stands on ${where}, which is not a class`);
}
