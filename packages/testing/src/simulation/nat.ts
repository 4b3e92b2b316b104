import { SocketAddress } from '@pea2pea/core';
import { inMs, type Duration } from './quantities.js';

const FIRST_PORT = 20_000;

/** What is between a private network and the rest, to be given to its hosts. */
export interface NatOptions {
  /** Under which all of its hosts are seen. */
  readonly address: string;
  /** How long a connection may be silent before it is forgotten. @default for ever */
  readonly forgets?: Duration;
  /** What becomes of a segment of a connection that was forgotten: nothing, or whoever sent it is replied to with a reset. @default 'dropped' */
  readonly unknown?: 'dropped' | 'reset';
}

/**
 * A translation of addresses: its hosts dial out, and nobody dials in. A connection that was silent for too long is
 * forgotten, and neither side is told before it sends something.
 */
export class Nat {
  /** Under which its hosts are seen. */
  readonly address: string;
  /** How long a connection may be silent before it is forgotten, in milliseconds. */
  readonly forgetMs: number;
  /** Whether whoever sends something of a forgotten connection is replied to with a reset. */
  readonly resetsUnknown: boolean;
  #nextPort = FIRST_PORT;

  /** Made by `world.nat`. @internal */
  constructor({ address, forgets = Infinity, unknown = 'dropped' }: NatOptions) {
    this.address = address;
    this.forgetMs = inMs(forgets);
    this.resetsUnknown = unknown === 'reset';
  }

  /** How the next connection is seen from outside. */
  translate(): SocketAddress {
    const port = this.#nextPort;
    this.#nextPort = port === 65_535 ? FIRST_PORT : port + 1;
    return new SocketAddress(this.address, port);
  }
}
