import { afterEach, describe, expect, it } from '@jest/globals';
import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import type { Connection } from '@pea2pea/core';
import { inMemory, join, lab, listen, until } from '@pea2pea/testing';

const { makeNode } = lab();

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** What is published to the channel from here to the end of the test, by the nodes of the test. */
function record(name: string): Record<string, unknown>[] {
  const events: Record<string, unknown>[] = [];
  const onMessage = (event: unknown): void => void events.push(event as Record<string, unknown>);
  subscribe(name, onMessage);
  cleanups.push(() => unsubscribe(name, onMessage));
  return events;
}

describe('diagnostics channels', () => {
  it('tell of listening, opening, messages and closing', async () => {
    const listening = record('pea2pea:listen');
    const opened = record('pea2pea:connection:open');
    const closed = record('pea2pea:connection:close');
    const sent = record('pea2pea:message:sent');
    const received = record('pea2pea:message:received');
    const network = inMemory();
    const [a, b] = [makeNode({ ...network, name: 'a' }), makeNode({ ...network, name: 'b' })];
    const [connection] = await join(a, b);
    await connection.send('hello');
    await until('it arrived', () => b.messages.length === 1);
    await connection.disconnect('enough');
    await until('b saw it', () => closed.length === 2);

    const [ofA, ofB] = [a, b].map(({ node }) => ({ node: node.name, nodeId: node.inside.id }));
    expect(listening).toEqual([{ ...ofB, address: b.node.config.listen ?? expect.anything() }]);
    expect(opened.map(({ node }) => node).sort()).toEqual(['a', 'b']);
    expect(opened.map((event) => event.connection)).toContain(connection);
    expect(sent).toEqual([{ ...ofA, connection, message: 'hello' }]);
    expect(received).toEqual([{ ...ofB, connection: b.opened[0], message: 'hello' }]);
    expect(closed).toContainEqual({ ...ofA, connection, reason: { origin: 'user', why: 'enough' } });
  });

  it('tell nodes with one name apart by a number', async () => {
    const lines = record('pea2pea:log');
    const sent = record('pea2pea:message:sent');
    const network = inMemory();
    const [a, b] = [makeNode({ ...network, name: 'twin' }), makeNode({ ...network, name: 'twin' })];
    const [connection] = await join(a, b);
    await connection.send('hello');
    const [idA, idB] = [a, b].map(({ node }) => node.inside.id);
    expect(idA).not.toBe(idB);
    expect(sent.map(({ nodeId }) => nodeId)).toEqual([idA]);
    a.node.logger.info({}, 'of a');
    b.node.logger.child({ plugin: 'x' }).info({}, 'of b');
    const ids = ['of a', 'of b'].map((text) => lines.find((line) => line.text === text)!.nodeId);
    expect(ids).toEqual([idA, idB]);
  });

  it('hand over the counters of each node that is made, which are live', async () => {
    const made = record('pea2pea:node:made');
    const network = inMemory();
    const [a, b] = [makeNode({ ...network, name: 'a' }), makeNode({ ...network, name: 'b' })];
    expect(made).toEqual([
      { node: 'a', nodeId: a.node.inside.id, counters: a.node.heuristics, stats: a.node.stats },
      { node: 'b', nodeId: b.node.inside.id, counters: b.node.heuristics, stats: b.node.stats },
    ]);
    await join(a, b);
    expect(made[1]).toMatchObject({ counters: { openedInbound: 1 } });
  });

  it.each(['disconnect', 'close'] as const)(
    'hand no message on whose subscriber ended the connection with %s()',
    async (how) => {
      const network = inMemory();
      const [a, b] = [makeNode(network), makeNode({ ...network, name: 'b' })];
      const [connection] = await join(a, b);
      const onReceived = (event: unknown): void => {
        const { node, connection: receiver } = event as { node: string; connection: Connection };
        if (node === 'b') void (how === 'close' ? b.node.close() : receiver.disconnect());
      };
      subscribe('pea2pea:message:received', onReceived);
      cleanups.push(() => unsubscribe('pea2pea:message:received', onReceived));
      await connection.send('hello');
      await until('it has ended', () => b.closed.length === 1);
      expect(b.messages).toEqual([]);
    },
  );

  it('tell of refusals, in both directions, with their cause', async () => {
    const refused = record('pea2pea:connection:refused');
    const network = inMemory();
    const a = makeNode({ ...network, name: 'a', maxConnections: 1 });
    const [b, c] = [makeNode(network), makeNode({ ...network, name: 'c', maxConnections: 1 })];
    await join(b, a);
    await c.node.connect(a.node.address!).catch(() => {});
    await until('a refused', () => refused.length === 1);
    expect(refused[0]).toMatchObject({
      node: 'a',
      direction: 'inbound',
      cause: 'P2P_ERR_TOO_MANY_CONNECTIONS',
    });
    await expect(a.node.connect('10.0.0.1:1')).rejects.toMatchObject({
      code: 'P2P_ERR_TOO_MANY_CONNECTIONS',
    });
    expect(refused[1]).toMatchObject({
      node: 'a',
      direction: 'outbound',
      cause: 'P2P_ERR_TOO_MANY_CONNECTIONS',
    });
  });

  it('trace handshakes from start to end or error', async () => {
    const phases: string[] = [];
    const channel = tracingChannel('pea2pea:handshake');
    const subscribers = {
      start: () => void phases.push('start'),
      end: () => void phases.push('end'),
      asyncStart: () => void phases.push('asyncStart'),
      asyncEnd: () => void phases.push('asyncEnd'),
      error: (event: unknown) => void phases.push(`error ${String((event as { error: Error }).error)}`),
    };
    channel.subscribe(subscribers);
    cleanups.push(() => channel.unsubscribe(subscribers));
    const network = inMemory();
    const a = makeNode(network, { onHandshake: () => Promise.reject(new Error('no')) });
    const b = makeNode(network);
    await listen(b);
    await a.node.connect(b.node.address!).catch(() => {});
    expect(phases).toEqual(['start', 'end', 'error Error: no', 'asyncStart', 'asyncEnd']);
  });
});

