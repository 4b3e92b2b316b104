import { randomBytes } from 'node:crypto';
import type { Connection } from '@pea2pea/core';
import { OnDisconnect, OnMessage, Peer } from '@pea2pea/decorators';
import { signals, type Only, type Signal } from './signals.js';

interface Visitor {
  readonly name: string;
  readonly connection: Connection<Signal>;
  isReady: boolean;
}

/** Introduces the first two visitors to each other, and starts them at the same time. */
@Peer({ codec: signals })
export class Rendezvous {
  readonly #visitors = new Map<Connection<Signal>, Visitor>();

  /** Who is here, by name, and the address that each is seen at. */
  get seen(): readonly { readonly name: string; readonly address: string }[] {
    const seen = [...this.#visitors.values()].map(({ name, connection }) => ({
      name,
      address: connection.address.toString(),
    }));
    return seen.sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  @OnMessage(signals, 'join')
  async onJoin({ name }: Only<'join'>, connection: Connection<Signal>): Promise<void> {
    const isTaken = this.seen.some((other) => other.name === name);
    if (isTaken || this.#visitors.size === 2) {
      await connection.disconnect(isTaken ? 'the name is taken' : 'there are two already');
      return;
    }
    this.#visitors.set(connection, { name, connection, isReady: false });
    if (this.#visitors.size === 2) await this.#introduce();
  }

  @OnMessage(signals, 'ready')
  async onReady(_message: Only<'ready'>, connection: Connection<Signal>): Promise<void> {
    const visitor = this.#visitors.get(connection);
    if (visitor !== undefined) visitor.isReady = true;
    const visitors = [...this.#visitors.values()];
    if (visitors.length < 2 || !visitors.every(({ isReady }) => isReady)) return;
    await Promise.all(visitors.map((each) => each.connection.send({ type: 'go' })));
  }

  @OnDisconnect()
  onGone(connection: Connection<Signal>): void {
    this.#visitors.delete(connection);
  }

  async #introduce(): Promise<void> {
    const [one, other] = [...this.#visitors.values()] as [Visitor, Visitor];
    const secret = randomBytes(32).toString('hex');
    const tell = (visitor: Visitor, { name, connection }: Visitor): Promise<void> =>
      visitor.connection.send({ type: 'partner', name, address: connection.address.toString(), secret });
    await Promise.all([tell(one, other), tell(other, one)]);
  }
}
