// Each row of "What is wrong when" in docs/observability.md: what goes wrong here shows there, under the name that the page gives.
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from '@jest/globals';
import { lengthDelimited, lines } from '@pea2pea/codecs';
import { describeReason, PeerNode, type Connection } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { snapshot, type CauseSnapshot } from '@pea2pea/observe';
import { prometheus } from '@pea2pea/observe/prometheus';
import { ANYWHERE, freePort, inMemory, join, lab, turn, until } from '@pea2pea/testing';

const { makeNode, own } = lab();

const page = readFileSync(new URL('../docs/observability.md', import.meta.url), 'utf8');
const [, about = ''] = /\n## What is wrong when\n([^]*?)\n## /.exec(page) ?? [];
const symptoms = about
  .split('\n### ')
  .slice(1)
  .map((section) => section.slice(0, section.indexOf('\n')));
const shown = new Set<string>();

/** That the page says so under this symptom; the name of what was seen is in it. */
function expectOnPage(symptom: string, ...names: readonly string[]): void {
  shown.add(symptom);
  const section = about.split('\n### ').find((one) => one.startsWith(`${symptom}\n`));
  for (const name of names) expect(section).toContain(`\`${name}\``);
}

const namesOf = (causes: readonly CauseSnapshot[]): string[] => causes.map(({ cause }) => cause);

afterAll(() => {
  expect([...shown].sort()).toEqual([...symptoms].sort());
});

it('the page has ten symptoms', () => {
  expect(symptoms).toHaveLength(10);
});

describe('Peers vanish after a minute', () => {
  it('because both are silent', async () => {
    const clock = new ControlledClock();
    const network = { ...inMemory(), clock };
    const [a, b] = [makeNode(network), makeNode(network)];
    await join(a, b);
    clock.advance(59_000);
    expect(b.node.connections.size).toBe(1);
    clock.advance(3_000);
    await until('both have ended', () => a.node.connections.size + b.node.connections.size === 0);
    expect(namesOf(snapshot(b.node).ended)).toContain('reading: idle-timeout');
    expect(snapshot(b.node).counters.idleTimeouts).toBe(1);
    expectOnPage('Peers vanish after a minute', 'reading: idle-timeout', 'idleTimeouts', 'idleTimeoutMs');
  });
});

describe('Sends are refused', () => {
  it('because a peer does not read, which ends with a timeout', async () => {
    const clock = new ControlledClock();
    const b = makeNode({}, { onMessage: () => new Promise<void>(() => {}) });
    const a = makeNode({ clock, idleTimeoutMs: 0, outboundQueueBytes: 64 * 1024 });
    const [connection] = await join(a, b);
    const text = 'x'.repeat(16 * 1024);
    await until('the queue is full', () => !connection.trySend(text));
    const { refused, connections, counters } = snapshot(a.node);
    expect(refused.messages).toEqual([
      { cause: expect.any(String) as unknown, option: 'outboundQueueBytes', count: 1 },
    ]);
    expect(connections.items[0]!.queues.outboundBytes).toBeGreaterThan(48 * 1024);
    expect(counters.writeTimeouts).toBe(0);
    await until('it has ended', () => {
      clock.advance(1_000);
      return a.node.connections.size === 0;
    });
    expect(namesOf(snapshot(a.node).ended)[0]).toMatch(/^writing: timeout/);
    expect(snapshot(a.node).counters.writeTimeouts).toBe(1);
    const names = ['outboundQueueBytes', 'queues.outboundBytes', 'writing: timeout', 'writeTimeouts'];
    expectOnPage('Sends are refused', ...names, 'refused.messages');
  });
});

describe('Memory grows', () => {
  it('because handlers do not keep up, within a bound', async () => {
    const b = makeNode({ inboundQueueBytes: 64 * 1024 }, { onMessage: () => new Promise<void>(() => {}) });
    const a = makeNode();
    const [connection] = await join(a, b);
    const text = 'x'.repeat(16 * 1024);
    await until('b holds it back', () => {
      connection.trySend(text);
      return snapshot(b.node).connections.heldBack === 1;
    });
    const { buffered, connections } = snapshot(b.node);
    expect(buffered.inboundBytes).toBeGreaterThanOrEqual(64 * 1024);
    expect(buffered.inboundBytes).toBeLessThan(256 * 1024);
    expect(connections.items[0]!.isHeldBack).toBe(true);
    expectOnPage(
      'Memory grows',
      'buffered.inboundBytes',
      'connections.heldBack',
      'connections.total',
      'maxBufferedBytes',
    );
  });
});

