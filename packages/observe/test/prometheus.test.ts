import { createRequire } from 'node:module';
import { describe, expect, it } from '@jest/globals';
import { json, lines } from '@pea2pea/codecs';
import { COUNTERS, memoryTransport, PeerNode } from '@pea2pea/core';
import { defer } from '@pea2pea/core/authoring';
import { ControlledClock } from '@pea2pea/core/testing';
import { prometheus, type PrometheusMetrics } from '@pea2pea/observe/prometheus';
import { method, requests } from '@pea2pea/rpc';
import { ANYWHERE, inMemory, join, lab, turn, until } from '@pea2pea/testing';
import { Registry } from 'prom-client';

const { makeNode, own } = lab();

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly metrics: readonly {
    readonly value?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly buckets?: Readonly<Record<string, string>>;
  }[];
}

/** A parser that is not ours; it is a CommonJS module without types. */
const parse = createRequire(import.meta.url)('parse-prometheus-text-format') as (text: string) => Family[];

async function read(metrics: PrometheusMetrics): Promise<Map<string, Family>> {
  return new Map(parse(await metrics.text()).map((family) => [family.name, family]));
}

const valueOf = (families: Map<string, Family>, name: string, labels: Readonly<Record<string, string>>) =>
  families
    .get(name)
    ?.metrics.find((metric) =>
      Object.entries(labels).every(([label, value]) => metric.labels?.[label] === value),
    )?.value;

