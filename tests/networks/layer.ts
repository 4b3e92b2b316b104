import type { Clock, Logger, Random, Transport } from '@pea2pea/core';

/** What an agent talks through: a node of ours, or the bare stream of a transport, which over TCP is a socket of `node:net`. */
export type LayerName = 'node' | 'socket';

/** Each layer listens at a port of its own, so that one fault is seen by both. */
export const PORTS: Readonly<Record<LayerName, number>> = { node: 4000, socket: 4001 };

/** From these a dial comes that has to come from a known port. */
export const KNOWN_PORTS: Readonly<Record<LayerName, number>> = { node: 5000, socket: 5001 };

/** How the programs of a cause are made; times are those of the node. */
export interface AgentOptions {
  readonly halfOpen?: boolean;
  readonly idleTimeoutMs?: number;
  readonly writeTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
}

/** What the kernel needs of the machine that an agent runs on; over TCP only the transport is not its default. */
export interface Surroundings {
  readonly transport: Transport;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
}

/** A dial may come from a port that is known, and may go to that port of the other, who does the same. */
export type DialFrom = 'known-port' | 'known-port-to-known-port';

/** What an agent can be told to do. */
export type Order =
  | { readonly do: 'listen'; readonly backlog?: number }
  | { readonly do: 'dial'; readonly host: string; readonly from?: DialFrom }
  | { readonly do: 'say'; readonly bytes: number }
  | { readonly do: 'end' | 'close' | 'reset' | 'pause' | 'resume' };

/** Says what has happened. Of what was heard, the sum of bytes so far. */
export type Note = (what: string) => void;

/** One layer of an agent. It has one connection at a time: the last one. */
export interface Layer {
  listen(backlog: number): Promise<void>;
  /** Resolves when it has come to something, which is noted. */
  dial(host: string, from: DialFrom | undefined): Promise<void>;
  say(bytes: number): void;
  /** Ends its half. */
  end(): void;
  /** Ends the connection in order. */
  close(): void;
  reset(): void;
  /** Takes nothing more, until `resume`. */
  pause(): void;
  resume(): void;
}
