import { requireKnown, requireString } from '@pea2pea/core/authoring';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { EVENT_LOOP_DELAY, EventLoopDelay } from '../metrics/event-loop-delay.js';
import { METRICS, type MetricDefinition } from '../metrics/metrics.js';
import { measure, TIMES, type TimeDefinition } from '../metrics/times.js';
import { distinctNodesOf, type AnyNode, type Observed } from '../snapshot/observed.js';
import { snapshot, type NodeSnapshot } from '../snapshot/snapshot.js';

/** How metrics are named, and where they are registered. */
export interface PrometheusOptions {
  /** Where they are registered. @default a registry of their own */
  readonly register?: Registry;
  /** What their names begin with. @default 'pea2pea_' */
  readonly prefix?: string;
}

/** The metrics of some nodes. {@link prometheus} makes it. */
export class PrometheusMetrics {
  /** Where they are registered. */
  readonly register: Registry;
  readonly #nodes: readonly AnyNode[];
  readonly #names: string[] = [];
  readonly #endMeasuring: readonly (() => void)[];
  readonly #delay = new EventLoopDelay();
  #taken: readonly NodeSnapshot[] = [];

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option, for what is not a node, or for two nodes with one name */
  constructor(observed: Observed, options: PrometheusOptions = {}) {
    requireKnown('the options of prometheus()', options, ['register', 'prefix']);
    const { register = new Registry(), prefix = 'pea2pea_' } = options;
    requireString('prefix', prefix, { min: 0 });
    this.register = register;
    this.#nodes = distinctNodesOf(observed);
    for (const metric of METRICS) this.#add(metric, prefix);
    this.#endMeasuring = TIMES.map((time) => this.#measure(time, prefix));
    const delay = this.#delay;
    new Gauge({
      name: this.#named(prefix + EVENT_LOOP_DELAY.name),
      help: EVENT_LOOP_DELAY.help,
      registers: [register],
      collect() {
        this.set(delay.read());
      },
    });
  }

  /** The media type of {@link text}. */
  get contentType(): string {
    return this.register.contentType;
  }

  /** All metrics of the registry in the text format of Prometheus. */
  text(): Promise<string> {
    return this.register.metrics();
  }

  /** Takes the metrics out of the registry, and ends all measuring. Harmless twice. */
  close(): void {
    for (const end of this.#endMeasuring) end();
    this.#delay.end();
    for (const name of this.#names.splice(0)) this.register.removeSingleMetric(name);
  }

  #add({ name: bare, help, type, labels, read }: MetricDefinition, prefix: string): void {
    const name = this.#named(prefix + bare);
    const isFirst = this.#names.length === 1;
    const options = {
      name,
      help,
      labelNames: ['node', ...labels.map(({ label }) => label)],
      registers: [this.register],
    };
    const samples = (): readonly { readonly labels: Record<string, string>; readonly value: number }[] => {
      // Metrics are collected one after the other, in one turn: one snapshot is for all of them.
      if (isFirst) this.#taken = this.#nodes.map((node) => snapshot(node, { connections: { limit: 0 } }));
      return this.#taken.flatMap((taken) =>
        read(taken).map((sample) => ({
          labels: {
            node: taken.name,
            ...Object.fromEntries(labels.map(({ label }, index) => [label, sample.values[index]!])),
          },
          value: sample.value,
        })),
      );
    };
    if (type !== 'counter') {
      new Gauge({
        ...options,
        collect() {
          this.reset();
          for (const { labels: values, value } of samples()) this.set(values, value);
        },
      });
      return;
    }
    new Counter({
      ...options,
      collect() {
        this.reset();
        for (const { labels: values, value } of samples()) this.inc(values, value);
      },
    });
  }

  #measure(time: TimeDefinition, prefix: string): () => void {
    const histogram = new Histogram({
      name: this.#named(prefix + time.name),
      help: time.help,
      labelNames: time.hasMethod ? ['node', 'method', 'outcome'] : ['node', 'outcome'],
      buckets: [...time.buckets],
      registers: [this.register],
    });
    return measure(this.#nodes, time, ({ event, seconds, method }) => {
      const outcome = 'error' in event ? 'failed' : 'done';
      const labels = { node: event.node, outcome };
      histogram.observe(method === undefined ? labels : { ...labels, method }, seconds);
    });
  }

  #named(name: string): string {
    this.#names.push(name);
    return name;
  }
}

/**
 * Metrics of a node, a peer, an application, or several of them, for Prometheus: state, traffic, queues, refusals and ends by cause,
 * all counters, the times of handlers and requests as histograms, the delay of the event loop.
 *
 * ```ts
 * const metrics = prometheus(app);
 * createServer(async (_, response) => {
 *   response.setHeader('content-type', metrics.contentType).end(await metrics.text());
 * }).listen(9464, '127.0.0.1');
 * ```
 *
 * note: no label is an address or an identity: `node`, `direction`, `state`, `cause`, `option`, `method` and `outcome` are bounded.
 * note: it measures until `close()`.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option, for what is not a node, or for two nodes with one name
 */
export function prometheus(observed: Observed, options: PrometheusOptions = {}): PrometheusMetrics {
  return new PrometheusMetrics(observed, options);
}
