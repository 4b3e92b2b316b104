/** A real js-libp2p node in a process of its own: version 3 needs a newer Node than we do. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** `examples/libp2p` lies two folders below the root, what was built of it three. */
const root = ['../../', '../../../']
  .map((up) => fileURLToPath(new URL(up, import.meta.url)))
  .find((folder) => existsSync(`${folder}tests/interop/libp2p/peer.mjs`))!;
const folder = `${root}tests/interop/libp2p`;
const program = `${folder}/node_modules/node/bin/node`;

/** What has to be run once before a js-libp2p node can be started. */
export const INSTALL = 'npm ci --prefix tests/interop/libp2p';

/** Whether {@link INSTALL} was run, here where it can be. */
export function isInstalled(): boolean {
  return existsSync(program) && existsSync(`${folder}/node_modules/libp2p`);
}

/** What the process says: an `event`, and what belongs to it. */
export type JsEvent = { readonly event: string } & Readonly<Record<string, unknown>>;

export class JsPeer {
  /** All that was said so far. */
  readonly events: JsEvent[] = [];
  readonly #process: ChildProcess;
  readonly #waiting = new Set<() => void>();
  #exited = false;

  private constructor(args: readonly string[]) {
    this.#process = spawn(program, ['peer.mjs', ...args], {
      cwd: folder,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#process.stdin!.on('error', () => {});
    createInterface({ input: this.#process.stdout! }).on('line', (line) => {
      this.events.push(JSON.parse(line) as JsEvent);
      this.#look();
    });
    this.#process.on('exit', () => {
      this.#exited = true;
      this.#look();
    });
  }

  /** Resolves when it listens. */
  static async start(...args: string[]): Promise<JsPeer> {
    const peer = new JsPeer(args);
    await peer.event('ready');
    return peer;
  }

  get peerId(): string {
    return String(this.events[0]!['peerId']);
  }

  /** A multiaddr. */
  get address(): string {
    return String(this.events[0]!['address']);
  }

  /** The first such event from the `from`th on, when it comes. */
  async event(name: string, from = 0): Promise<JsEvent> {
    for (;;) {
      const found = this.events.slice(from).find(({ event }) => event === name);
      if (found !== undefined) return found;
      if (this.#exited) throw new Error(`the js-libp2p process ended before it said ${name}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Has it do something; answers what it says when that is done. One at a time. */
  async run(command: string, options: Readonly<Record<string, unknown>> = {}): Promise<JsEvent> {
    const from = this.events.length;
    this.#process.stdin!.write(`${JSON.stringify({ command, ...options })}\n`);
    const answer = await Promise.race([this.event('done', from), this.event('failed', from)]);
    if (answer.event === 'failed') throw new Error(`js-libp2p: ${String(answer['error'])}`);
    return answer;
  }

  async stop(): Promise<void> {
    if (this.#exited) return;
    const exit = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.stdin!.end();
    await exit;
  }

  #look(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
