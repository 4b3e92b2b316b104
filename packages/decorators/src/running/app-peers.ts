import type { PeerError } from '@pea2pea/core';
import { ContainerModule, type Newable, type ServiceIdentifier } from 'inversify';
import { decoratorError } from '../declarations/errors.js';
import { nameOfClass, type PeerClass } from '../declarations/peer-class.js';
import type { PeerHandle } from './peer-handle.js';

const handleTokens = new WeakMap<PeerClass, symbol>();

/**
 * The handle of a peer of the application, to be injected into its services:
 * `bind(HttpSide).toResolvedValue((chat) => new HttpSide(chat), [handleOf(ChatPeer)])`.
 */
export function handleOf<T extends object>(target: PeerClass<T>): ServiceIdentifier<PeerHandle<T>> {
  let token = handleTokens.get(target);
  if (token === undefined) handleTokens.set(target, (token = Symbol(`the handle of ${nameOfClass(target)}`)));
  return token;
}

/** The peers of one application, as far as they are up. */
export class AppPeers {
  readonly handles = new Map<PeerClass, PeerHandle<object>>();
  readonly #targets: readonly PeerClass[];

  /** @throws {PeerError} P2P_ERR_NOT_A_PEER when one is listed twice */
  constructor(targets: readonly PeerClass[]) {
    this.#targets = targets;
    const twice = targets.find((target, index) => targets.indexOf(target) !== index);
    if (twice === undefined) return;
    throw decoratorError(
      'P2P_ERR_NOT_A_PEER',
      `${nameOfClass(twice)} is listed twice, where it has to be found by its class`,
      { remedy: 'derive a class for the second' },
    );
  }

  /** Services find a peer by its class and its handle by `handleOf`. */
  bindings(): ContainerModule {
    return new ContainerModule(({ bind }) => {
      for (const target of this.#targets) {
        bind(target as Newable<object>).toDynamicValue(() => this.#handle(target).peer);
        bind(handleOf(target)).toDynamicValue(() => this.#handle(target));
      }
    });
  }

  add(target: PeerClass, handle: PeerHandle<object>): void {
    this.handles.set(target, handle);
  }

  /** In the order in which they came up. */
  started(): PeerHandle<object>[] {
    return [...this.handles.values()];
  }

  #handle(target: PeerClass): PeerHandle<object> {
    const handle = this.handles.get(target);
    if (handle === undefined) throw notInApp(nameOfClass(target));
    return handle;
  }
}

export function notInApp(name: string): PeerError {
  return decoratorError('P2P_ERR_NOT_A_PEER', `${name} is not a peer of this application, or not up yet`, {
    remedy: 'list it among the `peers` of createApp(), before those that need it',
  });
}
