import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type * as codecs from '@pea2pea/codecs';
import {
  SocketAddress,
  type Codec,
  type Connection,
  type Heuristics,
  type Hooks,
  type NodeConfig,
  type PeerNode,
} from '@pea2pea/core';
import { soon } from '@pea2pea/testing';

export type CodecName = 'bytes' | 'lines' | 'lengthDelimited' | 'json' | 'jsonLines';

/** The node that is attacked. */
export interface VictimOptions {
  readonly codec: CodecName;
  /** Of the framing codec. */
  readonly codecOptions?: Record<string, unknown>;
  readonly config?: Partial<NodeConfig<unknown>>;
  /** It says `?`, expects {@link GREETING} and says `!`, so that an attacker knows where it is. */
  readonly shakesHands?: boolean;
  /** What it does besides answering `ping` with `ping`. */
  readonly talks?: 'to everybody alone' | 'to all at once';
  /** Where it listens. @default '127.0.0.1' */
  readonly host?: string;
  /** Whether it logs as a node does by default, to standard error. */
  readonly logs?: boolean;
  /** What it does instead of all that. It is sent as text, so it may use nothing from outside but `kit`. */
  readonly scenario?: (kit: ScenarioKit) => Scenario | Promise<Scenario>;
  /** For the scenario; goes through JSON. */
  readonly args?: unknown;
}

/** What a scenario of a victim has at hand. */
export interface ScenarioKit {
  readonly args: unknown;
  readonly codecs: typeof codecs;
  /** Part of each report. */
  readonly figures: Record<string, number>;
  /** Keeps the event loop from going on for so long. */
  compute(durationMs: number): void;
}

export interface Scenario {
  /** @default the one that the options name */
  readonly codec?: Codec<never>;
  readonly hooks?: Hooks<unknown>;
  /** Called when the node listens. */
  readonly ready?: (node: PeerNode<unknown>) => void | Promise<void>;
}

/** What a talking victim says. */
export const TALK_LENGTH = 16 * 1024;

/** Bytecode that comes and goes with garbage collections would show as heap that comes and goes. */
const FLAGS = ['--expose-gc', '--no-flush-bytecode'];

/** What happened since the last mark. */
export interface VictimReport {
  readonly heuristics: Heuristics;
  /** Every connection or inbound setup that ended: the peer's port and why. */
  readonly ends: readonly { readonly port: number; readonly reason: string }[];
  /** Now. */
  readonly connections: number;
  readonly connecting: number;
  readonly bufferedBytes: number;
  /** The most at any instant, of active connections and setups together. */
  readonly mostHeld: number;
  /** The most that was sampled. */
  readonly mostBufferedBytes: number;
  /** The most that was sampled, in bytes: what the system says, not what the node believes. */
  readonly mostRss: number;
  /** The largest block that anybody in the process asked for. */
  readonly largestAllocation: number;
  /**
   * The longest that the event loop did not come round. Time in which the system gave the processor to others is left
   * out, as far as that shows: a busy machine is no fault of the node.
   */
  readonly longestStallMs: number;
  /** The most at any instant since the process began, in bytes, as the system says. */
  readonly peakRss: number;
  /** What the scenario wrote down. */
  readonly figures: Readonly<Record<string, number>>;
}

/** In bytes, behind a full garbage collection. */
export interface VictimMemory {
  /** Resident. */
  readonly rss: number;
  /** Objects and buffers. */
  readonly heap: number;
}

/**
 * A node in a process of its own, to be attacked from this one. Under jest neither memory nor unhandled rejections
 * could be asserted: a worker holds hundreds of megabytes of compiled tests that come and go, has no `gc`, and would
 * hold the attackers, too. Here an unhandled rejection ends the process, as it does for users.
 *
 * note: it runs what was built (`npm run build`, part of `npm test`).
 */
export class Victim {
  readonly address: SocketAddress;
  readonly #process: ChildProcess;
  readonly #exit: Promise<unknown[]>;
  readonly #stderr: string[];

  private constructor(process: ChildProcess, port: number, stderr: string[]) {
    this.address = new SocketAddress('127.0.0.1', port);
    this.#process = process;
    this.#exit = once(process, 'exit');
    this.#stderr = stderr;
  }

