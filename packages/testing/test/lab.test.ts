import { describe, expect, it } from '@jest/globals';
import { PeerError, PeerNode } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import {
  assertConsistent,
  inMemory,
  join,
  lab,
  type LabRunner,
  never,
  peerErrorOf,
  soon,
  textCodec,
  until,
} from '@pea2pea/testing';

/** A lab, and what its runner does after each test. */
function inHand() {
  let after!: () => Promise<void>;
  const made = lab({ afterEach: (body) => (after = body) });
  return { ...made, after: () => after() };
}

describe('a lab', () => {
  it('closes its nodes after the test, and what it owns', async () => {
    const { makeNode, own, after } = inHand();
    const network = inMemory();
    const [a, b] = [makeNode(network), makeNode(network)];
    const c = own(new PeerNode({ codec: textCodec(), ...network }));
    const [connection] = await join(a, b);
    await connection.send('hello');
    await until('it is heard', () => b.messages.length === 1);
    await after();
    expect([a.node, b.node, c].map(({ state }) => state)).toEqual(['closed', 'closed', 'closed']);
    expect([a.closed.length, b.closed.length]).toEqual([1, 1]);
  });

  it('fails the test whose node miscounts', async () => {
    const { makeNode, after } = inHand();
    const { node } = makeNode(inMemory());
    (node.heuristics as { openedInbound: number }).openedInbound++;
    await expect(after()).rejects.toThrow('opened and not closed: 1, should be 0');
    await expect(after()).resolves.toBeUndefined();
  });

  it('fails the test after which a timer is left on the clock of a node', async () => {
    const { makeNode, after } = inHand();
    const clock = new ControlledClock();
    makeNode({ ...inMemory(), clock });
    const timer = clock.setTimeout(() => {}, 1_000);
    await expect(after()).rejects.toThrow('timers on the clock of closed nodes: 1, should be 0');
    timer.cancel();
  });

  it('needs a runner', () => {
    expect(() => lab({} as LabRunner)).toThrow('there is no test runner');
  });
});

it.each(['accepted', 'dialled', 'handshakeFailures', 'closed'] as const)(
  'a closed node whose counter `%s` is off by one is inconsistent',
  async (counter) => {
    const node = new PeerNode({ codec: textCodec(), ...inMemory() });
    await node.close();
    assertConsistent(node);
    (node.heuristics as Record<typeof counter, number>)[counter]++;
    expect(() => assertConsistent(node)).toThrow(/should be|is more than/);
  },
);

it('what is waited for in vain is named', async () => {
  const isThere = false;
  await expect(until('it rains', () => isThere, 1)).rejects.toThrow('waited 1 ms in vain until it rains');
  await expect(soon('godot', never(), 1)).rejects.toThrow('waited 1 ms in vain for godot');
});

it('peerErrorOf returns the error with the code, and passes on or names all else', async () => {
  const error = new PeerError('P2P_ERR_ABORTED', 'by hand');
  const thrower = (thrown: Error) => () => Promise.reject(thrown);
  expect(await peerErrorOf('P2P_ERR_ABORTED', thrower(error))).toBe(error);
  await expect(peerErrorOf('P2P_ERR_DISCONNECTED', thrower(error))).rejects.toBe(error);
  await expect(peerErrorOf('P2P_ERR_ABORTED', thrower(new Error('another')))).rejects.toThrow('another');
  await expect(peerErrorOf('P2P_ERR_ABORTED', () => 'fine')).rejects.toThrow('P2P_ERR_ABORTED was expected');
});
