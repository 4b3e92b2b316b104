import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { type AddressInfo } from 'node:net';

/** A value of an attribute, as the protobuf definitions of OTLP have it. */
interface AnyValue {
  readonly stringValue?: string;
  readonly intValue?: number;
  readonly boolValue?: boolean;
}
interface KeyValue {
  readonly key: string;
  readonly value: AnyValue;
}

/** A span that arrived. */
export interface CollectedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly kind: string;
  readonly status: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** A metric that arrived. */
export interface CollectedMetric {
  readonly name: string;
  readonly unit: string;
  readonly kind: 'sum' | 'gauge' | 'histogram';
  readonly points: number;
}

interface Message {
  decode(bytes: Uint8Array): unknown;
  toObject(message: unknown, options: object): unknown;
}

/** The published protobuf definitions of OTLP, compiled; those of another release than the exporters, and read by another library. */
const { opentelemetry } = createRequire(import.meta.url)(
  '@opentelemetry/otlp-proto-exporter-base/build/src/generated/root.js',
) as {
  opentelemetry: {
    proto: {
      collector: {
        trace: { v1: { ExportTraceServiceRequest: Message } };
        metrics: { v1: { ExportMetricsServiceRequest: Message } };
      };
    };
  };
};

const read = (message: Message, body: Uint8Array): unknown =>
  message.toObject(message.decode(body), { longs: Number, enums: String, bytes: Buffer, arrays: true });

/** A receiver of OTLP over HTTP, with protobuf: what an exporter sends is decoded. */
export async function collector() {
  const spans: CollectedSpan[] = [];
  const metrics = new Map<string, CollectedMetric>();
  const { trace, metrics: ofMetrics } = opentelemetry.proto.collector;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      if (request.url === '/v1/traces') {
        for (const span of spansIn(read(trace.v1.ExportTraceServiceRequest, body))) spans.push(span);
      } else {
        for (const metric of metricsIn(read(ofMetrics.v1.ExportMetricsServiceRequest, body)))
          metrics.set(metric.name, metric);
      }
      response.setHeader('content-type', 'application/x-protobuf').end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    metrics,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function spansIn(request: unknown): CollectedSpan[] {
  const { resourceSpans } = request as {
    resourceSpans: { scopeSpans: { spans: Record<string, unknown>[] }[] }[];
  };
  return resourceSpans
    .flatMap(({ scopeSpans }) => scopeSpans)
    .flatMap(({ spans }) => spans)
    .map(({ name, traceId, spanId, parentSpanId, kind, status, attributes }) => ({
      name: name as string,
      traceId: hex(traceId),
      spanId: hex(spanId),
      parentSpanId: hex(parentSpanId),
      kind: kind as string,
      status: (status as { code?: string } | undefined)?.code ?? 'STATUS_CODE_UNSET',
      attributes: plain(attributes as KeyValue[]),
    }));
}

function metricsIn(request: unknown): CollectedMetric[] {
  const { resourceMetrics } = request as {
    resourceMetrics: { scopeMetrics: { metrics: Record<string, unknown>[] }[] }[];
  };
  return resourceMetrics
    .flatMap(({ scopeMetrics }) => scopeMetrics)
    .flatMap(({ metrics }) => metrics)
    .map((metric) => {
      const kind = (['sum', 'gauge', 'histogram'] as const).find((one) => metric[one] !== undefined)!;
      const { dataPoints } = metric[kind] as { dataPoints: unknown[] };
      return { name: metric.name as string, unit: metric.unit as string, kind, points: dataPoints.length };
    });
}

const hex = (bytes: unknown): string => Buffer.from((bytes as Uint8Array | undefined) ?? []).toString('hex');

const plain = (attributes: readonly KeyValue[]): Record<string, unknown> =>
  Object.fromEntries(
    attributes.map(({ key, value: { stringValue, intValue, boolValue } }) => [
      key,
      stringValue ?? intValue ?? boolValue,
    ]),
  );