  static async start(options: VictimOptions): Promise<Victim> {
    const { scenario, ...rest } = options;
    const args = [JSON.stringify(rest), JSON.stringify({ TALK_LENGTH }), String(scenario)];
    const program = `(${victimProgram.toString()})(${args.join(', ')})`;
    const child = spawn(process.execPath, [...FLAGS, '--input-type=module', '-e', program], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    const stderr: string[] = [];
    child.stderr!.on('data', (chunk: Buffer) => void stderr.push(String(chunk)));
    const answer = await Promise.race([
      once(child, 'message').then(([port]) => port as number),
      once(child, 'exit').then(() => undefined),
    ]);
    if (answer === undefined) throw new Error(`the victim did not start: ${stderr.join('')}`);
    return new Victim(child, answer, stderr);
  }

  /** From here on everything is counted anew. */
  async mark(): Promise<void> {
    await this.#ask('mark');
  }

  report(): Promise<VictimReport> {
    return this.#ask<VictimReport>('report');
  }

  memory(): Promise<VictimMemory> {
    return this.#ask<VictimMemory>('memory');
  }

  /** Waits until a report is as it should be; fails with `what` when none is in time. */
  async until(
    what: string,
    condition: (report: VictimReport) => boolean,
    timeoutMs = 30_000,
  ): Promise<VictimReport> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const report = await this.report();
      if (condition(report)) return report;
      if (performance.now() > deadline) {
        const { ends, ...rest } = report;
        throw new Error(
          `waited ${timeoutMs} ms in vain until ${what}: ${JSON.stringify({ ends: ends.length, ...rest })}`,
        );
      }
    }
  }

  /** Nobody is connected and nothing is being set up. */
  atRest(): Promise<VictimReport> {
    return this.until('nobody is left', ({ connections, connecting }) => connections + connecting === 0);
  }

  /** Closes the node; the process ends by itself then, because nothing is left in it. */
  async close(): Promise<void> {
    if (this.#process.connected) this.#process.send('close');
    try {
      const [code, signal] = await soon('the process of the victim to end', this.#exit);
      if (code !== 0) {
        throw new Error(`the victim ended with ${String(code ?? signal)}: ${this.#stderr.join('')}`);
      }
    } finally {
      this.#process.kill('SIGKILL');
    }
  }

  async #ask<T>(question: 'mark' | 'report' | 'memory'): Promise<T> {
    const answer = once(this.#process, 'message');
    this.#process.send(question);
    const died = this.#exit.then(([code]) => {
      throw new Error(`the victim is dead (${String(code)}): ${this.#stderr.join('')}`);
    });
    const [value] = (await soon(`the victim to answer ${question}`, Promise.race([answer, died]))) as [T];
    return value;
  }
}

