/** How often a bar is drawn again: more often nobody sees. */
const REDRAW_MS = 50;
const WIDTH = 40;
const CLEAR_LINE = '\r\u001b[K';

/** Shows how far something is: a bar on a terminal, a line for every quarter elsewhere. */
export class Progress {
  /** Resolves with the last step. */
  readonly complete: Promise<void>;
  readonly #what: string;
  readonly #total: number;
  readonly #isTerminal = process.stdout.isTTY;
  #steps = 0;
  #drawnMs = 0;
  #onComplete = (): void => {};

  constructor(what: string, total: number) {
    this.#what = what;
    this.#total = total;
    this.complete = new Promise((resolve) => (this.#onComplete = resolve));
  }

  step(): void {
    const before = this.#steps++;
    if (this.#isTerminal) this.#draw();
    else if (quarters(before, this.#total) < quarters(this.#steps, this.#total)) {
      console.log(`${this.#what} ${this.#steps} of ${this.#total}`);
    }
    if (this.#steps === this.#total) this.#onComplete();
  }

  #draw(): void {
    const isLast = this.#steps === this.#total;
    if (!isLast && performance.now() - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = performance.now();
    const filled = Math.round((this.#steps / this.#total) * WIDTH);
    const bar = '█'.repeat(filled).padEnd(WIDTH, '░');
    // What is said next takes the place of a full bar.
    process.stdout.write(isLast ? CLEAR_LINE : `${CLEAR_LINE}${this.#what} ${bar} ${this.#steps}`);
  }
}

function quarters(steps: number, total: number): number {
  return Math.floor((4 * steps) / total);
}
