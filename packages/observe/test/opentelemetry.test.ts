import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { COUNTERS, tcpTransport } from '@pea2pea/core';
import { ControlledClock } from '@pea2pea/core/testing';
import { opentelemetry, type OpenTelemetry, type OpenTelemetryOptions } from '@pea2pea/observe/opentelemetry';
import { prometheus } from '@pea2pea/observe/prometheus';
import { method, RequestError } from '@pea2pea/rpc';
import { ANYWHERE, inMemory, join, lab, turn, until } from '@pea2pea/testing';
import { collector } from './support/collector.js';
import { requesting, sdk } from './support/telemetry.js';

const { makeNode, own } = lab();

const add = method<number[], number>('add');
const look = method<void, void>('look');

let telemetry: ReturnType<typeof sdk>;
const running: OpenTelemetry[] = [];

function observe(observed: Parameters<typeof opentelemetry>[0], options: OpenTelemetryOptions = {}) {
  const { meterProvider, tracerProvider } = telemetry;
  running.push(opentelemetry(observed, { meterProvider, tracerProvider, ...options }));
}

beforeEach(() => {
  telemetry = sdk();
});

afterEach(async () => {
  for (const one of running.splice(0)) one.close();
  await telemetry.end();
});

/** The finished spans of a name. */
const spansOf = (name: string) => telemetry.spans().filter((span) => span.name === name);

