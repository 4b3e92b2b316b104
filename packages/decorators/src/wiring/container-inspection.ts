import type { BindingScope, Container, ServiceIdentifier } from 'inversify';

/**
 * What a container is about to make, before it makes it: a service, and below it what that needs. These are parts of
 * inversify's `PlanResult`, which its plugins are given.
 */
export interface PlannedService {
  readonly serviceIdentifier: ServiceIdentifier;
  readonly bindings: PlannedBinding | readonly PlannedBinding[] | undefined;
}

export interface PlannedBinding {
  readonly binding: Binding;
  /** For a class: the services of its constructor and its properties. */
  readonly constructorParams?: readonly (PlannedService | { readonly isNoParam: true })[];
  readonly propertyParams?: ReadonlyMap<string | symbol, PlannedService>;
  readonly classMetadata?: {
    readonly lifecycle: { readonly preDestroyMethodNames: ReadonlySet<string | symbol> };
  };
  /** For `toResolvedValue`: its injections. */
  readonly params?: readonly PlannedService[];
  /** For `toService`: its target. */
  readonly redirection?: PlannedService;
}

/** One `bind(…)`. */
export interface Binding {
  readonly serviceIdentifier: ServiceIdentifier;
  readonly type: string;
  readonly scope: BindingScope;
}

/** What a container tells of itself. */
export interface Inspection {
  /** The bindings of this very container, not of its parents. */
  ownBindings(): readonly Binding[];
  /** Calls `listener` with the root of each new plan. What it throws is what the `get` throws: nothing is made. */
  onPlan(listener: (root: PlannedService) => void): void;
}

/** inversify recognises its plugins by this property, registered so that they can be written without its package. */
const IS_PLUGIN = Symbol.for('@inversifyjs/plugin/isPlugin');

interface PluginContext {
  readonly bindingService: {
    getNonParentBoundServices(): Iterable<ServiceIdentifier>;
    getNonParentBindings(service: ServiceIdentifier): Iterable<Binding> | undefined;
  };
}

interface PluginApi {
  onPlan(
    handler: (options: unknown, result: { readonly tree: { readonly root: PlannedService } }) => void,
  ): void;
}

/** A look into `container`, by the way that inversify has for its plugins. */
export function inspect(container: Container): Inspection {
  let inspection!: Inspection;
  container.register(
    class {
      readonly [IS_PLUGIN] = true;
      readonly #context: PluginContext;

      constructor(_container: Container, context: PluginContext) {
        this.#context = context;
      }

      load(api: PluginApi): void {
        inspection = {
          ownBindings: () => {
            const { bindingService } = this.#context;
            return [...bindingService.getNonParentBoundServices()].flatMap((service) => [
              ...(bindingService.getNonParentBindings(service) ?? []),
            ]);
          },
          onPlan: (listener) => api.onPlan((_options, { tree }) => listener(tree.root)),
        };
      }
    },
  );
  return inspection;
}

/** What a service is planned to be made by. */
export function bindingsOf({ bindings }: PlannedService): readonly PlannedBinding[] {
  if (bindings === undefined) return [];
  return Array.isArray(bindings) ? (bindings as readonly PlannedBinding[]) : [bindings as PlannedBinding];
}

/** The services that are made for it. */
export function needsOf(planned: PlannedBinding): readonly PlannedService[] {
  const { constructorParams = [], propertyParams, params = [], redirection } = planned;
  return [
    ...constructorParams.filter((param): param is PlannedService => !('isNoParam' in param)),
    ...(propertyParams?.values() ?? []),
    ...params,
    ...(redirection === undefined ? [] : [redirection]),
  ];
}

/** How errors call a service. */
export function nameOfService(service: ServiceIdentifier): string {
  if (typeof service === 'function') return service.name;
  return typeof service === 'symbol' ? (service.description ?? 'a symbol') : service;
}
