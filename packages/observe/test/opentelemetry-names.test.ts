import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { MetricOptions } from '@opentelemetry/api';
import { opentelemetry } from '@pea2pea/observe/opentelemetry';

describe('opentelemetry()', () => {
  it('has all its metrics in docs/observability.md, with their types and units, and no others', async () => {
    const made: string[] = [];
    const make = (type: string) => (name: string, options: MetricOptions) => {
      if (!name.startsWith('pea2pea.node.')) made.push(`${name} ${type}, ${options.unit}`);
      return { addCallback: () => {}, removeCallback: () => {} };
    };
    const meter = {
      createObservableCounter: make('counter'),
      createObservableGauge: make('gauge'),
      createObservableUpDownCounter: make('sum'),
      createHistogram: make('histogram'),
      addBatchObservableCallback: () => {},
      removeBatchObservableCallback: () => {},
    };
    opentelemetry([], { meterProvider: { getMeter: () => meter as never } });
    const page = readFileSync(new URL('../../../docs/observability.md', import.meta.url), 'utf8');
    const rows = page.slice(page.indexOf('| metric | type, unit |')).split('\n\n')[0]!.split('\n').slice(2);
    const said = rows.flatMap((row) => {
      const [names = '', type = ''] = row.slice(1).split(' | ');
      const each = [...names.matchAll(/`([a-z0-9_.]+)`/g)].map(([, name]) => name);
      return each.map((name) => `${name} ${type.replaceAll('`', '').trim()}`);
    });
    expect(said.filter((line) => !line.startsWith('pea2pea.node.')).sort()).toEqual(made.sort());
  });

  it.each([
    ['what is not a node', () => opentelemetry({} as never)],
    ['an unknown option', () => opentelemetry([], { labels: [] } as object)],
    ['spans for what there are none', () => opentelemetry([], { spans: { frames: true } as object })],
    ['a provider that is none', () => opentelemetry([], { meterProvider: {} as never })],
    ['another way with trace context', () => opentelemetry([], { peerTraceContext: 'trust' as never })],
  ])('refuses %s', (_, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'P2P_ERR_INVALID_CONFIG' }));
  });
});
