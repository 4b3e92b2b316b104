import { expect } from '@jest/globals';
import {
  memoryTransport,
  PeerError,
  PeerNode,
  type PeerErrorCode,
  type StandardResult,
  type StandardSchemaV1,
  type Transport,
} from '@pea2pea/core';
import { json, lines } from '@pea2pea/codecs';
import { createPeer, Peer, type PeerConfig } from '@pea2pea/decorators';
import { requests } from '@pea2pea/rpc';
import { ANYWHERE, lab, silentLogger, until } from '@pea2pea/testing';

const { own } = lab();

/** One JSON value a line. */
export const codec = json(lines({ maxLength: 4 * 1024 * 1024 }));

type PeerOf<T> = new (...args: never) => T;

/** A peer that calls, and serves nothing. */
@Peer({ codec, plugins: [requests()] })
export class Caller {}

/** Configuration for the peers of a test, which meet in memory. */
export function inMemory(config: PeerConfig = {}): PeerConfig & { readonly transport: Transport } {
  return { transport: memoryTransport(), logger: silentLogger, ...config };
}

/** `Server`, listening, and `Client`, connected with it. */
export async function connected<S extends object, C extends object = Caller>(
  Server: PeerOf<S>,
  Client?: PeerOf<C>,
  config: PeerConfig = inMemory(),
) {
  const server = own(await createPeer(Server, { config, listen: ANYWHERE }));
  const client = own(await createPeer((Client ?? Caller) as PeerOf<C>, { config }));
  const connection = await client.node.connect(server.address!);
  await until('the server is connected', () => server.node.connections.size === 1);
  const [back] = server.node.connections;
  return {
    server,
    client,
    /** Of the client, with the server. */
    connection,
    /** Of the server, with the client. */
    back: back!,
    requests: client.node.plugin(requests),
    async [Symbol.asyncDispose]() {
      await Promise.all([client.close(), server.close()]);
    },
  };
}

/** `Server`, and somebody who speaks to it by hand. */
export async function byHand<S extends object>(Server: PeerOf<S>, config: PeerConfig = inMemory()) {
  const server = own(await createPeer(Server, { config, listen: ANYWHERE }));
  const heard: Record<string, unknown>[] = [];
  const hand = own(new PeerNode({ codec, transport: config.transport! })).use({
    onMessage: (message) => void heard.push(message as Record<string, unknown>),
  });
  const connection = await hand.connect(server.address!);
  await until('the server is connected', () => server.node.connections.size === 1);
  const node: PeerNode<unknown> = server.node;
  const [back] = node.connections;
  return {
    server,
    requests: server.node.plugin(requests),
    connection,
    /** Of the server, with the one who speaks. */
    back: back!,
    heard,
    send: (...messages: unknown[]) => Promise.all(messages.map((message) => connection.send(message))),
    /** Resolves when so many messages were heard, with all of them. */
    async hears(count: number) {
      await until(`${count} messages are heard`, () => heard.length >= count);
      return heard;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([server.close(), hand.close()]);
    },
  };
}

/** What `act` throws or rejects with, which must be a PeerError of this code. */
export async function peerErrorOf(code: PeerErrorCode, act: () => unknown): Promise<PeerError> {
  try {
    await act();
  } catch (error) {
    if (!PeerError.is(error, code)) throw error;
    return error;
  }
  expect(`nothing was thrown, ${code} was expected`).toBe('');
  throw new Error('unreachable');
}

/** A Standard Schema made by hand. */
export function schemaOf<Input, Output = Input>(
  validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>,
): StandardSchemaV1<Input, Output> {
  return { '~standard': { version: 1, vendor: 'by hand', validate } };
}

export interface Sum {
  readonly a: number;
  readonly b: number;
}

/** Takes two numbers. */
export const sumSchema = schemaOf<Sum>((value) => {
  const { a, b } = Object(value) as Partial<Sum>;
  const issues = Object.entries({ a, b })
    .filter(([, number]) => typeof number !== 'number')
    .map(([key]) => ({ message: 'expected a number', path: [{ key }] }));
  return issues.length > 0 ? { issues } : { value: { a: a!, b: b! } };
});

/** A promise to be settled by hand. */
export function gate<T = void>() {
  let open!: (value: T) => void;
  const promise = new Promise<T>((resolve) => (open = resolve));
  return { promise, open };
}