describe('the metrics of opentelemetry()', () => {
  it('are those of Prometheus, one by one, with the same values', async () => {
    const { server, client, serving, calling, connect } = await requesting(own);
    serving.serve(add, ([a, b]) => a! + b!);
    observe([server, client]);
    const other = prometheus([server, client]);
    try {
      const connection = await connect();
      await calling.call(connection, add, [1, 2]);
      await connection.disconnect();
      await until('the server saw it', () => server.heuristics.closed === 1);
      await client.connect({ host: '127.0.0.1', port: 1 }).catch(() => undefined);
      const metrics = await telemetry.metrics();
      const json = await other.register.getMetricsAsJSON();
      const named = json.filter(({ values }) => values.length > 0).map(({ help }) => help);
      expect(named).toContain('connections that ended, by cause');
      expect(named).toContain('links and dials that were refused or failed, by cause');
      expect([...metrics.values()].map(({ description }) => description).sort()).toEqual(named.sort());
      for (const name of Object.keys(COUNTERS)) expect(named).toContain(COUNTERS[name as 'accepted'].help);
      const helpOf = new Map(json.map(({ help, values }) => [help, values]));
      for (const { description, type, points } of metrics.values()) {
        if (type === 'HISTOGRAM' || description.includes('event loop')) continue;
        const values = helpOf.get(description)!.map(({ value }) => value);
        expect([description, points.map(({ value }) => value)]).toEqual([description, values]);
      }
    } finally {
      other.close();
    }
  });

  it('have names and units by the semantic conventions, or under pea2pea', async () => {
    const { node } = makeNode(inMemory());
    observe(node);
    const metrics = await telemetry.metrics();
    for (const [name, { unit, type }] of metrics) {
      expect(name).toMatch(/^(pea2pea\.[a-z_.]+|nodejs\.eventloop\.delay\.max)$/);
      expect(unit).toMatch(/^(\{[a-z]+\}|By|s|1)$/);
      expect(type === 'SUM' && name.endsWith('.count') ? unit : '{').toMatch(/^\{/);
    }
    expect(metrics.get('pea2pea.network.io')).toMatchObject({ unit: 'By', type: 'SUM' });
    expect(metrics.get('pea2pea.network.io')!.points.map(({ attributes }) => attributes)).toEqual([
      { 'pea2pea.node': node.name, 'network.io.direction': 'receive' },
      { 'pea2pea.node': node.name, 'network.io.direction': 'transmit' },
    ]);
    expect(metrics.get('nodejs.eventloop.delay.max')).toMatchObject({ unit: 's', type: 'GAUGE' });
  });

  it('have the times of handlers and requests as histograms, with the kind of an error', async () => {
    const clock = new ControlledClock();
    const { server, client, serving, calling, connect } = await requesting(own, {}, { clock });
    const fail = method<number[], never>('fail');
    serving
      .serve(add, ([a, b]) => a! + b!)
      .serve(fail, ([code]) => {
        throw code === 0 ? new Error('a secret') : new RequestError(code!, 'no');
      });
    observe([server, client]);
    const connection = await connect();
    await calling.call(connection, add, [1, 2]);
    for (const code of [0, -32602, 77]) await calling.call(connection, fail, [code]).catch(() => undefined);
    await calling.call(connection, method('nobody serves it')).catch(() => undefined);
    const metrics = await telemetry.metrics();
    const calls = metrics.get('rpc.client.call.duration')!;
    expect(calls).toMatchObject({ unit: 's', type: 'HISTOGRAM' });
    const failed = (points: typeof calls.points) =>
      points
        .map(({ attributes }) => attributes)
        .filter((attributes) => attributes['error.type'] !== undefined)
        .map((attributes) =>
          ['rpc.method', 'error.type', 'rpc.response.status_code'].map((name) => attributes[name]),
        );
    expect(calls.points[0]!.attributes).toEqual({
      'pea2pea.node': 'client',
      'rpc.system.name': 'jsonrpc',
      'rpc.method': 'add',
    });
    expect(failed(calls.points)).toEqual([
      ['fail', '-32603', '-32603'],
      ['fail', '-32602', '-32602'],
      ['fail', '_OTHER', '_OTHER'],
      ['nobody serves it', '-32601', '-32601'],
    ]);
    expect(failed(metrics.get('rpc.server.call.duration')!.points)).toEqual([
      ['fail', '_OTHER', '-32603'],
      ['fail', '-32602', '-32602'],
      ['fail', '_OTHER', '_OTHER'],
    ]);
    expect(metrics.get('pea2pea.handler.duration')!.points.length).toBe(2);
  });

  it('have no address and no identity, unless `attributes` says so', async () => {
    const { server, client, serving, calling, connect } = await requesting(own);
    serving.serve(add, ([a, b]) => a! + b!);
    observe([server, client]);
    const connection = await connect();
    await calling.call(connection, add, [1, 2]);
    expect(JSON.stringify([...(await telemetry.metrics())])).not.toContain(connection.address.host);
    observe(client, { attributes: ({ address }) => ({ 'network.peer.address': address.host }) });
    await calling.call(connection, add, [1, 2]);
    expect(JSON.stringify([...(await telemetry.metrics())])).toContain(connection.address.host);
  });

  it('are none where they are switched off, and after close()', async () => {
    const [a, b] = [makeNode(inMemory()), makeNode(inMemory())];
    observe(b.node, { metrics: false });
    expect((await telemetry.metrics()).size).toBe(0);
    observe(b.node);
    const accepted = async () => (await telemetry.metrics()).get('pea2pea.node.accepted')!.points[0]!.value;
    expect(await accepted()).toBe(0);
    running.pop()!.close();
    await b.node.listen(ANYWHERE);
    await a.node.connect(b.node.address!).catch(() => undefined);
    // The SDK goes on to export what it was told last.
    expect(await accepted()).toBe(0);
  });
});

describe('the spans of opentelemetry()', () => {
  it('of a request are those of its call and its method, child and parent across the wire', async () => {
    const { server, client, serving, calling, connect } = await requesting(own);
    serving.serve(add, async ([a, b]) => {
      await turn();
      telemetry.tracerProvider.getTracer('of the user').startSpan('inside').end();
      return a! + b!;
    });
    observe(server);
    observe(client);
    const connection = await connect();
    const tracer = telemetry.tracerProvider.getTracer('of the user');
    await tracer.startActiveSpan('outside', async (span) => {
      await calling.call(connection, add, [1, 2]);
      span.end();
    });
    const [outside] = spansOf('outside');
    const [inside] = spansOf('inside');
    const [served, called] = spansOf('add');
    expect([called!.kind, served!.kind]).toEqual([SpanKind.CLIENT, SpanKind.SERVER]);
    expect(called!.parentSpanContext?.spanId).toBe(outside!.spanContext().spanId);
    expect(served!.parentSpanContext).toMatchObject({
      traceId: outside!.spanContext().traceId,
      spanId: called!.spanContext().spanId,
      isRemote: true,
    });
    expect(inside!.parentSpanContext?.spanId).toBe(served!.spanContext().spanId);
    expect(called!.attributes).toEqual({
      'rpc.system.name': 'jsonrpc',
      'rpc.method': 'add',
      'jsonrpc.protocol.version': '2.0',
      'pea2pea.node': 'client',
      'pea2pea.connection.id': connection.id,
      'network.peer.address': connection.address.host,
      'network.peer.port': connection.address.port,
      'network.transport': 'tcp',
    });
    expect(served!.attributes).toMatchObject({ 'pea2pea.node': 'server', 'jsonrpc.request.id': '1' });
  });

  it('have the error of what failed, and no content of values that were thrown', async () => {
    const { server, client, serving, calling, connect } = await requesting(own);
    const thrown: unknown[] = [
      new RequestError(7, 'not today'),
      new TypeError('a bug'),
      Object.defineProperty({ secret: 'a secret' }, 'message', {
        get() {
          throw new Error('code of a foreign value ran');
        },
      }),
    ];
    serving.serve(look, () => {
      throw thrown.shift();
    });
    observe([server, client]);
    const connection = await connect();
    for (let left = 3; left > 0; left--) await calling.call(connection, look).catch(() => undefined);
    const spans = spansOf('look');
    expect(spans.map(({ status }) => status.code)).toEqual(Array(6).fill(SpanStatusCode.ERROR));
    const said = (kind: SpanKind) =>
      spans
        .filter((span) => span.kind === kind)
        .map(({ attributes, status }) => [
          attributes['error.type'],
          attributes['rpc.response.status_code'],
          status.message,
        ]);
    expect(said(SpanKind.SERVER)).toEqual([
      ['7', '7', expect.stringContaining('refused with 7 "not today"')],
      ['_OTHER', '-32603', 'TypeError: a bug'],
      ['_OTHER', '-32603', 'an object'],
    ]);
    expect(said(SpanKind.CLIENT).map(([type]) => type)).toEqual(['7', '-32603', '-32603']);
    expect(spans[2]!.events[0]).toMatchObject({
      name: 'exception',
      attributes: { 'exception.message': 'TypeError: a bug' },
    });
    expect(JSON.stringify(spans.map(({ events }) => events))).not.toContain('a secret');
  });

  it.each([
    ['parent', true, 0],
    ['link', false, 1],
    ['ignore', false, 0],
  ] as const)(
    'with peerTraceContext %s heed the trace of the peer so',
    async (peerTraceContext, isChild, links) => {
      const { server, client, serving, calling, connect } = await requesting(own);
      serving.serve(look, () => {});
      observe(client);
      observe(server, { peerTraceContext });
      await calling.call(await connect(), look);
      const [served, called] = spansOf('look');
      expect(served!.parentSpanContext !== undefined).toBe(isChild);
      expect(served!.links.length).toBe(links);
      if (links > 0) expect(served!.links[0]!.context.spanId).toBe(called!.spanContext().spanId);
    },
  );

  it('keep the trace context that a call was given, and send none where that is switched off', async () => {
    const { server, client, serving, calling, connect } = await requesting(own);
    const traces: unknown[] = [];
    serving.serve(look, (_params, _connection, request) => void traces.push(request.trace));
    observe(client, { sendTraceContext: false });
    const connection = await connect();
    await calling.call(connection, look);
    running.pop()!.close();
    observe([client, server]);
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await calling.call(connection, look, undefined, { trace: { traceparent, tracestate: 'a=1' } });
    expect(traces).toEqual([undefined, { traceparent, tracestate: 'a=1' }]);
    const served = spansOf('look').find(({ kind }) => kind === SpanKind.SERVER)!;
    expect(served.spanContext().traceState?.get('a')).toBe('1');
  });

  it('of a handshake is a child of that of its dial; that of the other side begins a trace', async () => {
    const network = inMemory();
    const [a, b] = [{ onHandshake: async () => turn() }, { onHandshake: async () => turn() }];
    const [dialling, listening] = [
      makeNode({ ...network, name: 'a' }, a),
      makeNode({ ...network, name: 'b' }, b),
    ];
    observe([dialling.node, listening.node]);
    await join(dialling, listening);
    await until('all have ended', () => telemetry.spans().length === 3);
    const [dial] = spansOf('pea2pea dial');
    const handshakes = spansOf('pea2pea handshake');
    const of = (node: string) => handshakes.find(({ attributes }) => attributes['pea2pea.node'] === node)!;
    expect(of('a').parentSpanContext?.spanId).toBe(dial!.spanContext().spanId);
    expect(of('b').parentSpanContext).toBeUndefined();
    expect(of('b').attributes['pea2pea.connection.direction']).toBe('inbound');
    expect(dial!.kind).toBe(SpanKind.CLIENT);
  });

  it('of a dial that fails has its error', async () => {
    const { node } = makeNode(inMemory());
    observe(node, { addresses: false });
    await node.connect({ host: '127.0.0.1', port: 1 }).catch(() => undefined);
    const [dial] = spansOf('pea2pea dial');
    expect(dial!.status.code).toBe(SpanStatusCode.ERROR);
    expect(dial!.attributes).toEqual({
      'pea2pea.node': node.name,
      'error.type': expect.stringMatching(/^P2P_ERR_/),
    });
  });

  it('of messages are made where they are asked for, and handlers run in their context', async () => {
    const network = inMemory();
    const active: unknown[] = [];
    const b = makeNode(network, {
      onMessage: async () => {
        await turn();
        active.push(trace.getSpan(context.active())?.spanContext().spanId);
      },
    });
    const a = makeNode(network);
    observe(b.node);
    const [connection] = await join(a, b);
    await connection.send('without');
    await until('it was handled', () => active.length === 1);
    observe(b.node, { spans: { messages: true } });
    await connection.send('with');
    await until('it was handled', () => active.length === 2);
    await turn(3);
    const [message, ...more] = spansOf('pea2pea message');
    expect(more).toEqual([]);
    expect(active).toEqual([undefined, message!.spanContext().spanId]);
    expect(message!.parentSpanContext).toBeUndefined();
  });

  it('leave what comes over a connection later outside the context in which it was dialled', async () => {
    // Sockets, which tell of what comes in the context in which they were made.
    const transport = tcpTransport();
    const { server, client, calling, serving, connect } = await requesting(own, {}, { transport });
    const seen: unknown[] = [];
    client.use({ onMessage: () => void seen.push(trace.getSpan(context.active())) });
    serving.serve(look, () => {});
    observe([server, client]);
    const connection = await connect();
    const [back] = server.connections;
    await back!.send({ hello: 1 });
    await until('it came', () => seen.length === 1);
    expect(seen).toEqual([undefined]);
    await calling.call(connection, look);
  });

  it('cost nobody anything whose sampler throws', async () => {
    const { server, client, serving, calling, connect } = await requesting(own);
    serving.serve(add, ([a, b]) => a! + b!);
    const tracerProvider = new BasicTracerProvider({
      sampler: {
        shouldSample: () => {
          throw new Error('of a sampler');
        },
        toString: () => 'one that throws',
      },
    });
    observe([server, client], { tracerProvider });
    expect(await calling.call(await connect(), add, [1, 2])).toBe(3);
  });

  it('are none after close(), and nobody is subscribed any more', async () => {
    const { server, client, serving, calling, connect } = await requesting(own);
    serving.serve(look, () => {});
    observe([server, client], { spans: { messages: true } });
    running.pop()!.close();
    await calling.call(await connect(), look);
    expect(telemetry.spans()).toEqual([]);
  });
});

describe('opentelemetry()', () => {
  it('is understood by a receiver of OTLP, as the published definitions have it', async () => {
    const receiver = await collector();
    const tracerProvider = new BasicTracerProvider({
      spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: `${receiver.url}/v1/traces` }))],
    });
    const reader = new PeriodicExportingMetricReader({
      exporter: new OTLPMetricExporter({ url: `${receiver.url}/v1/metrics` }),
      exportIntervalMillis: 3_600_000,
    });
    const meterProvider = new MeterProvider({ readers: [reader] });
    try {
      const { server, client, serving, calling, connect } = await requesting(own);
      serving.serve(add, ([a, b]) => a! + b!);
      observe([server, client], { tracerProvider, meterProvider });
      const connection = await connect();
      await calling.call(connection, add, [1, 2]);
      await calling.call(connection, look).catch(() => undefined);
      await tracerProvider.forceFlush();
      await reader.forceFlush();
      const [served, called] = receiver.spans.filter(({ name }) => name === 'add');
      expect(served).toMatchObject({
        kind: 'SPAN_KIND_SERVER',
        parentSpanId: called!.spanId,
        traceId: called!.traceId,
      });
      expect(called).toMatchObject({ kind: 'SPAN_KIND_CLIENT', attributes: { 'rpc.method': 'add' } });
      expect(receiver.spans.find(({ name }) => name === 'look')).toMatchObject({
        status: 'STATUS_CODE_ERROR',
        attributes: { 'rpc.response.status_code': '-32601' },
      });
      expect(receiver.spans.some(({ name }) => name === 'pea2pea dial')).toBe(true);
      expect(receiver.metrics.get('rpc.server.call.duration')).toEqual({
        name: 'rpc.server.call.duration',
        unit: 's',
        kind: 'histogram',
        points: 1,
      });
      expect(receiver.metrics.get('pea2pea.connection.count')).toMatchObject({
        kind: 'sum',
        unit: '{connection}',
      });
      expect(receiver.metrics.get('nodejs.eventloop.delay.max')).toMatchObject({ kind: 'gauge', unit: 's' });
    } finally {
      await tracerProvider.shutdown();
      await meterProvider.shutdown();
      receiver.close();
    }
  });

  it('does nothing without an SDK', async () => {
    context.disable();
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    const { server, client, serving, calling, connect } = await requesting(own);
    const traces: unknown[] = [];
    serving.serve(look, (_params, _connection, request) => void traces.push(request.trace));
    running.push(opentelemetry([server, client]));
    await calling.call(await connect(), look);
    expect(traces).toEqual([undefined]);
  });
});
