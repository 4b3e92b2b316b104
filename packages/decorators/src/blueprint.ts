import { PeerError } from '@pea2pea/core';
import { hookMethodsOf, type HookMethod, type MessageMethod } from './hook-methods.js';
import { invalidDecorator } from './invalid-decorator.js';
import { nameOfClass, type PeerClass } from './peer-class.js';
import { peerOptionsOf } from './peer.js';
import type { PeerConfig } from './peer-options.js';
import type { WhenUnmatched } from './unmatched.js';

/** What the decorators say about a peer class, checked. */
export interface Blueprint {
  readonly config: PeerConfig;
  readonly methods: readonly HookMethod[];
  readonly unmatched: WhenUnmatched;
}

/**
 * Reads the decorators of a class: once per start, never per connection or message.
 * @throws {PeerError} P2P_ERR_NOT_A_PEER, P2P_ERR_INVALID_DECORATOR, P2P_ERR_INVALID_CONFIG for `unmatched`
 */
export function blueprintOf(target: PeerClass): Blueprint {
  const options = typeof target === 'function' ? peerOptionsOf(target) : undefined;
  if (options === undefined) {
    throw new PeerError('P2P_ERR_NOT_A_PEER', `${nameOfClass(target)} is no peer: it has no @Peer`);
  }
  const { unmatched = 'disconnect', ...config } = options;
  checkUnmatched(unmatched);
  const methods = hookMethodsOf(target);
  const messageMethods = methods.filter((method) => method.hook === 'onMessage');
  checkCatchAll(nameOfClass(target), messageMethods);
  checkCodecs(nameOfClass(target), config, messageMethods);
  return { config, methods, unmatched };
}

function checkUnmatched(unmatched: unknown): void {
  if (unmatched === 'disconnect' || unmatched === 'ignore') return;
  throw new PeerError(
    'P2P_ERR_INVALID_CONFIG',
    `\`unmatched\` must be 'disconnect' or 'ignore', not ${String(unmatched)}`,
  );
}

function checkCatchAll(name: string, methods: readonly MessageMethod[]): void {
  const [first, second] = methods.filter(({ takes }) => takes.by === 'nothing');
  if (first === undefined) return;
  if (second !== undefined) {
    throw invalidDecorator(
      `${name} has two message methods that take every message, ${String(first.name)}() and ` +
        `${String(second.name)}(): the first would leave the second none; tell them apart by a schema, a class or ` +
        `a guard, @OnMessage(schema)`,
    );
  }
  const behind = methods[methods.indexOf(first) + 1];
  if (behind === undefined) return;
  throw invalidDecorator(
    `${name}.${String(first.name)}() takes every message and leaves ${String(behind.name)}() none; declare it ` +
      `last, behind the others (methods of a base class come before those of a subclass)`,
  );
}

function checkCodecs(name: string, { codec }: PeerConfig, methods: readonly MessageMethod[]): void {
  if (codec === undefined) return;
  for (const { name: method, takes } of methods) {
    if (takes.by !== 'nothing' || takes.codec === undefined || takes.codec === codec) continue;
    throw invalidDecorator(
      `${name}.${String(method)}() has @OnMessage with another codec than that of @Peer: its messages ` +
        `never come; name the codec of @Peer in both`,
    );
  }
}
