import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Direction } from '@pea2pea/core';
import type { Firewall } from './firewall.js';
import type { Role } from './hole.js';

/** What a process reports, in this order. */
export interface Reports {
  readonly started: object;
  readonly plugged: { readonly firewall: Firewall };
  readonly alone: { readonly answer: string };
  readonly open: {
    readonly direction: Direction;
    readonly role: Role;
    readonly attempts: number;
    readonly accepted: number;
  };
  readonly heard: { readonly text: string };
}

export type Report = { [What in keyof Reports]: { what: What } & Reports[What] }[keyof Reports];

/** What a process is told: its cable is laid; it may leave. */
export type Order = { readonly order: 'plugged'; readonly rendezvous: string } | { readonly order: 'leave' };

/** One of the two, in a process of its own: two SYNs can only cross where two processes dial at the same moment. */
export class PeerProcess {
  readonly process: ChildProcess;
  readonly #reports: Report[] = [];
  #onReport: () => void = () => {};
  #exitCode: number | undefined;

  /** @param namespaced in a network namespace of its own */
  constructor(name: string, host: string, namespaced: boolean) {
    const program = fileURLToPath(new URL('peer.js', import.meta.url));
    const args = [name, host, ...(namespaced ? ['--namespaced'] : [])];
    this.process = namespaced
      ? fork(program, args, { execPath: 'unshare', execArgv: ['--net', process.execPath] })
      : fork(program, args);
    this.process.on('message', (report: Report) => {
      this.#reports.push(report);
      this.#onReport();
    });
    this.process.on('exit', (code) => {
      this.#exitCode = code ?? 1;
      this.#onReport();
    });
  }

  /** What it reports under that name, as soon as it does. */
  async report<What extends keyof Reports>(what: What): Promise<Reports[What]> {
    for (;;) {
      const report = this.#reports.find((each) => each.what === what);
      if (report !== undefined) return report as Report & Reports[What];
      if (this.#exitCode !== undefined) throw new Error(`a peer ended early, with code ${this.#exitCode}`);
      await new Promise<void>((resolve) => (this.#onReport = resolve));
    }
  }

  tell(order: Order): void {
    this.process.send(order);
  }

  /** Resolves with its exit code. */
  async ended(): Promise<number> {
    while (this.#exitCode === undefined) await new Promise<void>((resolve) => (this.#onReport = resolve));
    return this.#exitCode;
  }
}