describe('A handler hangs', () => {
  it('and its connection says that it handles, and one warning names it', async () => {
    const clock = new ControlledClock();
    const network = { ...inMemory(), clock };
    const b = makeNode(network, { onMessage: () => new Promise<void>(() => {}) });
    const [connection] = await join(makeNode(network), b);
    connection.trySend('one');
    connection.trySend('two');
    await until('it handles', () => snapshot(b.node).connections.handling === 1);
    await until('it is told', () => {
      clock.advance(1_000);
      return b.log.some(({ level }) => level === 'warn');
    });
    expect(b.log.find(({ level }) => level === 'warn')!.text).toContain(
      'messages of its connection wait for it',
    );
    expect(snapshot(b.node).connections.items[0]!.isHandling).toBe(true);
    expectOnPage('A handler hangs', 'connections.handling', 'isHandling');
  });
});

describe('Dials fail', () => {
  it('and each cause has a name', async () => {
    const a = makeNode(
      { handshakeTimeoutMs: 50 },
      { onHandshake: async (handshake) => void (await handshake.read(1)) },
    );
    const silent = makeNode();
    await silent.node.listen(ANYWHERE);
    const port = await freePort();
    const nobody = a.node.connect({ host: '127.0.0.1', port });
    await expect(nobody).rejects.toMatchObject({ code: 'P2P_ERR_CONNECT_FAILED' });
    await expect(a.node.connect(silent.node.address!)).rejects.toMatchObject({
      code: 'P2P_ERR_HANDSHAKE_TIMEOUT',
    });
    const { refused, counters } = snapshot(a.node);
    expect(namesOf(refused.outbound).sort()).toEqual([
      'P2P_ERR_CONNECT_FAILED, ECONNREFUSED',
      'P2P_ERR_HANDSHAKE_TIMEOUT',
    ]);
    expect([counters.connectFailures, counters.handshakeTimeouts]).toEqual([1, 1]);
    const names = ['refused.outbound', 'P2P_ERR_CONNECT_FAILED, ECONNREFUSED', 'P2P_ERR_HANDSHAKE_TIMEOUT'];
    expectOnPage('Dials fail', ...names, 'P2P_ERR_CONNECT_TIMEOUT');
  });
});

describe('New peers are refused', () => {
  it('and the option that stands in the way is named', async () => {
    const network = inMemory();
    const b = makeNode({ ...network, maxConnections: 1 });
    await join(makeNode(network), b);
    await makeNode(network)
      .node.connect(b.node.address!)
      .catch(() => undefined);
    await until('it is refused', () => b.node.heuristics.refusedByLimit === 1);
    const { refused, limits } = snapshot(b.node);
    expect(refused.inbound).toEqual([
      { cause: 'P2P_ERR_TOO_MANY_CONNECTIONS', option: 'maxConnections', count: 1 },
    ]);
    expect(limits[0]).toMatchObject({ name: 'maxConnections', value: 1, used: 1 });
    expect(b.log.find(({ level }) => level === 'warn')!.text).toContain('maxConnections');
    expectOnPage('New peers are refused', 'refused.inbound', 'limits');
  });
});

