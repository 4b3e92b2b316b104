import { afterEach, describe, expect, it } from '@jest/globals';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { systemClock, type Clock, type Connection, type MessageDiagnostic } from '@pea2pea/core';
import { inMemory, join, lab, type TestNode, textCodec, until } from '@pea2pea/testing';

const { makeNode } = lab();

const FILLING = 'x'.repeat(1_000);

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** A connection whose queue a message of 1 000 bytes fills for the rest of the turn, and a way to let some time go by. */
async function pair(
  statelessEncoder = true,
): Promise<[TestNode, Connection<string>, (durationMs: number) => void]> {
  let aheadMs = 0;
  const clock: Clock = {
    now: () => systemClock.now() + aheadMs,
    date: () => systemClock.date(),
    setTimeout: (...timer) => systemClock.setTimeout(...timer),
    nextTurn: (callback) => systemClock.nextTurn(callback),
  };
  const network = inMemory();
  const codec = textCodec({ statelessEncoder });
  const a = makeNode({ ...network, codec, clock, outboundQueueBytes: 1_000, name: 'a' });
  const [connection] = await join(a, makeNode(network));
  return [a, connection, (durationMs) => void (aheadMs += durationMs)];
}

const warnings = ({ log }: TestNode) => log.filter(({ level }) => level === 'warn');

describe.each<[string, boolean, (a: TestNode, connection: Connection<string>) => unknown]>([
  ['send', true, (_, connection) => void connection.send('lost')],
  ['trySend', true, (_, connection) => connection.trySend('lost')],
  ['broadcast', true, ({ node }) => node.broadcast('lost')],
  ['broadcast, encoded for each', false, ({ node }) => node.broadcast('lost')],
])('what a full queue refuses of %s', (_how, statelessEncoder, act) => {
  it('is counted by node and connection', async () => {
    const [a, connection] = await pair(statelessEncoder);
    connection.trySend(FILLING);
    for (let count = 0; count < 20; count++) act(a, connection);
    expect([a.node.stats.messagesRefused, connection.stats.messagesRefused]).toEqual([20, 20]);
  });

  it('is told in one warning a second, with the option and the peer', async () => {
    const [a, connection, letPass] = await pair(statelessEncoder);
    connection.trySend(FILLING);
    for (let count = 0; count < 20; count++) act(a, connection);
    expect(warnings(a)).toEqual([
      {
        level: 'warn',
        fields: {
          node: 'a',
          peer: connection.address.toString(),
          connection: connection.id,
          bufferedBytes: connection.bufferedBytes,
          refused: 1,
        },
        text: 'outboundQueueBytes (1000) is reached: messages are refused; await drained() before sending more',
      },
    ]);
    letPass(1_000);
    act(a, connection);
    expect(warnings(a)).toHaveLength(2);
    // All but the one that was told, and the first of `trySend`, which might have been waited for.
    expect(warnings(a)[1]!.fields['refused']).toBeGreaterThanOrEqual(19);
  });

  it('is published, each message', async () => {
    const events: MessageDiagnostic[] = [];
    const note = (event: unknown): void => void events.push(event as MessageDiagnostic);
    subscribe('pea2pea:message:refused', note);
    cleanups.push(() => unsubscribe('pea2pea:message:refused', note));
    const [a, connection] = await pair(statelessEncoder);
    connection.trySend(FILLING);
    for (let count = 0; count < 3; count++) act(a, connection);
    expect(events).toEqual(
      Array(3).fill({ node: 'a', nodeId: a.node.inside.id, connection, message: 'lost' }),
    );
  });
});

it('a trySend that is followed by a wait for room is no warning, however often', async () => {
  const a = makeNode({ ...inMemory(), outboundQueueBytes: 1_000 });
  const b = makeNode({ transport: a.node.config.transport });
  const [connection] = await join(a, b);
  for (let sent = 0; sent < 100; sent++) {
    while (!connection.trySend('x'.repeat(900))) await connection.drained();
  }
  await until('all arrived', () => b.messages.length === 100);
  expect(connection.stats.messagesRefused).toBeGreaterThan(20);
  expect(warnings(a)).toEqual([]);
});

it('what comes after the end is not counted: it is no matter of room', async () => {
  const network = inMemory();
  const [a, b] = [makeNode(network), makeNode(network)];
  const [connection] = await join(a, b);
  await connection.disconnect();
  expect(connection.trySend('x')).toBe(false);
  await expect(connection.send('x')).rejects.toMatchObject({ code: 'P2P_ERR_DISCONNECTED' });
  expect([a.node.stats.messagesRefused, connection.stats.messagesRefused]).toEqual([0, 0]);
  expect(warnings(a)).toEqual([]);
});
