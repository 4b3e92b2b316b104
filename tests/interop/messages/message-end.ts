import { describeReason, PeerNode, type Codec, type Connection } from '@pea2pea/core';
import { soon, until } from '@pea2pea/testing';
import type { EndProcess } from '../harness/end-process.js';
import type { Bench } from '../harness/suite.js';

/** A node of ours, and a program with a format of messages, connected. */
export interface Exchange {
  readonly connection: Connection<unknown>;
  /** Everything that arrived here, in order. */
  readonly received: unknown[];
  /** Why our side of the connection ended. */
  readonly reasons: string[];
  /** The next value that it has read, as it describes it. */
  read(): Promise<unknown>;
  /** Why it could not read the next frame. */
  refusal(): Promise<string>;
  /** Has it send the values that are described, each in a frame of its own. */
  send(...values: unknown[]): Promise<void>;
  /** The next message that arrives here. */
  next(): Promise<unknown>;
  /** What we send, as it describes it, and what comes back, written anew. */
  there(message: unknown): Promise<[described: unknown, back: unknown]>;
}

/**
 * Connects a node with `codec` and the end, whose commands are `listen`, `dial` and `send`. It reads each frame as a value of
 * the type `as`, says what it has read, and sends it back, written anew.
 */
export async function exchange(
  { start, own }: Bench,
  codec: Codec<unknown>,
  { as = 'any', itDials = false } = {},
): Promise<Exchange> {
  const end: EndProcess = await start();
  const received: unknown[] = [];
  const reasons: string[] = [];
  const connections: Connection<unknown>[] = [];
  const node = own(new PeerNode({ codec })).use({
    onConnect: (connection) => void connections.push(connection),
    onMessage: (message) => void received.push(message),
    onDisconnect: (_connection, reason) => void reasons.push(describeReason(reason)),
  });
  if (itDials) {
    const { port } = await node.listen({ host: '127.0.0.1', port: 0 });
    await end.run('dial', { port, as });
  } else {
    const { port } = await end.run('listen', { as });
    await node.connect({ host: '127.0.0.1', port: Number(port) });
  }
  await end.next('connected');
  await until('the connection', () => connections.length === 1);
  const connection = connections[0]!;

  let taken = 0;
  const next = async (): Promise<unknown> => {
    const index = taken++;
    await until('a message', () => received.length > index || reasons.length > 0);
    if (received.length > index) return received[index];
    throw new Error(`the connection has ended: ${reasons[0]}`);
  };
  const heard = { value: 0, refused: 0 };
  /** The next thing that it says of a frame. */
  const hear = async (name: 'value' | 'refused'): Promise<Readonly<Record<string, unknown>>> => {
    const all = (of: string) => end.events.filter(({ event }) => event === of);
    await until(
      `it has read a frame, or refused it`,
      () => Object.entries(heard).some(([of, count]) => all(of).length > count) || end.isOver,
    );
    const event = all(name)[heard[name]++];
    if (event !== undefined) return event;
    throw new Error(
      name === 'value'
        ? `it refuses a frame: ${String(all('refused').at(-1)?.['error'])}`
        : 'it refuses none',
    );
  };
  return {
    connection,
    received,
    reasons,
    read: async () => (await hear('value'))['value'],
    refusal: async () => String((await hear('refused'))['error']),
    send: async (...values) => void (await end.run('send', { values, as })),
    next,
    async there(message) {
      await soon('the message to be sent', connection.send(message));
      return [(await hear('value'))['value'], await next()];
    },
  };
}
