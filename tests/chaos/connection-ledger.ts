import type { Connection, ConnectionContext, DisconnectReason } from '@pea2pea/core';
import type { ChaosMessage } from './message.js';
import { streamLogs, type StreamLogs } from './stream-log.js';
import type { Violations } from './violations.js';

/** What the ledger looks at in a connection; a forged one will do. */
export interface Seen extends Pick<Connection, 'id' | 'state' | 'stats' | 'direction'> {
  readonly context: Pick<ConnectionContext, 'get'>;
}

interface Page {
  readonly connection: Seen;
  readonly logs: StreamLogs | undefined;
  ended: boolean;
  handling: boolean;
}

/** What the hooks of one node saw, held against what they were promised. */
export class ConnectionLedger {
  readonly #node: string;
  readonly #mayDrop: boolean;
  readonly #violations: Violations;
  readonly #pages = new Map<number, Page>();
  readonly #reasons = new Map<string, number>();
  #messages = 0;

  constructor(node: string, mayDrop: boolean, violations: Violations) {
    this.#node = node;
    this.#mayDrop = mayDrop;
    this.#violations = violations;
  }

  /** `onConnect` runs. */
  connected(connection: Seen): void {
    if (this.#pages.has(connection.id)) this.#breach('onConnect ran twice for one connection');
    if (connection.state !== 'open')
      this.#breach(`onConnect ran for a connection that is ${connection.state}`);
    const logs = connection.context.get(streamLogs);
    if (logs === undefined) this.#breach('a connection became active without its handshake');
    this.#pages.set(connection.id, { connection, logs, ended: false, handling: false });
  }

  /** `onMessage` runs. */
  messageBegan(connection: Seen, message: ChaosMessage): void {
    this.#messages++;
    const page = this.#pages.get(connection.id);
    if (page === undefined) return this.#breach('onMessage ran before onConnect');
    if (page.ended) this.#breach('onMessage ran after onDisconnect');
    if (connection.state !== 'open')
      this.#breach(`onMessage ran for a connection that is ${connection.state}`);
    if (page.handling) this.#breach('onMessage ran while the message before was being handled');
    page.handling = true;
    const wrong = page.logs?.peer.received(message.from, message.number, this.#mayDrop);
    if (wrong !== undefined) this.#violations.report('content', `${this.#node}: ${wrong}`);
    if (message.intact !== true) {
      const what = `message ${message.number} of ${message.from} (${message.size} bytes) was changed on its way`;
      this.#violations.report('content', `${this.#node}: ${what}`);
    }
  }

  /** What `onMessage` answered has settled. */
  messageEnded(connection: Seen): void {
    const page = this.#pages.get(connection.id);
    if (page !== undefined) page.handling = false;
  }

  /** `onDisconnect` runs. */
  disconnected(connection: Seen, reason: DisconnectReason): void {
    const page = this.#pages.get(connection.id);
    if (page === undefined) return this.#breach('onDisconnect ran without onConnect');
    if (page.ended) this.#breach('onDisconnect ran twice');
    if (connection.state !== 'closing') {
      this.#breach(`onDisconnect ran for a connection that is ${connection.state}`);
    }
    page.ended = true;
    page.logs?.peer.close();
    const name = 'cause' in reason ? `${reason.origin}:${reason.cause}` : reason.origin;
    this.#reasons.set(name, (this.#reasons.get(name) ?? 0) + 1);
  }

  /** The node has closed: everything must have ended. */
  nodeClosed(): void {
    for (const { connection, ended } of this.#pages.values()) {
      if (!ended) this.#breach('a connection had onConnect and no onDisconnect');
      if (connection.state !== 'closed') this.#breach(`a connection of a closed node is ${connection.state}`);
    }
  }

  get opened(): number {
    return this.#pages.size;
  }

  get closed(): number {
    let closed = 0;
    for (const { ended } of this.#pages.values()) if (ended) closed++;
    return closed;
  }

  get messages(): number {
    return this.#messages;
  }

  /** How many connections ended for `reason`, written `reading:ended`. */
  endedBy(reason: string): number {
    return this.#reasons.get(reason) ?? 0;
  }

  get reasons(): ReadonlyMap<string, number> {
    return this.#reasons;
  }

  get connections(): readonly Seen[] {
    return [...this.#pages.values()].map(({ connection }) => connection);
  }

  #breach(what: string): void {
    this.#violations.report('pairing', `${this.#node}: ${what}`);
  }
}