describe('prometheus()', () => {
  it('tells state, traffic, refusals and ends of each node in a text that a parser reads', async () => {
    const network = inMemory();
    const a = makeNode({ ...network, name: 'a' });
    const b = makeNode({ ...network, name: 'b', maxConnections: 1 });
    const metrics = prometheus([a.node, b.node]);
    try {
      const [connection] = await join(a, b);
      await connection.send('hello');
      await until('it arrived', () => b.messages.length === 1);
      await makeNode(network)
        .node.connect(b.node.address!)
        .catch(() => undefined);
      await until('b refused', () => b.node.heuristics.refusedByLimit === 1);
      const before = await read(metrics);
      expect(valueOf(before, 'pea2pea_connections', { node: 'b', state: 'open' })).toBe('1');
      expect(valueOf(before, 'pea2pea_messages_total', { node: 'b', direction: 'inbound' })).toBe('1');
      expect(valueOf(before, 'pea2pea_limit', { node: 'b', option: 'maxConnections' })).toBe('1');
      expect(
        valueOf(before, 'pea2pea_connections_refused_total', {
          node: 'b',
          direction: 'inbound',
          cause: 'P2P_ERR_TOO_MANY_CONNECTIONS',
        }),
      ).toBe('1');
      await connection.disconnect();
      await until('b saw it', () => b.node.connections.size === 0);
      const after = await read(metrics);
      expect(valueOf(after, 'pea2pea_connections', { node: 'b', state: 'open' })).toBe('0');
      expect(valueOf(after, 'pea2pea_connections_ended_total', { node: 'b', cause: 'reading: ended' })).toBe(
        '1',
      );
      expect(after.get('pea2pea_messages_total')!.type).toBe('COUNTER');
      // Collected again, a counter has risen by what happened, not by what it had.
      expect(valueOf(after, 'pea2pea_messages_total', { node: 'b', direction: 'inbound' })).toBe('1');
    } finally {
      metrics.close();
    }
  });

  it('is not ready while onStart runs', async () => {
    const test = makeNode(inMemory());
    const started = defer();
    test.node.use({ onStart: () => started.promise });
    const metrics = prometheus(test.node);
    const ready = async () => valueOf(await read(metrics), 'pea2pea_ready', {});
    try {
      const starting = test.node.start();
      expect(await ready()).toBe('0');
      started.resolve();
      await starting;
      expect(await ready()).toBe('1');
    } finally {
      metrics.close();
    }
  });

  it('refuses two nodes with one name, whose series would be one', () => {
    const network = inMemory();
    const [a, b] = [makeNode({ ...network, name: 'twin' }), makeNode({ ...network, name: 'twin' })];
    expect(() => prometheus([a.node, b.node])).toThrow(
      expect.objectContaining({
        code: 'P2P_ERR_INVALID_CONFIG',
        message: expect.stringContaining('"twin"'),
      }),
    );
  });

  it('times no handlers of another node with the same name', async () => {
    const network = inMemory();
    const [a, b] = [makeNode({ ...network, name: 'twin' }), makeNode({ ...network, name: 'twin' })];
    const metrics = prometheus(a.node);
    try {
      const [connection] = await join(a, b);
      await connection.send('hello');
      await until('it arrived', () => b.messages.length === 1);
      expect((await read(metrics)).get('pea2pea_handler_duration_seconds')?.metrics ?? []).toEqual([]);
    } finally {
      metrics.close();
    }
  });

  it('has one metric for each counter of the table, with its help', async () => {
    const { node } = makeNode(inMemory());
    const metrics = prometheus(node);
    try {
      const helps = [...(await read(metrics)).values()].map(({ help }) => help);
      for (const { help } of Object.values(COUNTERS)) expect(helps).toContain(help);
    } finally {
      metrics.close();
    }
  });

  it('has the time of handlers, to the end of their promise, as a histogram', async () => {
    const clock = new ControlledClock();
    const network = { ...inMemory(), clock };
    const finish: (() => void)[] = [];
    const b = makeNode(
      { ...network, name: 'b' },
      {
        onMessage: (message) =>
          message === 'now' ? undefined : new Promise<void>((done) => finish.push(done)),
      },
    );
    const metrics = prometheus(b.node);
    try {
      const [connection] = await join(makeNode(network), b);
      connection.trySend('now');
      connection.trySend('later');
      await until('it works', () => finish.length === 1);
      clock.advance(300);
      finish[0]!();
      await turn(3);
      const [histogram] = (await read(metrics)).get('pea2pea_handler_duration_seconds')!.metrics;
      expect(histogram).toMatchObject({ buckets: { '0.1': '1', '0.5': '2', '+Inf': '2' } });
      expect(await metrics.text()).toContain('duration_seconds_sum{node="b",outcome="done"} 0.3\n');
    } finally {
      metrics.close();
    }
  });

  it('times a hundred handlers in a tenth of a second, and of more none, so that it costs the same however many there are', async () => {
    const clock = new ControlledClock();
    const network = { ...inMemory(), clock };
    const b = makeNode({ ...network, name: 'b' });
    const metrics = prometheus(b.node);
    const timed = async () =>
      /duration_seconds_count\{node="b",outcome="done"\} (\d+)\n/.exec(await metrics.text())?.[1];
    try {
      const [connection] = await join(makeNode(network), b);
      const send = async (count: number): Promise<void> => {
        const before = b.messages.length;
        for (let sent = 0; sent < count; sent++) connection.trySend('x');
        await until('all came', () => b.messages.length === before + count);
      };
      await send(99);
      expect(await timed()).toBe('99');
      clock.advance(100);
      await send(99);
      expect(await timed()).toBe('198');
      await send(20);
      await send(20);
      expect(await timed()).toBe('199');
      clock.advance(100);
      await send(1);
      expect(await timed()).toBe('200');
    } finally {
      metrics.close();
    }
  });

  it('times the promise of a handler that settles while no others are timed', async () => {
    const clock = new ControlledClock();
    const network = { ...inMemory(), clock };
    const failures: ((error: Error) => void)[] = [];
    const b = makeNode(
      { ...network, name: 'b' },
      {
        onMessage: (message) =>
          message === 'now' ? undefined : new Promise<void>((_, fail) => failures.push(fail)),
        onError: () => 'keep',
      },
    );
    const metrics = prometheus(b.node);
    try {
      const [connection] = await join(makeNode(network), b);
      for (let sent = 0; sent < 99; sent++) connection.trySend('now');
      connection.trySend('later');
      await until('it works', () => failures.length === 1);
      clock.advance(50);
      failures[0]!(new Error('of a test'));
      await turn(3);
      expect(await metrics.text()).toContain('duration_seconds_sum{node="b",outcome="failed"} 0.05\n');
    } finally {
      metrics.close();
    }
  });

  it('has the time of requests by method, on both sides', async () => {
    const clock = new ControlledClock();
    const config = { codec: json(lines()), transport: memoryTransport(), clock };
    const server = own(new PeerNode({ ...config, name: 'server' })).use(requests());
    const client = own(new PeerNode({ ...config, name: 'client' })).use(requests());
    const [add, wait] = [method<number[], number>('add'), method<void, void>('wait')];
    const finish: (() => void)[] = [];
    server
      .plugin(requests)
      .serve(add, ([a, b]) => a! + b!)
      .serve(wait, () => new Promise<void>((_, refuse) => finish.push(() => refuse(new Error('no')))));
    const metrics = prometheus([server, client]);
    try {
      const connection = await client.connect(await server.listen(ANYWHERE));
      const calling = client.plugin(requests);
      await calling.call(connection, add, [1, 2]);
      void calling.notify(connection, add, [1, 2]);
      void calling.call(connection, method('an address of somebody')).catch(() => undefined);
      const waiting = calling.call(connection, wait).catch(() => undefined);
      await until('it waits', () => finish.length === 1);
      clock.advance(300);
      finish[0]!();
      await waiting;
      const text = await metrics.text();
      const server_ = 'pea2pea_rpc_server_duration_seconds';
      const client_ = 'pea2pea_rpc_client_duration_seconds';
      expect(text).toContain(`${server_}_count{node="server",outcome="done",method="add"} 2\n`);
      expect(text).toContain(`${server_}_sum{node="server",outcome="failed",method="wait"} 0.3\n`);
      expect(text).toContain(`${client_}_count{node="client",outcome="done",method="add"} 1\n`);
      expect(text).toContain(`${client_}_sum{node="client",outcome="failed",method="wait"} 0.3\n`);
      expect(text).not.toContain(`${server_}_count{node="server",outcome="failed",method="an address`);
      expect((await read(metrics)).get(server_)!.type).toBe('HISTOGRAM');
    } finally {
      metrics.close();
    }
  });

  it('tells apart the first 200 methods, and no more', async () => {
    const config = { codec: json(lines()), transport: memoryTransport() };
    const server = own(new PeerNode(config)).use(requests());
    const client = own(new PeerNode(config)).use(requests({ maxPending: 1_000 }));
    const metrics = prometheus(client);
    try {
      const connection = await client.connect(await server.listen(ANYWHERE));
      const calls = Array.from({ length: 300 }, (_, index) =>
        client
          .plugin(requests)
          .call(connection, method(`m${index}`))
          .catch(() => undefined),
      );
      await Promise.all(calls);
      const counts = (await metrics.text())
        .split('\n')
        .filter((line) => line.includes('client_duration_seconds_count'));
      expect(counts).toHaveLength(201);
      expect(counts.find((line) => line.includes('_OTHER'))).toMatch(/ 100$/);
    } finally {
      metrics.close();
    }
  });

  it('has no address and no identity in it', async () => {
    const network = inMemory();
    const [a, b] = [makeNode(network), makeNode(network)];
    const metrics = prometheus([a.node, b.node]);
    try {
      const [connection] = await join(a, b);
      expect(await metrics.text()).not.toContain(connection.address.host);
    } finally {
      metrics.close();
    }
  });

  it('leaves a registry that is given to it as it was', async () => {
    const register = new Registry();
    const { node } = makeNode(inMemory());
    const metrics = prometheus(node, { register, prefix: 'chat_' });
    expect(await register.metrics()).toContain('chat_connections{');
    metrics.close();
    metrics.close();
    expect(register.getMetricsAsArray()).toEqual([]);
  });

  it.each([
    ['what is not a node', () => prometheus({} as never)],
    ['an unknown option', () => prometheus([], { labels: [] } as object)],
  ])('refuses %s', (_, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'P2P_ERR_INVALID_CONFIG' }));
  });
});
