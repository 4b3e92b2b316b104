import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Order } from './layer.js';
import { Namespaces } from './namespaces.js';
import {
  ADDRESSES,
  type Fact,
  type HostName,
  type Loss,
  type Stage,
  type StageCut,
  type StageOptions,
} from './stage.js';

/** Give up peers and dials after about three seconds, as the simulated stage does. */
const SETTINGS = {
  tcp_retries2: 2,
  tcp_orphan_retries: 2,
  tcp_syn_retries: 1,
  tcp_syn_linear_timeouts: 0,
  tcp_rmem: '4096 65536 65536',
  tcp_wmem: '4096 65536 65536',
};
const PROBES = { tcp_keepalive_time: 1, tcp_keepalive_intvl: 1, tcp_keepalive_probes: 2 };
const WAIT_MS = 30_000;

/** What an agent's process sends. */
export type Report =
  { readonly done: number; readonly error?: string } | { readonly fact: Omit<Fact, 'host'> };

/** A cause on namespaces of this machine: each host is a process in a namespace of its own. */
export class RealStage implements Stage {
  readonly isReal = true;
  readonly facts: Fact[] = [];
  readonly said = { a: 0, b: 0 };
  began = { atMs: 0, facts: 0 };
  readonly #namespaces: Namespaces;
  readonly #options: StageOptions;
  readonly #agentFile: string;
  /** Those that have lost their power. */
  readonly #gone = new Set<HostName>();
  #failure: { readonly error: unknown } | undefined;
  readonly #processes = new Map<HostName, AgentProcess>();

  private constructor(namespaces: Namespaces, options: StageOptions, agentFile: string) {
    this.#namespaces = namespaces;
    this.#options = options;
    this.#agentFile = agentFile;
  }

  static async open(prefix: string, options: StageOptions, agentFile: string): Promise<RealStage> {
    const { keepsSystem, giveUpMs, nat, bytesPerSecond, probes, mtu } = options;
    const retries = giveUpMs === undefined ? {} : { tcp_retries2: retriesFor(giveUpMs) };
    const settings = { ...(keepsSystem ? {} : SETTINGS), ...retries, ...(probes && PROBES) };
    const stage = new RealStage(new Namespaces(prefix, settings), options, agentFile);
    try {
      await stage.#namespaces.make();
      await Promise.all([stage.#start('a'), stage.#start('b')]);
      if (nat !== undefined) await stage.#translate(nat);
      if (bytesPerSecond !== undefined) await stage.#limit(bytesPerSecond);
      if (mtu !== undefined) await stage.#narrow(mtu);
    } catch (error) {
      await stage.close();
      throw error;
    }
    return stage;
  }

  get namespaces(): Namespaces {
    return this.#namespaces;
  }

  async tell(host: HostName, order: Order): Promise<void> {
    if (order.do === 'say') this.said[host] += order.bytes;
    await this.#processes.get(host)!.tell(order);
  }

  launch(host: HostName, order: Order): void {
    this.tell(host, order).catch((error: unknown) => {
      this.#failure ??= { error };
    });
  }

  begin(): void {
    this.began = { atMs: Date.now(), facts: this.facts.length };
  }

  async pass(ms: number): Promise<void> {
    await sleep(ms);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    const deadlineMs = Date.now() + WAIT_MS;
    while (!condition()) {
      if (Date.now() > deadlineMs) throw new Error(`waited ${WAIT_MS} ms in vain until ${what}`);
      await sleep(5);
    }
  }

  async cut(how: StageCut): Promise<void> {
    const { a, b } = ADDRESSES;
    const ways =
      how === 'a-to-b'
        ? [[a, b]]
        : how === 'b-to-a'
          ? [[b, a]]
          : [
              [a, b],
              [b, a],
            ];
    const replies = how === 'reset' || how === 'prohibited';
    const verdict = { reset: 'reject with tcp reset', prohibited: 'reject with icmp type admin-prohibited' };
    const then = replies ? verdict[how] : 'drop';
    const chain = replies ? 'replies' : 'drops';
    const rules = ways.map(
      ([from, to]) => `add rule ip faults ${chain} ip saddr ${from} ip daddr ${to} meta l4proto tcp ${then}`,
    );
    await this.#namespaces.nft(rules);
  }

  async heal(): Promise<void> {
    await this.#namespaces.nft(['flush table ip faults']);
  }

  async lose(host: HostName, what: Loss): Promise<void> {
    const lines = {
      link: 'ip link set eth0 down',
      address: `ip addr del ${ADDRESSES[host]}/24 dev eth0`,
      route: 'ip route del default',
    };
    await this.#namespaces.in(host, lines[what]);
  }

  async crash(host: HostName, how: 'process' | 'power'): Promise<void> {
    if (how === 'power') await this.cut('both');
    await this.#processes.get(host)?.kill();
    this.#processes.delete(host);
    if (how === 'process') return;
    await this.#namespaces.removeHost(host);
    this.#gone.add(host);
  }

  async restart(host: HostName): Promise<void> {
    const wasGone = this.#gone.delete(host);
    if (wasGone) await this.#namespaces.addHost(host);
    await this.#start(host);
    if (wasGone) await this.heal();
  }

  async stall(host: HostName, ms: number): Promise<void> {
    const agent = this.#processes.get(host);
    agent?.process.kill('SIGSTOP');
    setTimeout(() => agent?.process.kill('SIGCONT'), ms);
  }

  async close(): Promise<void> {
    for (const agent of this.#processes.values()) await agent.kill();
    await this.#namespaces.remove();
  }

  async #start(host: HostName): Promise<void> {
    const agent = new AgentProcess(this.#namespaces.name(host), this.#agentFile, (fact) =>
      this.facts.push({ ...fact, host }),
    );
    this.#processes.set(host, agent);
    await agent.tell({ start: this.#options.agents ?? {}, address: ADDRESSES[host] });
  }

  async #translate({ forgetsMs, unknown }: NonNullable<StageOptions['nat']>): Promise<void> {
    const [others, back] = unknown === 'dropped' ? ['drop', 'drop'] : ['reject with tcp reset', 'accept'];
    await this.#namespaces.in(
      'router',
      `echo ${Math.ceil(forgetsMs / 1_000)} > /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established
       echo 0 > /proc/sys/net/netfilter/nf_conntrack_tcp_loose`,
    );
    await this.#namespaces.nft([
      'add table ip nat',
      'add chain ip nat out { type nat hook postrouting priority srcnat; }',
      'add rule ip nat out oifname to-b masquerade',
      'add chain ip nat unknown { type filter hook forward priority filter; }',
      `add rule ip nat unknown ct state invalid ${others}`,
      // What comes back for nobody is for the router itself, whose system replies with a reset.
      'add chain ip nat own { type filter hook input priority filter; }',
      `add rule ip nat own iifname to-b ${back}`,
    ]);
  }

