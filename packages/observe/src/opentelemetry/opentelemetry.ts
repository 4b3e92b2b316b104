import { Instruments } from './instruments.js';
import { resolveOptions, type OpenTelemetryOptions } from './options.js';
import { Spans } from './spans.js';
import { distinctNodesOf, nodesOf, type Observed } from '../snapshot/observed.js';

/** The name of meter and tracer. */
const SCOPE = '@pea2pea/observe';
/** The semantic conventions that names and attributes follow, where those have any. */
const SCHEMA_URL = 'https://opentelemetry.io/schemas/1.45.0';

/** The metrics and spans of some nodes. {@link opentelemetry} makes it. */
export class OpenTelemetry {
  readonly #ends: (() => void)[] = [];

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option, for what is not a node, or for metrics of two nodes with one name */
  constructor(observed: Observed, options: OpenTelemetryOptions = {}) {
    const resolved = resolveOptions(options);
    const { meterProvider, tracerProvider, metrics } = resolved;
    if (metrics) {
      const meter = meterProvider.getMeter(SCOPE, undefined, { schemaUrl: SCHEMA_URL });
      const instruments = new Instruments(meter, distinctNodesOf(observed), resolved);
      this.#ends.push(() => instruments.close());
    }
    const tracer = tracerProvider.getTracer(SCOPE, undefined, { schemaUrl: SCHEMA_URL });
    const spans = new Spans(tracer, nodesOf(observed), resolved);
    this.#ends.push(() => spans.close());
  }

  /**
   * Ends all measuring and tracing. Harmless twice.
   *
   * note: spans whose work is under way are lost. An SDK may go on to export the values that it was told last.
   */
  close(): void {
    for (const end of this.#ends.splice(0)) end();
  }
}

/**
 * Metrics and spans of a node, a peer, an application, or several of them, for OpenTelemetry: the metrics that `prometheus` has, and
 * spans for dials, handshakes, requests and, if asked for, messages. A request that is served is a child of its call, across the wire.
 *
 * ```ts
 * const sdk = new NodeSDK({ traceExporter, metricReader });
 * sdk.start();
 * const telemetry = opentelemetry(app);
 * ```
 *
 * note: start the SDK first. What is registered later gets spans, but no metrics.
 * note: handlers run in the context of their span, so that spans of yours, and those of instrumentations, are its children.
 * note: no attribute of a metric is an address or an identity, or anything else that a peer says.
 * note: it measures until `close()`.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option, for what is not a node, or for metrics of two nodes with one name
 */
export function opentelemetry(observed: Observed, options: OpenTelemetryOptions = {}): OpenTelemetry {
  return new OpenTelemetry(observed, options);
}
