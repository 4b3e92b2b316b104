import type { SocketAddress, TransportListenEvents, TransportListener } from '@pea2pea/core';
import type { Endpoint } from './endpoint.js';
import type { Incarnation } from './incarnation.js';

/** A port that a process listens at. */
export class SimListener implements TransportListener {
  readonly address: SocketAddress;
  readonly #backlog: number;
  readonly #incarnation: Incarnation;
  readonly #events: TransportListenEvents;
  readonly #onClose: (listener: SimListener) => void;
  readonly #open = new Set<Endpoint>();
  /** Connections that the process has not taken yet. */
  #waiting = 0;
  #isClosed = false;
  #whenEmpty: (() => void) | undefined;

  constructor(
    address: SocketAddress,
    backlog: number,
    incarnation: Incarnation,
    events: TransportListenEvents,
    onClose: (listener: SimListener) => void,
  ) {
    this.address = address;
    this.#backlog = backlog;
    this.#incarnation = incarnation;
    this.#events = events;
    this.#onClose = onClose;
  }

  /**
   * Whether the system drops what comes: a process takes what waits whenever its event loop turns. Linux lets one more wait
   * than it was told.
   */
  get isFull(): boolean {
    return this.#incarnation.isStill && this.#waiting > this.#backlog;
  }

  /** A connection is open. */
  accept(endpoint: Endpoint): void {
    this.#waiting++;
    this.#incarnation.call(() => {
      this.#waiting--;
      this.#take(endpoint);
    });
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#onClose(this);
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenEmpty = resolve;
    });
  }

  #take(endpoint: Endpoint): void {
    if (this.#isClosed) {
      endpoint.reset();
      return;
    }
    if (endpoint.hasFailed) {
      endpoint.stream.destroy();
      this.#events.onPeerGone();
      return;
    }
    this.#open.add(endpoint);
    endpoint.stream.once('close', () => {
      this.#open.delete(endpoint);
      if (this.#open.size === 0) this.#whenEmpty?.();
    });
    this.#events.onLink(endpoint);
  }
}
