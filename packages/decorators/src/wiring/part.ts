import type { ContainerModule, ServiceIdentifier } from 'inversify';
import type { HookMethod } from '../declarations/hook-methods.js';
import type { PeerClass } from '../declarations/peer-class.js';
import type { SessionClass } from '../declarations/session.js';

/** A class with its hook methods. */
export interface Part {
  readonly class: PeerClass;
  /** What the container has it for: its class; for a plugin that is listed several times a symbol. */
  readonly token: ServiceIdentifier<object>;
  readonly name: string;
  readonly methods: readonly HookMethod[];
}

export type PluginPart = DecoratedPlugin | HooksPlugin;

/** A class with `@Plugin`; the container makes it. */
export interface DecoratedPlugin extends Part {
  readonly kind: 'decorated';
  readonly options: unknown;
  readonly bindings: ContainerModule | undefined;
  readonly sessions: readonly SessionClass[];
}

/** A class of hooks, made with the node and these options. */
export interface HooksPlugin extends Part {
  readonly kind: 'hooks';
  readonly options: readonly unknown[];
}
