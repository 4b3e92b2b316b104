import type { ContainerModule } from 'inversify';
import type { HookMethod } from '../declarations/hook-methods.js';
import type { PeerClass } from '../declarations/peer-class.js';

/** A class with its hook methods. */
export interface Part {
  readonly class: PeerClass;
  readonly name: string;
  readonly methods: readonly HookMethod[];
}

export interface PluginPart extends Part {
  readonly options: unknown;
  readonly bindings: ContainerModule | undefined;
}