describe('Connections end as soon as they open', () => {
  it('because the two speak different codecs', async () => {
    const network = inMemory();
    const b = own(new PeerNode({ ...network, codec: lengthDelimited({ maxFrameLength: 1_000 }) }));
    b.use({ onMessage: () => {} });
    const a = own(new PeerNode({ ...network, codec: lines() }));
    const connection: Connection<string> = await a.connect(await b.listen(ANYWHERE));
    await connection.send('hello');
    await until('it has ended', () => b.heuristics.closed === 1);
    expect(namesOf(snapshot(b).ended)).toEqual(['reading: invalid-frame, P2P_ERR_FRAME_TOO_LARGE']);
    expectOnPage('Connections end as soon as they open', 'reading: invalid-frame, P2P_ERR_FRAME_TOO_LARGE');
  });

  it('because a handshake refuses the peer', async () => {
    const network = inMemory();
    const b = makeNode(network, {
      onHandshake: (handshake) => handshake.reject('expected a password'),
    });
    const a = makeNode(network);
    await b.node.listen(ANYWHERE);
    await a.node.connect(b.node.address!).catch(() => undefined);
    await until('it is refused', () => b.node.heuristics.handshakeFailures === 1);
    expect(namesOf(snapshot(b.node).refused.inbound)).toEqual(['P2P_ERR_HANDSHAKE_REJECTED']);
    expectOnPage('Connections end as soon as they open', 'P2P_ERR_HANDSHAKE_REJECTED', 'handshakeFailures');
  });
});

describe('Messages are missing', () => {
  it('because they were dropped where that was asked for', async () => {
    const b = makeNode(
      { whenInboundFull: 'drop', inboundQueueBytes: 64 * 1024 },
      { onMessage: () => new Promise<void>(() => {}) },
    );
    const [connection] = await join(makeNode(), b);
    await until('some are dropped', () => {
      connection.trySend('x'.repeat(16 * 1024));
      return b.node.heuristics.droppedMessages > 0;
    });
    expect(snapshot(b.node).counters.droppedMessages).toBeGreaterThan(0);
    expectOnPage(
      'Messages are missing',
      'droppedMessages',
      "whenInboundFull: 'drop'",
      'stats.messagesRefused',
    );
  });

  it('because the connection ended before they were handled', async () => {
    const b = makeNode(inMemory(), { onMessage: () => new Promise<void>(() => {}) });
    const [connection, there] = await join(makeNode({ transport: b.node.config.transport }), b);
    connection.trySend('one');
    connection.trySend('two');
    await until('one is handled', () => snapshot(b.node).buffered.inboundBytes > 0);
    await there.disconnect();
    expect(b.node.heuristics.droppedBytes).toBeGreaterThan(0);
    expectOnPage('Messages are missing', 'droppedBytes');
  });
});

describe('Everything is slow at once', () => {
  it('because a handler computes, which the delay of the event loop shows', async () => {
    const b = makeNode(inMemory(), {
      onMessage: () => {
        const until = performance.now() + 200;
        while (performance.now() < until);
      },
    });
    const metrics = prometheus(b.node);
    const delay = async (): Promise<number> =>
      Number(/^pea2pea_event_loop_delay_seconds (\S+)$/m.exec(await metrics.text())![1]);
    try {
      const [connection] = await join(makeNode({ transport: b.node.config.transport }), b);
      while ((await delay()) === 0) await turn(); // the monitors have not begun
      connection.trySend('compute');
      while ((await delay()) < 0.1) await turn(); // a test that waits in vain fails by its time
      expect(await metrics.text()).toMatch(
        /handler_duration_seconds_bucket\{le="0.1",node="[^"]+",outcome="done"\} 0\n/,
      );
      expectOnPage('Everything is slow at once', 'pea2pea_event_loop_delay_seconds');
    } finally {
      metrics.close();
    }
  });
});

describe('The end takes long, or cuts work off', () => {
  it('and the report names the work', async () => {
    const clock = new ControlledClock();
    const network = { ...inMemory(), clock };
    const b = makeNode(network, { onMessage: () => new Promise<void>(() => {}) });
    const [connection] = await join(makeNode(network), b);
    connection.trySend('one');
    await until('it handles', () => snapshot(b.node).connections.handling === 1);
    const draining = b.node.drain({ timeoutMs: 1_000 });
    await until('it is over', () => {
      clock.advance(500);
      return b.node.state === 'closed';
    });
    const { cut } = await draining;
    expect(cut).toEqual([expect.objectContaining({ what: 'handler' })]);
    expect(b.closed.map(({ reason }) => describeReason(reason))).toEqual(['shutdown']);
    expectOnPage('The end takes long, or cuts work off', 'cut', 'closeTimeoutMs');
  });
});
