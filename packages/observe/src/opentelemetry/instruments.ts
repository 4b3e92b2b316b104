import type { BatchObservableCallback, Meter, Observable } from '@opentelemetry/api';
import {
  errorAttributes,
  extraAttributes,
  NODE,
  RPC_METHOD,
  RPC_SYSTEM,
  servedErrorAttributes,
} from './attributes.js';
import type { ResolvedOptions } from './options.js';
import { EVENT_LOOP_DELAY, EventLoopDelay } from '../metrics/event-loop-delay.js';
import { METRICS, type MetricDefinition } from '../metrics/metrics.js';
import { measure, TIMES, type TimeDefinition } from '../metrics/times.js';
import type { AnyNode } from '../snapshot/observed.js';
import { snapshot } from '../snapshot/snapshot.js';

/** The instruments of some nodes: those that are read off snapshots when they are collected, and times. */
export class Instruments {
  readonly #meter: Meter;
  readonly #nodes: readonly AnyNode[];
  readonly #options: ResolvedOptions;
  readonly #ends: (() => void)[];

  constructor(meter: Meter, nodes: readonly AnyNode[], options: ResolvedOptions) {
    this.#meter = meter;
    this.#nodes = nodes;
    this.#options = options;
    this.#ends = [
      this.#observeSnapshots(),
      this.#observeDelay(),
      ...TIMES.map((time) => this.#measure(time)),
    ];
  }

  close(): void {
    for (const end of this.#ends.splice(0)) end();
  }

  #observeSnapshots(): () => void {
    const instruments = METRICS.map((metric) => ({ metric, observable: this.#observableOf(metric) }));
    const observe: BatchObservableCallback = (result) => {
      for (const node of this.#nodes) {
        // One snapshot is for all of them.
        const taken = snapshot(node, { connections: { limit: 0 } });
        for (const { metric, observable } of instruments) {
          for (const { values, value } of metric.read(taken)) {
            const attributes = Object.fromEntries(
              metric.labels.map(({ attribute, said = {} }, index) => [
                attribute,
                said[values[index]!] ?? values[index]!,
              ]),
            );
            result.observe(observable, value, { [NODE]: taken.name, ...attributes });
          }
        }
      }
    };
    const observables = instruments.map(({ observable }) => observable);
    this.#meter.addBatchObservableCallback(observe, observables);
    return () => this.#meter.removeBatchObservableCallback(observe, observables);
  }

  #observableOf({ instrument, help: description, unit, type }: MetricDefinition): Observable {
    const options = { description, unit };
    switch (type) {
      case 'counter':
        return this.#meter.createObservableCounter(instrument, options);
      case 'gauge':
        return this.#meter.createObservableGauge(instrument, options);
      case 'sum':
        return this.#meter.createObservableUpDownCounter(instrument, options);
    }
  }

  #observeDelay(): () => void {
    const { instrument, help: description, unit } = EVENT_LOOP_DELAY;
    const delay = new EventLoopDelay();
    const gauge = this.#meter.createObservableGauge(instrument, { description, unit });
    const observe = (result: { observe(value: number): void }): void => result.observe(delay.read());
    gauge.addCallback(observe);
    return () => {
      gauge.removeCallback(observe);
      delay.end();
    };
  }

  #measure(time: TimeDefinition): () => void {
    const histogram = this.#meter.createHistogram(time.instrument, {
      description: time.help,
      unit: 's',
      advice: { explicitBucketBoundaries: [...time.buckets] },
    });
    return measure(this.#nodes, time, ({ event, seconds, method }) => {
      const attributes = { [NODE]: event.node, ...extraAttributes(this.#options, event.connection) };
      if (method !== undefined) Object.assign(attributes, { [RPC_SYSTEM]: 'jsonrpc', [RPC_METHOD]: method });
      const errorOf = time.isServed === true ? servedErrorAttributes : errorAttributes;
      if ('error' in event) Object.assign(attributes, errorOf(event.error, 'bounded'));
      histogram.record(seconds, attributes);
    });
  }
}
