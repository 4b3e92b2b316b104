import { PeerError, type Codec, type PeerErrorCode } from '@pea2pea/core';
import { decoratorError } from '../declarations/errors.js';
import type { HookRole, MessageMethod } from '../declarations/hook-methods.js';
import { invalidDecorator } from '../declarations/invalid-decorator.js';
import { nameOfClass } from '../declarations/peer-class.js';
import type { Part } from './part.js';

/**
 * `list`, which must be one, without holes (two modules that import each other leave them) and without repetition.
 * @throws {PeerError} with `code`
 */
export function checkListed<T>(
  code: PeerErrorCode,
  peer: string,
  list: readonly T[],
  identity: (item: T) => unknown = (item) => item,
): T[] {
  if (!Array.isArray(list)) throw new PeerError(code, `${peer} has no list of classes, but ${typeof list}`);
  const items = list as readonly T[];
  items.forEach((item, index) => {
    if (item === undefined || item === null) {
      throw new PeerError(code, `${peer} lists ${String(item)}`, {
        remedy: 'if two modules import each other, move what it names to a third',
      });
    }
    const what = identity(item);
    if (items.findIndex((other) => identity(other) === what) === index) return;
    throw new PeerError(code, `${peer} lists ${nameOfClass(what)} twice`);
  });
  return [...items];
}

/** What happens before there is a session, or not to one. */
const NOT_FOR_SESSIONS = new Map<HookRole['hook'], string>([
  ['onAccept', '@OnAccept'],
  ['onHandshake', '@OnHandshake'],
  ['onStart', '@OnStart'],
  ['onDrain', '@OnDrain'],
  ['onStop', '@OnStop'],
]);

/** @throws {PeerError} P2P_ERR_INVALID_SESSION */
export function checkSessionHooks({ name, methods }: Part): void {
  for (const { hook, name: method } of methods) {
    if (hook === 'aroundMessage') {
      throw decoratorError(
        'P2P_ERR_INVALID_SESSION',
        `${name}.${String(method)}() has @AroundMessage, which is around the messages of all connections`,
        { remedy: 'move it to a plugin or to the peer, where `sessionOf(connection, …)` finds the session' },
      );
    }
    const decorator = NOT_FOR_SESSIONS.get(hook);
    if (decorator === undefined) continue;
    throw decoratorError(
      'P2P_ERR_INVALID_SESSION',
      `${name}.${String(method)}() has ${decorator}, but there is no session then`,
      { remedy: 'move it to a plugin or to the peer' },
    );
  }
}

/** A message method, and the class that it was found on. */
interface Entry extends MessageMethod {
  readonly owner: string;
}

/**
 * The message methods of `parts`, between which one is chosen for each message: one catch-all at most, as the last.
 * @throws {PeerError} P2P_ERR_INVALID_DECORATOR
 */
export function checkMessageMethods(parts: readonly Part[], codec: Codec<unknown> | undefined): void {
  const entries = parts.flatMap(({ name: owner, methods }) =>
    methods.flatMap((method) => (method.hook === 'onMessage' ? [{ ...method, owner }] : [])),
  );
  checkCatchAll(entries);
  checkTags(entries);
  if (codec !== undefined) checkCodecs(entries, codec);
}

function checkCatchAll(entries: readonly Entry[]): void {
  const [first, second] = entries.filter(({ takes }) => takes.by === 'nothing');
  if (first === undefined) return;
  if (second !== undefined) {
    const both =
      first.owner === second.owner
        ? `${first.owner} has two message methods that take every message, ${call(first)} and ${call(second)}`
        : `${full(first)} and ${full(second)} both take every message`;
    throw invalidDecorator(
      `${both}: the first would leave the second none; tell them apart by a schema, a class or a guard, ` +
        `@OnMessage(schema)`,
    );
  }
  const behind = entries[entries.indexOf(first) + 1];
  if (behind === undefined) return;
  const left = first.owner === behind.owner ? call(behind) : full(behind);
  throw invalidDecorator(
    `${full(first)} takes every message and leaves ${left} none; declare it last, after the others (methods of a ` +
      `base class come before those of a subclass, those of sessions before those of the peer)`,
  );
}

function checkTags(entries: readonly Entry[]): void {
  const takers = new Map<string, Entry>();
  for (const entry of entries) {
    if (entry.takes.by !== 'tag') continue;
    const { tag } = entry.takes;
    const first = takers.get(tag);
    if (first !== undefined) {
      throw invalidDecorator(
        `${full(first)} and ${full(entry)} both take messages with the tag ${tag}: the first would leave the ` +
          `second none`,
      );
    }
    takers.set(tag, entry);
  }
}

function checkCodecs(entries: readonly Entry[], codec: Codec<unknown>): void {
  for (const entry of entries) {
    const { takes } = entry;
    const named = takes.by === 'nothing' || takes.by === 'tag' ? takes.codec : undefined;
    if (named === undefined || named === codec) continue;
    throw invalidDecorator(
      `${full(entry)} has @OnMessage with another codec than that of @Peer: its messages never come`,
      'name the codec of @Peer in both',
    );
  }
}

function call({ name }: Entry): string {
  return `${String(name)}()`;
}

function full(entry: Entry): string {
  return `${entry.owner}.${call(entry)}`;
}
