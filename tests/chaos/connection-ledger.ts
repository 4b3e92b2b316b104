import { PeerError, type Connection, type ConnectionContext, type DisconnectReason } from '@pea2pea/core';
import type { ChaosMessage } from './message.js';
import { streamLogs, type StreamLogs } from './stream-log.js';
import type { Rule } from './violations.js';

/** What the ledger looks at in a connection; a forged one will do. */
export interface Seen extends Pick<Connection, 'id' | 'state' | 'stats' | 'direction' | 'peerHasEnded'> {
  readonly context: Pick<ConnectionContext, 'get'>;
}

interface Page {
  readonly connection: Seen;
  readonly logs: StreamLogs | undefined;
  reason: DisconnectReason | undefined;
  peerEnded: boolean;
  handling: boolean;
}

/** The node whose ledger it is. */
interface Owner {
  /** Whether it may throw messages away. */
  readonly drops: boolean;
  /** Whether it asks for its messages. */
  readonly pulls: boolean;
  /** Connections that it was asked to end, by id. */
  readonly asked: ReadonlySet<number>;
  report(rule: Rule, what: string): void;
}

/** What the hooks of one node saw, held against what they were promised. */
export class ConnectionLedger {
  readonly #owner: Owner;
  readonly #pages = new Map<number, Page>();
  readonly #reasons = new Map<string, number>();
  #messages = 0;

  constructor(owner: Owner) {
    this.#owner = owner;
  }

  /** `onConnect` runs. */
  connected(connection: Seen): void {
    if (this.#pages.has(connection.id)) this.#breach('onConnect ran twice for one connection');
    if (connection.state !== 'open')
      this.#breach(`onConnect ran for a connection that is ${connection.state}`);
    const logs = connection.context.get(streamLogs);
    if (logs === undefined) this.#breach('a connection became active without its handshake');
    this.#pages.set(connection.id, {
      connection,
      logs,
      reason: undefined,
      peerEnded: false,
      handling: false,
    });
  }

  /** `onMessage` runs. */
  messageBegan(connection: Seen, message: ChaosMessage): void {
    const page = this.#pages.get(connection.id);
    if (page === undefined) return this.#breach('onMessage ran before onConnect');
    if (page.peerEnded) this.#breach('onMessage ran after onPeerEnd');
    if (page.reason !== undefined) this.#breach('onMessage ran after onDisconnect');
    if (connection.state !== 'open')
      this.#breach(`onMessage ran for a connection that is ${connection.state}`);
    if (page.handling) this.#breach('onMessage ran while the message before was being handled');
    page.handling = true;
    this.#came(page, message);
  }

  /** A renegotiation read a message itself: the node does not count it. */
  cameAside(connection: Seen, message: ChaosMessage): void {
    const page = this.#pages.get(connection.id);
    if (page === undefined) return this.#breach('a renegotiation ran before onConnect');
    this.#check(page, message);
  }

  /** `next()` has resolved. */
  pulled(connection: Seen, message: ChaosMessage): void {
    const page = this.#pages.get(connection.id);
    if (page === undefined) return this.#breach('a message was pulled before onConnect');
    // What was received before the end of the peer can be asked for after it, and no other.
    if (page.reason !== undefined && !isEnd(page.reason)) {
      // A loop may take one in the turn in which the connection ends.
      if (page.connection.state === 'closed') this.#breach('a message was pulled after a failure');
    }
    this.#came(page, message);
  }

  /** `next()` has said that there are no more, or why they do not come; `isLost`: or nobody can tell what comes next. */
  pulledAll(connection: Seen, isLost = false): void {
    const page = this.#pages.get(connection.id);
    if (page === undefined) return;
    const isEnded = page.reason === undefined ? page.connection.state === 'open' : isEnd(page.reason);
    if (isEnded && !isLost) this.#checkLeft(page);
    page.logs?.peer.close();
  }

  /** `onPeerEnd` runs. */
  peerEnded(connection: Seen): void {
    const page = this.#pages.get(connection.id);
    if (page === undefined) return this.#breach('onPeerEnd ran without onConnect');
    if (page.peerEnded) this.#breach('onPeerEnd ran twice');
    if (page.reason !== undefined) this.#breach('onPeerEnd ran after onDisconnect');
    if (page.handling) this.#breach('onPeerEnd ran while a message was being handled');
    if (connection.state !== 'open')
      this.#breach(`onPeerEnd ran for a connection that is ${connection.state}`);
    if (!connection.peerHasEnded) this.#breach('onPeerEnd ran, but the peer has not ended');
    page.peerEnded = true;
    if (!this.#owner.pulls) this.#checkLeft(page);
  }

  /** All that was queued before an end has to come before it. */
  #checkLeft({ logs }: Page): void {
    if (logs === undefined || !logs.peer.isOut || this.#owner.drops || logs.peer.left === 0) return;
    const what = `${logs.peer.left} messages of ${logs.peer.from} did not come before the end of its half`;
    this.#owner.report('content', what);
  }

  #came(page: Page, message: ChaosMessage): void {
    this.#messages++;
    this.#check(page, message);
  }

  #check(page: Page, message: ChaosMessage): void {
    const wrong = page.logs?.peer.received(message, this.#owner.drops);
    if (wrong !== undefined) this.#owner.report('content', wrong);
    if (message.intact !== true) {
      const what = `message ${message.number} of ${message.from} (${message.size} bytes) was changed on its way`;
      this.#owner.report('content', what);
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
    if (page.reason !== undefined) this.#breach('onDisconnect ran twice');
    if (connection.state !== 'closing') {
      this.#breach(`onDisconnect ran for a connection that is ${connection.state}`);
    }
    page.reason = reason;
    if (reason.origin === 'user' && !this.#owner.asked.has(connection.id))
      this.#breach('a connection ended as if somebody had asked for it');
    // Nodes send nothing but frames and what they have announced.
    const isBad = PeerError.is('error' in reason && reason.error, 'P2P_ERR_INVALID_FRAME');
    if (isBad && reason.origin === 'reading' && page.logs?.peer.takesBlocks === true && !this.#owner.drops)
      this.#owner.report('content', `a frame of ${page.logs.peer.from} had no mark`);
    const isJudged = !this.#owner.pulls && !page.handling; // a handler that hangs is not waited for for ever
    if (isJudged && isEnd(reason) && !page.peerEnded)
      this.#breach('the peer ended the connection, and onPeerEnd did not run');
    if (!this.#owner.pulls) page.logs?.peer.close();
    const name = 'cause' in reason ? `${reason.origin}:${reason.cause}` : reason.origin;
    this.#reasons.set(name, (this.#reasons.get(name) ?? 0) + 1);
  }

  /** The node has closed: everything must have ended. */
  nodeClosed(): void {
    for (const { connection, reason } of this.#pages.values()) {
      if (reason === undefined) this.#breach('a connection had onConnect and no onDisconnect');
      if (connection.state !== 'closed') this.#breach(`a connection of a closed node is ${connection.state}`);
    }
  }

  get opened(): number {
    return this.#pages.size;
  }

  get closed(): number {
    let closed = 0;
    for (const { reason } of this.#pages.values()) if (reason !== undefined) closed++;
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
    this.#owner.report('pairing', what);
  }
}

/** Whether the peer has ended the connection in order. */
function isEnd(reason: DisconnectReason): boolean {
  return reason.origin === 'reading' && reason.cause === 'ended';
}
