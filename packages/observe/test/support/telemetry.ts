import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { json, lines } from '@pea2pea/codecs';
import { memoryTransport, PeerNode, type Clock, type Transport } from '@pea2pea/core';
import { requests, type RequestsOptions } from '@pea2pea/rpc';
import { ANYWHERE, silentLogger } from '@pea2pea/testing';

/** The SDK of OpenTelemetry, which keeps what it exports. `end` has to be called. */
export function sdk() {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const spanExporter = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spanExporter)] });
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({
    exporter: metricExporter,
    exportIntervalMillis: 3_600_000,
  });
  const meterProvider = new MeterProvider({ readers: [reader] });
  return {
    tracerProvider,
    meterProvider,
    spans: () => spanExporter.getFinishedSpans(),
    /** The points of each metric now, by name. */
    async metrics() {
      metricExporter.reset();
      await reader.forceFlush();
      const all = metricExporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics);
      return new Map(
        all
          .flatMap(({ metrics }) => metrics)
          .map(({ descriptor, dataPointType, dataPoints }) => [
            descriptor.name,
            {
              unit: descriptor.unit,
              description: descriptor.description,
              type: DataPointType[dataPointType],
              points: dataPoints,
            },
          ]),
      );
    },
    async end() {
      context.disable();
      await tracerProvider.shutdown();
      await meterProvider.shutdown();
    },
  };
}

/** Two nodes with `requests`, the second connected with the first. */
export async function requesting(
  own: <T extends PeerNode<unknown>>(node: T) => T,
  options: RequestsOptions = {},
  { clock, transport = memoryTransport() }: { readonly clock?: Clock; readonly transport?: Transport } = {},
) {
  const config = {
    codec: json(lines()),
    transport,
    logger: silentLogger,
    ...(clock && { clock }),
  };
  const server = own(new PeerNode({ ...config, name: 'server' })).use(requests(options));
  const client = own(new PeerNode({ ...config, name: 'client' })).use(requests(options));
  return {
    server,
    client,
    serving: server.plugin(requests),
    calling: client.plugin(requests),
    connect: async () => client.connect(await server.listen(ANYWHERE)),
  };
}
