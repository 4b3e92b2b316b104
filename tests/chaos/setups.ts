import type { Connection, ConnectionContext, SocketAddress } from '@pea2pea/core';

interface Pending {
  readonly address: SocketAddress;
  context: ConnectionContext | undefined;
}

/** Setups of one node whose hooks have begun to run: each holds a slot, though the node does not list them. */
export class Setups {
  readonly #pending = new Map<AbortSignal, Pending>();
  readonly #signals = new WeakMap<ConnectionContext, AbortSignal>();
  /** Inbound setups that reached `onAccept`. */
  inbound = 0;

  /** `onAccept` or `onHandshake` runs; a setup has one signal for both. */
  began(address: SocketAddress, signal: AbortSignal, context?: ConnectionContext): void {
    if (context !== undefined) this.#signals.set(context, signal);
    const pending = this.#pending.get(signal);
    if (pending !== undefined) {
      pending.context = context;
      return;
    }
    if (signal.aborted) return;
    this.#pending.set(signal, { address, context });
    signal.addEventListener('abort', () => this.#pending.delete(signal), { once: true });
  }

  /** It has become a connection. */
  succeeded({ context }: Pick<Connection, 'context'>): void {
    const signal = this.#signals.get(context);
    if (signal !== undefined) this.#pending.delete(signal);
  }

  /**
   * The peers of those that are still setups. One whose connection is among the `active` has its slot there:
   * the moment between becoming active and `onConnect` belongs to the next setup, whose hooks may run in it.
   */
  peers(active: ReadonlySet<ConnectionContext>): readonly SocketAddress[] {
    return [...this.#pending.values()]
      .filter(({ context }) => context === undefined || !active.has(context))
      .map(({ address }) => address);
  }
}
