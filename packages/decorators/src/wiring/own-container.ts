import { Container, type ContainerModule, type ServiceIdentifier } from 'inversify';
import { inspect, type Inspection } from './container-inspection.js';
import { disposeOf } from './disposal.js';

/** A service with what stands in for it; {@link override} makes one. */
export interface Override<T = unknown> {
  readonly service: ServiceIdentifier<T>;
  readonly value: T;
}

/** `value` in place of whatever is bound for `service`: `createPeer(ChatPeer, { overrides: [override(Store, fake)] })`. */
export function override<T>(service: ServiceIdentifier<T>, value: NoInfer<T>): Override<T> {
  return { service, value };
}

/**
 * A container that disposes of what it made: its singletons in the reverse order of their making, each awaited.
 *
 * note: inversify by itself has no such order (it deactivates all at once) and knows `@preDestroy` alone.
 * note: what is bound as a constant value was made by somebody else, and so are the singletons of parents.
 */
export class OwnContainer {
  readonly container: Container;
  readonly #inspection: Inspection;
  readonly #watched = new Set<ServiceIdentifier>();
  /** In the order of their making. */
  readonly #made: { readonly service: ServiceIdentifier; readonly instance: unknown }[] = [];

  constructor(parent: Container | undefined) {
    this.container = new Container(parent && { parent });
    this.#inspection = inspect(this.container);
  }

  /** Makes the bindings of `modules`, one module after the other. */
  async load(...modules: readonly ContainerModule[]): Promise<void> {
    for (const module of modules) await this.container.loadAsync(module);
    this.#watch();
  }

  /** Has `value` stand in for what is bound here or in a parent; parents are not touched. */
  override({ service, value }: Override): void {
    if (this.container.isCurrentBound(service)) this.container.unbind(service);
    this.container.bind(service).toConstantValue(value);
  }

  /** Disposes of all; rejects as the first disposal that failed, when the others are done. */
  async dispose(): Promise<void> {
    const errors: unknown[] = [];
    const attempt = async (act: () => Promise<void>): Promise<void> => {
      await act().catch((error: unknown) => errors.push(error));
    };
    for (const { service, instance } of this.#made.splice(0).reverse()) {
      await attempt(() => this.container.unbindAsync(service)); // runs its @preDestroy
      await attempt(() => disposeOf(instance));
    }
    await attempt(() => this.container.unbindAllAsync());
    if (errors.length > 0) throw errors[0];
  }

  #watch(): void {
    for (const { serviceIdentifier: service, type, scope } of this.#inspection.ownBindings()) {
      if (type === 'ConstantValue' || scope !== 'Singleton' || this.#watched.has(service)) continue;
      this.#watched.add(service);
      this.container.onActivation(service, (_, instance) => {
        this.#made.push({ service, instance });
        return instance;
      });
    }
  }
}
