import type { Duplex } from 'node:stream';
import { SocketAddress, type Link, type Transport } from '@pea2pea/core';
import { CancellationSource } from '@pea2pea/core/authoring';
import { codeOf } from './code-of.js';
import {
  KNOWN_PORTS,
  PORTS,
  type AgentOptions,
  type DialFrom,
  type Layer,
  type Note,
  type Surroundings,
} from './layer.js';

const OPTIONS = { noDelay: true, keepAlive: true };

/** The streams of a transport, without a kernel above them: over TCP, sockets of `node:net`. */
export class SocketLayer implements Layer {
  readonly #transport: Transport;
  readonly #halfOpen: boolean;
  readonly #note: Note;
  #link: Link | undefined;
  #heard = 0;
  #isPaused = false;

  constructor({ transport }: Surroundings, { halfOpen = false }: AgentOptions, note: Note) {
    this.#transport = transport;
    this.#halfOpen = halfOpen;
    this.#note = note;
  }

  async listen(backlog: number): Promise<void> {
    const address = new SocketAddress('0.0.0.0', PORTS.socket);
    await this.#transport.listen(
      { address, backlog, reusePort: false, ...OPTIONS },
      {
        onLink: (link) => {
          this.#note('accepted');
          this.#take(link);
        },
        onPeerGone: () => this.#note('a peer had gone'),
        onAcceptError: (error) => this.#note(`accept failed: ${codeOf(error)}`),
      },
    );
  }

  async dial(host: string, from: DialFrom | undefined): Promise<void> {
    const cancellation = new CancellationSource();
    const origin = from === undefined ? {} : { localPort: KNOWN_PORTS.socket };
    const port = from === 'known-port-to-known-port' ? KNOWN_PORTS.socket : PORTS.socket;
    try {
      const [address] = await this.#transport.resolve(new SocketAddress(host, port));
      this.#take(await this.#transport.connect(address!, { ...OPTIONS, ...origin, cancellation }));
      this.#note('connected');
    } catch (error) {
      this.#note(`dial failed: ${codeOf(error)}`);
    }
  }

  say(size: number): void {
    const stream = this.#link?.stream;
    if (stream?.writable === true) stream.write(Buffer.alloc(size, 'x'));
  }

  end(): void {
    this.#link?.stream.end();
  }

  close(): void {
    this.#link?.stream.destroy();
  }

  reset(): void {
    this.#link?.reset();
  }

  pause(): void {
    this.#isPaused = true;
    this.#link?.stream.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#link?.stream.resume();
  }

  #take(link: Link): void {
    this.#link = link;
    const { stream }: { stream: Duplex } = link;
    stream.on('data', (chunk: Buffer) => {
      this.#heard += chunk.length;
      this.#note(`heard ${this.#heard}`);
    });
    stream.on('end', () => {
      this.#note('end');
      if (!this.#halfOpen) stream.end();
    });
    stream.on('error', (error: NodeJS.ErrnoException) => {
      this.#note(`error ${error.syscall ?? ''} ${codeOf(error)}`);
    });
    if (this.#isPaused) stream.pause();
    else stream.resume();
  }
}
