import { Container, type ContainerModule, type ServiceIdentifier } from 'inversify';
import { inspect, type Inspection } from './container-inspection.js';
import { disposeOf } from './disposal.js';
import { eachDespiteErrors } from './each-despite-errors.js';

/** A service with what stands in for it; {@link override} makes one. */
export interface Override<T = unknown> {
  /** What is replaced. */
  readonly service: ServiceIdentifier<T>;
  /** What stands in for it. */
  readonly value: T;
}

/** `value` in place of whatever is bound for `service`: `createPeer(ChatPeer, { overrides: [override(Store, fake)] })`. */
export function override<T>(service: ServiceIdentifier<T>, value: NoInfer<T>): Override<T> {
  return { service, value };
}

interface Made {
  readonly service: ServiceIdentifier;
  readonly instance: unknown;
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
  /** What stands in for services in each such container, for those below it. */
  static readonly #overrides = new WeakMap<Container, Map<ServiceIdentifier, unknown>>();
  readonly #parent: Container | undefined;
  /** In the order of their making. */
  #made: Made[] = [];

  constructor(parent: Container | undefined) {
    this.container = new Container(parent && { parent });
    this.#parent = parent;
    OwnContainer.#overrides.set(this.container, new Map());
    this.#inspection = inspect(this.container);
  }

  /** Makes the bindings of `modules`, one module after the other. */
  async load(...modules: readonly ContainerModule[]): Promise<void> {
    for (const module of modules) await this.container.loadAsync(module);
    this.#watch();
  }

  /** Has `value` stand in for what is bound here or in a parent; parents are not touched. */
  override({ service, value }: Override): void {
    OwnContainer.#overrides.get(this.container)!.set(service, value);
    if (this.container.isCurrentBound(service)) this.container.unbind(service);
    else if (this.#isOverriddenAbove(service, value)) return;
    this.container.bind(service).toConstantValue(value);
  }

  /** Disposes of `service` before its turn. @throws what the disposal throws */
  async disposeOf(service: ServiceIdentifier): Promise<void> {
    const mine = this.#made.filter((made) => made.service === service).reverse();
    this.#made = this.#made.filter((made) => made.service !== service);
    await eachDespiteErrors(mine.flatMap((made) => this.#disposals(made)));
  }

  /** Disposes of all; rejects as the first disposal that failed, when the others are done. */
  async dispose(): Promise<void> {
    const all = this.#made.splice(0).reverse();
    await eachDespiteErrors([
      ...all.flatMap((made) => this.#disposals(made)),
      () => this.container.unbindAllAsync(),
    ]);
  }

  /** Whether what is bound here for `service` is made once. */
  hasSingleton(service: ServiceIdentifier): boolean {
    return this.#inspection
      .ownBindings()
      .some(({ serviceIdentifier, scope }) => serviceIdentifier === service && scope === 'Singleton');
  }

  /** A stand-in of an application is that of its peers, too: what they share is made with it, and belongs to none of them. */
  #isOverriddenAbove(service: ServiceIdentifier, value: unknown): boolean {
    const above = this.#parent && OwnContainer.#overrides.get(this.#parent);
    return above?.has(service) === true && above.get(service) === value;
  }

  #disposals({ service, instance }: Made): (() => Promise<void>)[] {
    const called = new Set<string | symbol>();
    return [
      // Runs its @preDestroy, which may stand on the method that disposes of it.
      () => noting(instance, called, () => this.container.unbindAsync(service)),
      () => (called.size > 0 ? Promise.resolve() : disposeOf(instance)),
    ];
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

/** Runs `act`, and notes in `called` which of the methods that dispose of `instance` were called meanwhile. */
async function noting(
  instance: unknown,
  called: Set<string | symbol>,
  act: () => Promise<void>,
): Promise<void> {
  const subject = Object(instance) as Record<symbol, unknown>;
  const names = [Symbol.asyncDispose, Symbol.dispose].filter(
    (name) =>
      typeof subject[name] === 'function' && !Object.hasOwn(subject, name) && Object.isExtensible(subject),
  );
  for (const name of names) {
    const method = subject[name] as () => unknown;
    const value = (): unknown => (called.add(name), method.call(subject));
    Object.defineProperty(subject, name, { value, configurable: true });
  }
  try {
    await act();
  } finally {
    for (const name of names) delete subject[name];
  }
}
