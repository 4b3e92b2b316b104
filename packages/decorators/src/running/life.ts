import { PeerError } from '@pea2pea/core';
import { requireTimeout } from '@pea2pea/core/authoring';
import type { HookMethod } from '../declarations/hook-methods.js';
import { nameOfClass } from '../declarations/peer-class.js';
import { eachDespiteErrors } from '../wiring/each-despite-errors.js';
import type { Methods } from '../wiring/methods.js';

import { within, type LifeHost } from './within.js';

type LifeMethod = () => unknown;

/**
 * How long an `@OnStart` may take unless it is told otherwise: longer than a dial with its handshake, which it may wait
 * for.
 */
export const START_TIMEOUT_MS = 30_000;

/** What `@OnStart` began, to be stopped by `@OnStop` in the reverse order. */
export class Life {
  readonly #host: LifeHost;
  /** `@OnStop` methods of what was started, in the order of starting. */
  readonly #stops: LifeMethod[] = [];

  readonly #startTimeoutMs: number;

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG when `startTimeoutMs` makes no sense */
  constructor(host: LifeHost, startTimeoutMs = START_TIMEOUT_MS) {
    this.#host = host;
    this.#startTimeoutMs = requireTimeout('startTimeoutMs', startTimeoutMs);
  }

  /**
   * Runs the `@OnStart` methods of `instance`. From the first that succeeds on its `@OnStop` methods are due; where it
   * has none to start, at once.
   *
   * note: a first one that succeeds when it was given up is stopped then.
   * @throws {PeerError} P2P_ERR_START_TIMEOUT when one of them takes too long
   * @throws what one of them throws
   */
  async start(instance: object, methods: readonly HookMethod[]): Promise<void> {
    const [first, ...others] = methods.filter(({ hook }) => hook === 'onStart');
    const stops = lifeMethods(instance, methods, 'onStop');
    if (first !== undefined) {
      await this.#begin(instance, first, () =>
        stops.toReversed().forEach((stop) => this.#callUnwaited(stop)),
      );
    }
    this.#stops.push(...stops);
    for (const method of others) await this.#begin(instance, method);
  }

  /** Runs one `@OnStart`; `undo` where it succeeds too late. */
  async #begin(instance: object, method: HookMethod, undo?: () => void): Promise<void> {
    let isLate = false;
    const run = async (): Promise<void> => {
      await (instance as Methods)[method.name]!();
      if (isLate) undo?.();
    };
    await within(this.#host, '@OnStart', this.#startTimeoutMs, run(), () => {
      isLate = true;
      const which = `${nameOfClass(instance.constructor)}.${String(method.name)}()`;
      return new PeerError(
        'P2P_ERR_START_TIMEOUT',
        `@OnStart ${which} has not settled in ${this.#startTimeoutMs} ms`,
      );
    });
  }

  /**
   * Runs the `@OnStop` methods of all that was started, once. After `timeoutMs`, all together, those that have not been
   * called are, and none is waited for. Undefined where there is none.
   * @throws what the first that fails throws, when the others are done
   */
  stop(timeoutMs = this.#host.closeTimeoutMs): Promise<void> | undefined {
    const stops = this.#stops.splice(0).reverse();
    if (stops.length === 0) return undefined;
    const called = new Set<LifeMethod>();
    const calls = stops.map((stop) => () => {
      if (called.has(stop)) return undefined;
      called.add(stop);
      return stop();
    });
    return within(this.#host, '@OnStop', timeoutMs, eachDespiteErrors(calls)).finally(() => {
      for (const call of calls) this.#callUnwaited(call);
    });
  }

  #callUnwaited(call: LifeMethod): void {
    new Promise((resolve) => resolve(call())).catch((error: unknown) => {
      this.#host.logger.error({ err: error }, '@OnStop failed');
    });
  }
}

function lifeMethods(instance: object, methods: readonly HookMethod[], hook: 'onStop'): LifeMethod[] {
  const target = instance as Methods;
  return methods.flatMap((method) => (method.hook === hook ? [() => target[method.name]!()] : []));
}
