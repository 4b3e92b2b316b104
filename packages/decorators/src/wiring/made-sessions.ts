import { disposeOf } from './disposal.js';

/** One session that was made, and the methods that have to run at its end. */
interface Made {
  readonly instance: object;
  readonly preDestroy: Iterable<string | symbol>;
}

/** What was made for one connection, in the order of the making, so that all of it is disposed of, even of half a set. */
export class MadeSessions {
  readonly #log: (error: unknown, what: string) => void;
  readonly #made: Made[] = [];
  #isOver = false;

  constructor(log: (error: unknown, what: string) => void) {
    this.#log = log;
  }

  add(instance: object, preDestroy: Iterable<string | symbol>): void {
    const made = { instance, preDestroy };
    if (this.#isOver)
      void this.#dispose(made); // it was still being made when the others were disposed of
    else this.#made.push(made);
  }

  /** The last one first. */
  async disposeAll(): Promise<void> {
    this.#isOver = true;
    for (const made of this.#made.splice(0).reverse()) await this.#dispose(made);
  }

  async #dispose({ instance, preDestroy }: Made): Promise<void> {
    try {
      await disposeOf(instance, preDestroy);
    } catch (error) {
      this.#log(error, `disposing of a ${instance.constructor.name} failed`);
    }
  }
}
