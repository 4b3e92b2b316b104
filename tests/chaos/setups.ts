import type { Connection, ConnectionContext, Direction, SocketAddress } from '@pea2pea/core';

interface Pending {
  readonly address: SocketAddress;
  readonly direction: Direction;
  context: ConnectionContext | undefined;
}

/** What a hook tells of a setup. */
interface Begun {
  readonly address: SocketAddress;
  readonly direction: Direction;
  readonly signal: AbortSignal;
}

/** Setups of one node whose hooks have begun to run: each holds a slot, though the node does not list them. */
export class Setups {
  readonly #pending = new Map<AbortSignal, Pending>();
  readonly #signals = new WeakMap<ConnectionContext, AbortSignal>();
  /** Inbound setups that reached `onAccept`. */
  inbound = 0;

  /** `onAccept` or `onHandshake` runs; a setup has one signal for both. */
  began({ address, signal, direction }: Begun, context?: ConnectionContext): void {
    if (context !== undefined) this.#signals.set(context, signal);
    const pending = this.#pending.get(signal);
    if (pending !== undefined) {
      pending.context = context;
      return;
    }
    if (signal.aborted) return;
    this.#pending.set(signal, { address, direction, context });
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
  peers(active: ReadonlySet<ConnectionContext>): readonly Pick<Pending, 'address' | 'direction'>[] {
    return [...this.#pending.values()].filter(({ context }) => context === undefined || !active.has(context));
  }
}
