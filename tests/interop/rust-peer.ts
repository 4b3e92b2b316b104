import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { until } from '@pea2pea/testing';

/** The machine may be busy. */
const PATIENCE_MS = 15_000;

/** What the program prints, one of them a line; `rust/src/peer.rs` says when. */
export type RustEvent =
  | { readonly event: 'identity'; readonly key: string }
  | { readonly event: 'listening'; readonly port: number }
  | { readonly event: 'connected'; readonly dialled: boolean; readonly remote: string }
  | { readonly event: 'message'; readonly length: number; readonly checksum: number }
  | { readonly event: 'disconnected'; readonly origin: string }
  | { readonly event: 'not connected' | 'refused' | 'not sent'; readonly kind: string };

type EventOf<Name extends RustEvent['event']> = Extract<RustEvent, { event: Name }>;

/** A process with a node of the original. */
export class RustPeer {
  readonly events: RustEvent[] = [];
  /** What it said where only panics go. */
  errors = '';
  #exitCode: number | null | undefined;
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;

  constructor(program: string, args: readonly string[]) {
    this.#process = spawn(program, args, { stdio: 'pipe' });
    this.#process.stdin.on('error', () => {});
    createInterface({ input: this.#process.stdout }).on('line', (line) => {
      this.events.push(JSON.parse(line) as RustEvent);
    });
    this.#process.stderr.on('data', (chunk: Buffer) => (this.errors += String(chunk)));
    this.#process.on('close', (code) => (this.#exitCode = code));
  }

  /** Everything of that name so far. */
  all<Name extends RustEvent['event']>(name: Name): EventOf<Name>[] {
    return this.events.filter((event): event is EventOf<Name> => event.event === name);
  }

  /** What it said of that name, as soon as there are `count`. */
  async said<Name extends RustEvent['event']>(name: Name, count = 1): Promise<EventOf<Name>[]> {
    const isOver = (): boolean => this.all(name).length >= count || this.#exitCode !== undefined;
    await until(`the original says "${name}" ${count} times`, isOver, PATIENCE_MS);
    const events = this.all(name);
    if (events.length >= count) return events;
    throw new Error(`the original ended early, with code ${this.#exitCode}: ${this.errors}`);
  }

  /** Where it listens, as soon as it does. */
  async address(): Promise<{ host: string; port: number }> {
    const [listening] = await this.said('listening');
    return { host: '127.0.0.1', port: listening!.port };
  }

  /** Ends its connections. */
  leave(): void {
    this.#process.stdin.write('leave\n');
  }

  /** Ends it in an orderly way; answers its exit code. */
  async stop(): Promise<number | null> {
    this.#process.stdin.end();
    await until('the original ends', () => this.#exitCode !== undefined, PATIENCE_MS);
    return this.#exitCode!;
  }

  /** Harmless where it has ended. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }
}
