import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { attempt, type Attempt } from './attempt.js';
import type { Recipe, Scenario } from './scenario.js';

/** Where scenarios run: in this process, or in one of its own. */
export interface Runner {
  run(recipe: Recipe): Promise<Attempt>;
  /** Nothing of it is left. */
  end(): void;
}

export function inThisProcess(scenario: Scenario): Runner {
  return { run: (recipe) => attempt(scenario, recipe), end: () => {} };
}

/** What a process says when it has begun, and what it replies with. */
export type Reply = { readonly attempt: Attempt } | { readonly died: string } | 'ready';

/**
 * A process that runs the scenario of a module. Where it dies, by an error that nobody caught or because it takes
 * too long, the run has failed, and the next one has a process of its own.
 */
export class ProcessRunner implements Runner {
  readonly #module: string;
  readonly #timeoutMs: number;
  #child: ChildProcess | undefined;

  /** @param module the URL of a module whose default export is a scenario */
  constructor(module: string, timeoutMs: number) {
    this.#module = module;
    this.#timeoutMs = timeoutMs;
  }

  run(recipe: Recipe): Promise<Attempt> {
    const child = (this.#child ??= fork(fileURLToPath(new URL('./worker.js', import.meta.url)), [
      this.#module,
    ]));
    return new Promise((resolve) => {
      const settle = (outcome: Attempt): void => {
        clearTimeout(timer);
        child.off('message', onMessage);
        child.off('exit', onExit);
        resolve(outcome);
      };
      const die = (why: string): void => {
        this.end();
        settle(dead(why));
      };
      const onMessage = (reply: Reply): void => {
        if (reply === 'ready') return;
        if ('died' in reply) die(reply.died);
        else settle(reply.attempt);
      };
      const onExit = (code: number | null): void => {
        if (this.#child === child) this.#child = undefined;
        settle(dead(`the process ended with ${code ?? 'a signal'}`));
      };
      const timer = setTimeout(() => die(`it took longer than ${this.#timeoutMs} ms`), this.#timeoutMs);
      child.on('message', onMessage);
      child.on('exit', onExit);
      child.send(recipe);
    });
  }

  end(): void {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }
}

function dead(why: string): Attempt {
  const nothing = { hash: '', trace: [], steps: 0, timeMs: 0, faults: [], seen: {} };
  return { failure: why.replace(/\d+/g, 'N'), detail: why, ...nothing };
}
