import type { Codec, StandardSchemaV1, TaggedCodec } from '@pea2pea/core';
import { isStandardSchema } from '@pea2pea/core/authoring';
import { invalidDecorator } from './invalid-decorator.js';
import { nameOfClass } from './peer-class.js';

/** A class that messages may be instances of. */
export type MessageClass<T = unknown> = abstract new (...args: never) => T;

/** Which messages a method takes; `nothing` to tell them by makes it a catch-all. */
export type MessageFilter =
  | { readonly by: 'nothing'; readonly codec?: Codec<unknown> }
  | { readonly by: 'tag'; readonly codec: Codec<unknown>; readonly key: string; readonly tag: string }
  | { readonly by: 'schema'; readonly schema: StandardSchemaV1 }
  | { readonly by: 'class'; readonly class: MessageClass }
  | { readonly by: 'guard'; readonly guard: (message: unknown) => unknown };

/**
 * What the arguments of `@OnMessage` ask for.
 *
 * ```text
 *   has `~standard`   a schema; schemas may be functions (arktype) or classes, so this is asked first
 *   a codec           every message
 *   a codec, a tag    those that have the tag
 *   a class           see isClass
 *   another function  a guard
 * ```
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR when they are nothing of the kind
 */
export function messageFilterOf(args: readonly unknown[]): MessageFilter {
  if (args.length === 0) return { by: 'nothing' };
  const [what, tag] = args;
  if (args.length === 2 && isCodec(what) && typeof tag === 'string') return tagFilterOf(what, tag);
  if (args.length === 1) {
    if (what === undefined) {
      throw invalidDecorator(
        '@OnMessage is given undefined',
        'if two modules import each other, move what it names to a third',
      );
    }
    if (isSchemaLike(what)) return { by: 'schema', schema: schemaOf(what) };
    if (isCodec(what)) return { by: 'nothing', codec: what };
    if (isClass(what)) return { by: 'class', class: refuseWrapper(what) };
    if (typeof what === 'function') return { by: 'guard', guard: what as (message: unknown) => unknown };
  }
  throw invalidDecorator(
    '@OnMessage takes a codec, a tagged codec and a tag, a Standard Schema, a class, a guard, or nothing',
    'write @OnMessage(codec), or @OnMessage()',
  );
}

function tagFilterOf(codec: Codec<unknown>, tag: string): MessageFilter {
  const { tagKey: key, tags } = codec as Partial<TaggedCodec<unknown>>;
  if (key === undefined || tags === undefined) {
    throw invalidDecorator(
      '@OnMessage is given a tag, but its codec has none',
      'make the codec with tagged()',
    );
  }
  if (tags.includes(tag)) return { by: 'tag', codec, key, tag };
  throw invalidDecorator(
    `@OnMessage is given the tag ${tag}, which its codec does not have`,
    `take one of ${tags.join(', ')}`,
  );
}

function isSchemaLike(value: unknown): value is { readonly '~standard': unknown } {
  return (
    (typeof value === 'function' || (typeof value === 'object' && value !== null)) && '~standard' in value
  );
}

function schemaOf(value: { readonly '~standard': unknown }): StandardSchemaV1 {
  if (!isStandardSchema(value)) {
    throw invalidDecorator('@OnMessage is given a `~standard` that is not a Standard Schema of version 1');
  }
  // Asked for once: some libraries make it anew each time.
  return { '~standard': value['~standard'] };
}

function isCodec(value: unknown): value is Codec<unknown> {
  return typeof value === 'object' && value !== null && 'decoder' in value && 'encoder' in value;
}

/**
 * Whether `value` is a class, in contrast to a guard. The `prototype` of a class (and of most constructors that come
 * with JavaScript) cannot be replaced; a function declaration has one that can, and arrow functions and methods
 * have none. Constructors in the old style, such as `Buffer`, are told by what stands in theirs.
 *
 * note: an old-style constructor without a single method counts as a guard.
 */
function isClass(value: unknown): value is MessageClass {
  if (typeof value !== 'function') return false;
  const descriptor = Object.getOwnPropertyDescriptor(value, 'prototype');
  if (descriptor === undefined) return false;
  if (descriptor.writable === false) return true;
  const prototype: unknown = descriptor.value;
  return (
    typeof prototype === 'object' &&
    prototype !== null &&
    Reflect.ownKeys(prototype).some((key) => key !== 'constructor')
  );
}

const WRAPPERS = new Map<unknown, string>([
  [String, 'string'],
  [Number, 'number'],
  [Boolean, 'boolean'],
  [BigInt, 'bigint'],
  [Symbol, 'symbol'],
]);

/** A string is not an instance of String, and so on: such a method would never be called. */
function refuseWrapper(target: MessageClass): MessageClass {
  const type = WRAPPERS.get(target);
  if (type === undefined) return target;
  throw invalidDecorator(
    `@OnMessage(${nameOfClass(target)}) would take nothing: no ${type} is an instance of it`,
    `write @OnMessage((message: unknown) => typeof message === '${type}')`,
  );
}
