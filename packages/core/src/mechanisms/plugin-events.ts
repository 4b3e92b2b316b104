import { EventEmitter } from 'node:events';
import type { Logger } from '../contracts/logger.js';
import { isPromise } from '../authoring/thenable.js';

/**
 * The events of a plugin, typed: an `EventEmitter` whose listeners cannot hurt whoever emits. What one throws or rejects
 * with is logged.
 *
 * ```ts
 * class Census {
 *   readonly events: PluginEvents<{ full: [count: number] }>;
 *   constructor(node: PeerNode<unknown>) { this.events = new PluginEvents(node.logger); }
 * }
 * node.plugin(census).events.on('full', (count) => …);
 * ```
 *
 * note: an event costs nothing where nobody listens. There should be none for each message.
 * note: `once` of `node:events` and `AbortSignal`s work as with any emitter; an event named `error` is one like others.
 */
export class PluginEvents<Events extends Record<keyof Events, unknown[]>> extends EventEmitter {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    super();
    this.#logger = logger;
  }

  override on<Name extends keyof Events & string>(
    name: Name,
    listener: (...args: Events[Name]) => void,
  ): this {
    return super.on(name, listener as (...args: unknown[]) => void);
  }

  override once<Name extends keyof Events & string>(
    name: Name,
    listener: (...args: Events[Name]) => void,
  ): this {
    return super.once(name, listener as (...args: unknown[]) => void);
  }

  override off<Name extends keyof Events & string>(
    name: Name,
    listener: (...args: Events[Name]) => void,
  ): this {
    return super.off(name, listener as (...args: unknown[]) => void);
  }

  /** Calls each listener, whatever the others do; false where there is none. */
  override emit<Name extends keyof Events & string>(name: Name, ...args: Events[Name]): boolean {
    const listeners = this.rawListeners(name);
    for (const listener of listeners) {
      try {
        const returned: unknown = Reflect.apply(listener, this, args);
        if (isPromise(returned)) returned.then(undefined, (error: unknown) => this.#failed(name, error));
      } catch (error) {
        this.#failed(name, error);
      }
    }
    return listeners.length > 0;
  }

  #failed(event: string, error: unknown): void {
    this.#logger.error({ event, err: error }, 'a listener failed');
  }
}
