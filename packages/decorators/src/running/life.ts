import type { HookMethod } from '../declarations/hook-methods.js';
import { eachDespiteErrors } from '../wiring/each-despite-errors.js';
import type { Methods } from '../wiring/methods.js';
import { within, type Surroundings } from './within.js';

type LifeMethod = () => unknown;

/** What `@OnStart` began, to be stopped by `@OnStop` in the reverse order. */
export class Life {
  readonly #surroundings: Surroundings;
  /** `@OnStop` methods of what was started, in the order of starting. */
  readonly #stops: LifeMethod[] = [];

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /**
   * Runs the `@OnStart` methods of `instance`. From the first that succeeds on its `@OnStop` methods are due; where it
   * has none to start, at once.
   * @throws what one of them throws
   */
  async start(instance: object, methods: readonly HookMethod[]): Promise<void> {
    const [first, ...others] = lifeMethods(instance, methods, 'onStart');
    await first?.();
    this.#stops.push(...lifeMethods(instance, methods, 'onStop'));
    for (const begin of others) await begin();
  }

  /**
   * Runs the `@OnStop` methods of all that was started, once. After `timeoutMs`, all together, those that have not been
   * called are, and none is waited for. Undefined where there is none.
   * @throws what the first that fails throws, when the others are done
   */
  stop(timeoutMs = this.#surroundings.closeTimeoutMs): Promise<void> | undefined {
    const stops = this.#stops.splice(0).reverse();
    if (stops.length === 0) return undefined;
    const called = new Set<LifeMethod>();
    const calls = stops.map((stop) => () => {
      if (called.has(stop)) return undefined;
      called.add(stop);
      return stop();
    });
    return within(this.#surroundings, '@OnStop', timeoutMs, eachDespiteErrors(calls)).finally(() => {
      for (const call of calls) this.#callUnwaited(call);
    });
  }

  #callUnwaited(call: LifeMethod): void {
    new Promise((resolve) => resolve(call())).catch((error: unknown) => {
      const { logger, name } = this.#surroundings;
      logger.error({ node: name, error }, '@OnStop failed');
    });
  }
}

function lifeMethods(
  instance: object,
  methods: readonly HookMethod[],
  hook: 'onStart' | 'onStop',
): LifeMethod[] {
  const target = instance as Methods;
  return methods.flatMap((method) => (method.hook === hook ? [() => target[method.name]!()] : []));
}
