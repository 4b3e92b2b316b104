import type { ResolvedConfig } from '@pea2pea/core';
import type { HookMethod } from '../declarations/hook-methods.js';
import { eachDespiteErrors } from '../wiring/each-despite-errors.js';
import type { Methods } from '../wiring/hook-layers.js';

type LifeMethod = () => unknown;

/** What the life of a peer, or of an application, goes by. */
export type Surroundings = Pick<ResolvedConfig, 'clock' | 'closeTimeoutMs' | 'logger' | 'name'>;

/** What `@OnStart` began, to be stopped by `@OnStop` in the reverse order. */
export class Life {
  readonly #surroundings: Surroundings;
  /** `@OnStop` methods of what was started, in the order of starting. */
  readonly #stops: LifeMethod[] = [];

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /** Runs the `@OnStart` methods of `instance`. @throws what one of them throws */
  async start(instance: object, methods: readonly HookMethod[]): Promise<void> {
    for (const begin of lifeMethods(instance, methods, 'onStart')) await begin();
    this.#stops.push(...lifeMethods(instance, methods, 'onStop'));
  }

  /**
   * Runs the `@OnStop` methods of all that was started, once; those that take longer than `timeoutMs`, all together, are
   * left to themselves. Undefined where there is none. @throws what the first that fails throws, when the others are done
   */
  stop(timeoutMs = this.#surroundings.closeTimeoutMs): Promise<void> | undefined {
    const stops = this.#stops.splice(0).reverse();
    return stops.length === 0 ? undefined : this.#run(stops, timeoutMs);
  }

  async #run(stops: readonly LifeMethod[], timeoutMs: number): Promise<void> {
    const { clock, logger, name } = this.#surroundings;
    let expire!: () => void;
    const expired = new Promise<void>((resolve) => (expire = resolve));
    const timer = clock.setTimeout(() => {
      logger.error({ node: name, timeoutMs }, '@OnStop took too long and was abandoned');
      expire();
    }, timeoutMs);
    try {
      await Promise.race([eachDespiteErrors(stops), expired]);
    } finally {
      timer.cancel();
    }
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
