import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { soon } from '@pea2pea/testing';

/** The machine may be busy. */
const PATIENCE_MS = 20_000;
/** How much of what it wrote to standard error an error quotes. */
const QUOTED = 2_000;

/** A line of an end: `event`, and what belongs to it. */
export type EndEvent = { readonly event: string } & Readonly<Record<string, unknown>>;

/** What a command may come with. */
export type EndArguments = Readonly<Record<string, unknown>>;

/** An end that is running. `tests/interop/README.md` has the protocol. */
export class EndProcess {
  readonly name: string;
  /** Everything that it said, in order, without the results of commands. */
  readonly events: EndEvent[] = [];
  /** What it wrote to standard error: panics, and what its libraries log. */
  errors = '';
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #results = new Map<unknown, EndEvent>();
  readonly #taken = new Set<EndEvent>();
  readonly #waiting = new Set<() => void>();
  #lastId = 0;
  /** Why it cannot go on. */
  #over: string | undefined;

  /** Resolves when the end is ready for commands; from its start on it is in `running`, to be killed. */
  static async start(
    name: string,
    [program, ...args]: readonly [program: string, ...args: string[]],
    running: EndProcess[] = [],
  ): Promise<EndProcess> {
    const end = new EndProcess(name, program, args);
    running.push(end);
    await end.next('ready');
    return end;
  }

  private constructor(name: string, program: string, args: readonly string[]) {
    this.name = name;
    this.#process = spawn(program, args, { stdio: 'pipe' });
    this.#process.stdin.on('error', () => {});
    createInterface({ input: this.#process.stdout }).on('line', (line) => this.#onLine(line));
    this.#process.stderr.on('data', (chunk: Buffer) => (this.errors += String(chunk)));
    this.#process.on('error', (error) => this.#end(error.message));
    this.#process.on('close', (code, signal) => this.#end(`ended with ${code ?? signal}`));
  }

  get isOver(): boolean {
    return this.#over !== undefined;
  }

  /**
   * Has it do something; resolves with the result. Commands run side by side.
   * @throws {Error} when the command failed, when the end is over, or when neither happens in time
   */
  async run(command: string, args: EndArguments = {}, timeoutMs = PATIENCE_MS): Promise<EndEvent> {
    const id = ++this.#lastId;
    this.#process.stdin.write(`${JSON.stringify({ ...args, id, command })}\n`);
    await this.#wait(`${command} ${JSON.stringify(args)}`, () => this.#results.has(id), timeoutMs);
    const result = this.#results.get(id)!;
    this.#results.delete(id);
    if (result.event === 'failed') throw new Error(`${this.name}: ${command}: ${String(result['error'])}`);
    return result;
  }

  /** The first event of that name which was not returned yet, as soon as there is one. */
  async next(name: string, timeoutMs = PATIENCE_MS): Promise<EndEvent> {
    const find = () => this.events.find((event) => event.event === name && !this.#taken.has(event));
    await this.#wait(`the event ${name}`, () => find() !== undefined, timeoutMs);
    const event = find()!;
    this.#taken.add(event);
    return event;
  }

  /** Has it end by itself; resolves when it has. */
  async stop(): Promise<void> {
    this.#process.stdin.end();
    await soon(
      `${this.name}: its end`,
      this.#changed(() => false),
      PATIENCE_MS,
    );
  }

  /** Ends it at once; harmless when it has ended. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }

  #onLine(line: string): void {
    let event: EndEvent;
    try {
      event = JSON.parse(line) as EndEvent;
    } catch {
      this.#end(`printed something else than JSON: ${line.slice(0, QUOTED)}`);
      return;
    }
    if (event.event === 'done' || event.event === 'failed') this.#results.set(event['id'], event);
    else this.events.push(event);
    this.#look();
  }

  /** Looks after each line rather than in each turn, so that the processes on this machine have its cores. */
  async #wait(what: string, condition: () => boolean, timeoutMs: number): Promise<void> {
    if (!condition() && !this.isOver) {
      await soon(`${this.name}: ${what}`, this.#changed(condition), timeoutMs);
    }
    if (condition()) return;
    throw new Error(`${this.name} ${this.#over}, before ${what}\n${this.errors.slice(-QUOTED)}`.trim());
  }

  async #changed(condition: () => boolean): Promise<void> {
    while (!condition() && !this.isOver) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  #end(why: string): void {
    this.#over ??= why;
    this.#look();
  }

  #look(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}