describe('the logger', () => {
  it('is given the node as a field, and one line for a peer that misbehaves', async () => {
    const network = inMemory();
    const a = makeNode({ ...network, name: 'alice' });
    const b = makeNode(network);
    const [connection] = await join(b, a);
    b.opened[0]!.trySend('fine');
    const raw = connection;
    await raw.send('fine');
    await until('it arrived', () => a.messages.length > 0);
    expect(a.log.every(({ fields }) => fields.node === 'alice')).toBe(true);
    expect(a.log.map(({ text }) => text)).toEqual(['listening', 'connected']);
  });
});

describe('heuristics', () => {
  it('add up: accepted = refused + failed + opened', async () => {
    const network = inMemory();
    let turn = 0;
    const a = makeNode(
      {
        ...network,
        maxConnections: 6,
        maxConnectionsPerIp: 6,
        maxConnectingPerIp: 6,
        handshakeTimeoutMs: 50,
      },
      {
        onAccept: () => turn++ % 3 !== 0,
        onHandshake: (handshake) => {
          if (turn % 3 === 1) handshake.reject('no');
          return turn % 5 === 0 ? new Promise<void>(() => {}) : undefined;
        },
      },
    );
    await listen(a);
    const peers = Array.from({ length: 30 }, () => makeNode(network));
    for (const { node } of peers) await node.connect(a.node.address!).catch(() => {});
    await until(
      'nothing is being set up',
      () => a.node.connecting === 0 && a.node.heuristics.accepted === 30,
    );
    const h = a.node.heuristics;
    expect(
      h.refusedByLimit + h.refusedByHook + h.handshakeFailures + h.handshakeTimeouts + h.openedInbound,
    ).toBe(30);
    expect(
      Math.min(h.refusedByHook, h.openedInbound, h.handshakeTimeouts + h.handshakeFailures),
    ).toBeGreaterThan(0);
  });
});