  async #limit(bytesPerSecond: number): Promise<void> {
    const lines = ['to-a', 'to-b'].map(
      (device) => `tc qdisc add dev ${device} root tbf rate ${bytesPerSecond * 8}bit burst 8kb latency 500ms`,
    );
    await this.#namespaces.in('router', lines.join('\n'));
  }

  async #narrow({ bytes, isTold }: NonNullable<StageOptions['mtu']>): Promise<void> {
    const rules = [
      'add table ip mute',
      'add chain ip mute out { type filter hook output priority filter; }',
      'add rule ip mute out meta l4proto icmp drop',
    ];
    await this.#namespaces.in('router', `ip link set to-b mtu ${bytes}`);
    if (!isTold) await this.#namespaces.nft(rules);
  }
}

/**
 * The setting with which Linux gives up after `giveUpMs`: at the first retry that comes so many retries, and the first of
 * 200 ms doubled each time, after the first one.
 */
function retriesFor(giveUpMs: number): number {
  return Math.round(Math.log2(giveUpMs / 200 + 1)) - 2;
}

/** The process of an agent, in a namespace. */
class AgentProcess {
  readonly process: ChildProcess;
  readonly #waiting = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();
  #orders = 0;

  constructor(namespace: string, file: string, onFact: (fact: Omit<Fact, 'host'>) => void) {
    // `ip netns exec` becomes the program that it runs: the pid is that of the agent.
    this.process = spawn('ip', ['netns', 'exec', namespace, process.execPath, file], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.process.on('message', (report: Report) => {
      if ('fact' in report) {
        onFact(report.fact);
        return;
      }
      const waiting = this.#waiting.get(report.done);
      this.#waiting.delete(report.done);
      if (report.error === undefined) waiting?.resolve();
      else waiting?.reject(new Error(report.error));
    });
    this.process.on('exit', (code, signal) => {
      for (const { reject } of this.#waiting.values())
        reject(new Error(`the agent ended: ${code ?? signal}`));
      this.#waiting.clear();
    });
    this.process.on('error', () => {});
  }

  tell(order: object): Promise<void> {
    const id = ++this.#orders;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.process.send({ id, order }, (error) => {
        if (error !== null) reject(error);
      });
    });
  }

  /** What it was told to do stays undone, and nobody is told. */
  kill(): Promise<void> {
    this.#waiting.clear();
    return new Promise((resolve) => {
      if (this.process.exitCode !== null || this.process.signalCode !== null) resolve();
      else this.process.once('exit', () => resolve());
      this.process.kill('SIGKILL');
    });
  }
}