/** The whole program of the victim. It is sent as text, so it may use nothing from outside. */
async function victimProgram(
  options: Omit<VictimOptions, 'scenario'>,
  constants: { readonly TALK_LENGTH: number },
  makeScenario: VictimOptions['scenario'],
): Promise<void> {
  const { PeerNode } = await import('@pea2pea/core');
  const codecs = await import('@pea2pea/codecs');
  const { bytes, json, lengthDelimited, lines } = codecs;
  const { codecOptions } = options;
  const makeCodec = {
    bytes: () => bytes(codecOptions),
    lines: () => lines(codecOptions),
    lengthDelimited: () => lengthDelimited(codecOptions),
    json: () => json(lengthDelimited(codecOptions)),
    jsonLines: () => json(lines(codecOptions)),
  }[options.codec];

  let base: Partial<Record<keyof Heuristics, number>> = {};
  let ends: { port: number; reason: string }[] = [];
  let [mostHeld, mostBufferedBytes, mostRss, largestAllocation] = [0, 0, 0, 0];
  const ended = (peer: string, reason: string): void =>
    void ends.push({ port: Number(peer.slice(peer.lastIndexOf(':') + 1)), reason });

  const silent = (): void => {};
  const note = (fields: Record<string, unknown>, text: string): void => {
    if (text.startsWith('no connection')) ended(String(fields['peer']), `setup: ${String(fields['code'])}`);
  };
  // Of what many peers cause in a second, most is told at `debug`.
  const logger = { debug: note, info: silent, error: silent, warn: note, child: () => logger };

  const figures: Record<string, number> = {};
  const compute = (durationMs: number): void => {
    const endMs = performance.now() + durationMs;
    while (performance.now() < endMs);
  };
  const scenario = await makeScenario?.({ args: options.args, codecs, figures, compute });
  const node = new PeerNode<unknown>({
    codec: scenario?.codec ?? makeCodec(),
    ...(options.logs !== true && { logger }),
    maxConnections: 10_000,
    maxConnectionsPerIp: 10_000,
    maxConnecting: 10_000,
    maxConnectingPerIp: 10_000,
    listenBacklog: 2_000,
    maxWaitingPerIp: 2_000,
    ...options.config,
  });
  const look = (): void => {
    mostHeld = Math.max(mostHeld, node.connections.size + node.connecting);
    mostBufferedBytes = Math.max(mostBufferedBytes, node.bufferedBytes);
  };
  setInterval(() => {
    look();
    mostRss = Math.max(mostRss, process.memoryUsage.rss());
  }, 5).unref();
  let [longestStallMs, lastMs, lastCpu] = [0, performance.now(), process.cpuUsage()];
  setInterval(() => {
    const [nowMs, cpu] = [performance.now(), process.cpuUsage()];
    const workedMs = (cpu.user - lastCpu.user + cpu.system - lastCpu.system) / 1_000;
    longestStallMs = Math.max(longestStallMs, Math.min(nowMs - lastMs, workedMs));
    [lastMs, lastCpu] = [nowMs, cpu];
  }, 1).unref();
  for (const name of ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const) {
    const allocate = Buffer[name] as (...args: unknown[]) => Buffer;
    const watched = (size: number, ...rest: unknown[]): Buffer => {
      largestAllocation = Math.max(largestAllocation, size);
      return allocate.call(Buffer, size, ...rest);
    };
    Buffer[name] = watched as never;
  }

  const talk: unknown = 'x'.repeat(constants.TALK_LENGTH);
  const talkTo = async (connection: Connection<unknown>): Promise<void> => {
    while (connection.state === 'open') {
      while (connection.trySend(talk)) look();
      await connection.drained().catch(silent);
    }
  };
  if (options.talks === 'to all at once') setInterval(() => (node.broadcast(talk), look()), 1).unref();

  node.use(scenario?.hooks ?? {});
  node.use({
    // A connection begins to count in the very turn in which this is called: no maximum can be missed.
    async onAccept() {
      look();
      await new Promise((resolve) => setImmediate(resolve));
    },
    ...(options.shakesHands === true && {
      async onHandshake(handshake) {
        await handshake.write('?');
        const word = await handshake.read(2);
        if (String(word) !== 'HI') handshake.reject('how rude');
        await handshake.readUntil('\r\n', 32);
        await handshake.receive(lines({ maxLength: 32 }).decoder(handshake));
        await handshake.write('!');
      },
    }),
    onConnect(connection) {
      look();
      if (options.talks === 'to everybody alone') void talkTo(connection);
    },
    ...(scenario === undefined && {
      onMessage(message, connection) {
        look();
        if (String(message) === 'ping') connection.trySend(message);
      },
    }),
    onDisconnect({ address }, reason) {
      const cause = 'cause' in reason ? ` ${reason.cause}` : '';
      const what = 'error' in reason && reason.error !== undefined ? ` ${nameOf(reason.error)}` : '';
      ended(address.toString(), `${reason.origin}:${cause}${what}`);
    },
  });

  /** What was thrown may hurt who looks at it. */
  function nameOf(error: unknown): string {
    try {
      const { code, name } = error as { code?: string; name?: string };
      return String(code ?? name);
    } catch {
      return 'something hostile';
    }
  }

  const answers = {
    report: (): VictimReport => ({
      heuristics: Object.fromEntries(
        Object.entries(node.heuristics).map(([name, count]) => [
          name,
          count - (base[name as keyof Heuristics] ?? 0),
        ]),
      ) as unknown as Heuristics,
      ends,
      connections: node.connections.size,
      connecting: node.connecting,
      bufferedBytes: node.bufferedBytes,
      mostHeld,
      mostBufferedBytes,
      mostRss,
      largestAllocation,
      longestStallMs,
      peakRss: process.resourceUsage().maxRSS * 1024,
      figures,
    }),
    mark() {
      base = { ...node.heuristics };
      ends = [];
      [mostHeld, mostBufferedBytes, mostRss, largestAllocation, longestStallMs] = [0, 0, 0, 0, 0];
      return true;
    },
    async memory(): Promise<VictimMemory> {
      for (let round = 0; round < 3; round++) {
        await new Promise((resolve) => setImmediate(resolve));
        globalThis.gc!();
      }
      const { rss, heapUsed, external } = process.memoryUsage();
      return { rss, heap: heapUsed + external };
    },
  };
  process.on('message', (question: 'close' | keyof typeof answers) => {
    if (question === 'close') void node.close().then(() => process.disconnect());
    else void Promise.resolve(answers[question]()).then((answer) => process.send!(answer));
  });
  const { port } = await node.listen({ host: options.host ?? '127.0.0.1', port: 0 });
  await scenario?.ready?.(node);
  process.send!(port);
}
