import { PeerError } from '@pea2pea/core';
import { hookMethodsOf, type HookMethod } from './hook-methods.js';
import { invalidDecorator } from './invalid-decorator.js';
import { nameOfClass, type PeerClass } from './peer-class.js';
import { peerOptionsOf } from './peer.js';
import type { PeerConfig } from './peer-options.js';

/** What the decorators say about a peer class, checked. */
export interface Blueprint {
  readonly config: PeerConfig;
  readonly methods: readonly HookMethod[];
}

/**
 * Reads the decorators of a class: once per start, never per connection or message.
 * @throws {PeerError} P2P_ERR_NOT_A_PEER, P2P_ERR_INVALID_DECORATOR
 */
export function blueprintOf(target: PeerClass): Blueprint {
  const config = typeof target === 'function' ? peerOptionsOf(target) : undefined;
  if (config === undefined) {
    throw new PeerError('P2P_ERR_NOT_A_PEER', `${nameOfClass(target)} is no peer: it has no @Peer`);
  }
  const methods = hookMethodsOf(target);
  checkMessageMethods(nameOfClass(target), config, methods);
  return { config, methods };
}

function checkMessageMethods(name: string, { codec }: PeerConfig, methods: readonly HookMethod[]): void {
  const [first, second] = methods.filter(({ hook }) => hook === 'onMessage');
  if (first !== undefined && second !== undefined) {
    throw invalidDecorator(
      `${name} has two message methods, ${String(first.name)}() and ${String(second.name)}(): the first would ` +
        `take every message; decide by the message inside one of them`,
    );
  }
  if (first?.codec !== undefined && codec !== undefined && first.codec !== codec) {
    throw invalidDecorator(
      `${name}.${String(first.name)}() has @OnMessage with another codec than that of @Peer: its messages ` +
        `never come; name the codec of @Peer in both`,
    );
  }
}
