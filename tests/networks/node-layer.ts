import { bytes } from '@pea2pea/codecs';
import { PeerError, PeerNode, type Connection, type DisconnectReason } from '@pea2pea/core';
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

/** So patient that the network alone decides, where a cause does not say otherwise. */
const PATIENT = { idleTimeoutMs: 0, writeTimeoutMs: 3_600_000, connectTimeoutMs: 600_000 };

/** A node of ours, and what its hooks are told. */
export class NodeLayer implements Layer {
  readonly #node: PeerNode<Uint8Array>;
  readonly #options: { readonly codec: ReturnType<typeof bytes>; readonly listenBacklog?: number };
  readonly #note: Note;
  #connection: Connection<Uint8Array> | undefined;
  #heard = 0;
  #resumed: Promise<void> | undefined;
  #resume: () => void = () => {};

  constructor(surroundings: Surroundings, options: AgentOptions, backlog: number | undefined, note: Note) {
    this.#note = note;
    this.#options = { codec: bytes(), ...(backlog !== undefined && { listenBacklog: backlog }) };
    this.#node = new PeerNode({ ...this.#options, ...PATIENT, ...surroundings, ...options });
    this.#node.use({
      onConnect: (connection) => {
        this.#connection = connection;
        if (connection.direction === 'inbound') note('accepted');
      },
      onMessage: (message) => this.#hear(message),
      onDisconnect: (_connection, reason) => note(inWords(reason)),
    });
  }

  async listen(): Promise<void> {
    await this.#node.listen({ host: '0.0.0.0', port: PORTS.node });
  }

  async dial(host: string, from: DialFrom | undefined): Promise<void> {
    const origin = from === undefined ? {} : { localPort: KNOWN_PORTS.node };
    const port = from === 'known-port-to-known-port' ? KNOWN_PORTS.node : PORTS.node;
    try {
      await this.#node.connect(`${host}:${port}`, { parallel: true, ...origin });
      this.#note('connected');
    } catch (error) {
      const code = codeOf(error);
      const isOurs = PeerError.is(error) && code.startsWith('P2P_ERR_');
      this.#note(`dial failed: ${isOurs ? code.replace('P2P_ERR_', '') : code}`);
    }
  }

  say(size: number): void {
    this.#connection?.trySend(Buffer.alloc(size, 'x'));
  }

  end(): void {
    this.#connection?.end().catch(() => {});
  }

  close(): void {
    void this.#connection?.disconnect();
  }

  /** A node resets by itself only; whoever has taken its stream can. */
  reset(): void {
    const reset = async (): Promise<void> => {
      const { stream } = await this.#connection!.detach();
      (stream as unknown as { resetAndDestroy(): void }).resetAndDestroy();
    };
    void reset();
  }

  pause(): void {
    this.#resumed = new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  resume(): void {
    this.#resumed = undefined;
    this.#resume();
  }

  #hear(message: Uint8Array): void | Promise<void> {
    this.#heard += message.length;
    this.#note(`heard ${this.#heard}`);
    return this.#resumed;
  }
}

function inWords(reason: DisconnectReason): string {
  const cause = 'cause' in reason ? ` ${reason.cause}` : '';
  const code = 'error' in reason && reason.error !== undefined ? codeOf(reason.error) : '';
  return `${reason.origin}${cause}${code.startsWith('E') ? ` ${code}` : ''}`;
}
