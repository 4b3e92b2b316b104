import { PeerNode, type Clock, type Connection, type NodeConfig, type Random } from '@pea2pea/core';
import { codec, type Message } from './messages.js';

export const PORT = 4000;

/** What a member keeps over restarts. */
export interface Disk {
  read(name: string): Uint8Array | undefined;
  write(name: string, value: string): void;
  /** What was written is safe when this returns. */
  sync(): void;
}

/** Where a member lives: in a simulated network, or on a machine. */
export interface MemberOptions {
  readonly address: string;
  /** The addresses of all members, its own included. */
  readonly members: readonly string[];
  readonly config: Required<Pick<NodeConfig<Message>, 'transport' | 'clock' | 'random' | 'logger'>>;
  readonly disk: Disk;
  /** Whether a vote is safe on the disk before it is given. A member that forgets its vote votes twice. */
  readonly syncsVotes: boolean;
  /** Called when it becomes the leader of a term. */
  readonly onLeader: (term: number) => void;
}

/**
 * One of several nodes that elect a leader. Whoever hears of no leader for long begins a new term, and asks for votes. Each
 * votes once in a term, and whoever has the votes of most leads it: so no term has two leaders.
 */
export class Member {
  readonly #options: MemberOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #node: PeerNode<Message>;
  #term = 0;
  #votedFor: string | undefined;
  #votes = new Set<string>();
  #heardMs: number;

  constructor(options: MemberOptions) {
    const { config, disk } = options;
    this.#options = options;
    this.#clock = config.clock;
    this.#random = config.random;
    this.#heardMs = config.clock.now();
    const saved = disk.read('vote');
    if (saved !== undefined) {
      const { term, votedFor } = JSON.parse(Buffer.from(saved).toString()) as {
        term: number;
        votedFor?: string;
      };
      [this.#term, this.#votedFor] = [term, votedFor];
    }
    this.#node = new PeerNode<Message>({ codec, ...config, connectTimeoutMs: 500, idleTimeoutMs: 5_000 });
    this.#node.use({ onMessage: (message, connection) => this.#onMessage(message, connection) });
  }

  async start(): Promise<void> {
    await this.#node.listen({ host: '0.0.0.0', port: PORT });
    this.#tick();
  }

  #onMessage({ kind, term, from }: Message, connection: Connection<Message>): void {
    if (term < this.#term) return;
    if (term > this.#term) this.#save(term, undefined);
    if (kind === 'leader') this.#heardMs = this.#clock.now();
    if (kind === 'candidate' && (this.#votedFor ?? from) === from) {
      this.#save(term, from);
      this.#heardMs = this.#clock.now();
      connection.trySend({ kind: 'vote', term, from: this.#options.address });
    }
    if (kind === 'vote' && this.#votedFor === this.#options.address) this.#count(from);
  }

  #count(voter: string): void {
    this.#votes.add(voter);
    if (this.#leads) this.#options.onLeader(this.#term);
  }

  get #leads(): boolean {
    return this.#votes.size > this.#options.members.length / 2;
  }

  #tick(): void {
    this.#clock.setTimeout(() => this.#tick(), 50 + 100 * this.#random.next());
    this.#connect();
    const from = this.#options.address;
    if (this.#leads) {
      this.#node.broadcast({ kind: 'leader', term: this.#term, from });
    } else if (this.#clock.now() - this.#heardMs > 500 + 500 * this.#random.next()) {
      this.#save(this.#term + 1, from);
      this.#heardMs = this.#clock.now();
      this.#count(from);
      this.#node.broadcast({ kind: 'candidate', term: this.#term, from });
    }
  }

  /** Of two members one dials. */
  #connect(): void {
    for (const other of this.#options.members.filter((each) => each > this.#options.address)) {
      const at = `${other}:${PORT}`;
      if (!this.#node.connections.has(at)) this.#node.connect(at).catch(() => {}); // the next tick tries again
    }
  }

  #save(term: number, votedFor: string | undefined): void {
    if (term > this.#term) this.#votes = new Set();
    [this.#term, this.#votedFor] = [term, votedFor];
    this.#options.disk.write('vote', JSON.stringify({ term, votedFor }));
    if (this.#options.syncsVotes) this.#options.disk.sync();
  }
}
