import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from '@jest/globals';
import { parser } from '@prometheus-io/lezer-promql';
import { prometheus } from '@pea2pea/observe/prometheus';
import { inMemory, lab } from '@pea2pea/testing';

const { makeNode } = lab();

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const text = readFileSync(new URL('../grafana/dashboard.json', import.meta.url), 'utf8');
const { panels } = JSON.parse(text) as { panels: Panel[] };
const queries = panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr, legendFormat }) => ({ title, expr, legendFormat })),
);

/** What Grafana puts in for its variables. */
const filledIn = (expr: string): string =>
  expr.replaceAll('$__rate_interval', '1m').replaceAll('$node', '.*');

/** What the grammar of Prometheus finds in a query. */
function partsOf(query: string): { metrics: string[]; labels: string[]; wrong: string[] } {
  const found = { metrics: [] as string[], labels: [] as string[], wrong: [] as string[] };
  parser.parse(query).iterate({
    enter({ name, from, to, type, node }) {
      const part = query.slice(from, to);
      if (type.isError) found.wrong.push(query.slice(Math.max(0, from - 20), to + 20));
      if (name === 'Identifier' && node.parent?.name === 'VectorSelector') found.metrics.push(part);
      if (name === 'LabelName') found.labels.push(part);
    },
  });
  return found;
}

describe('the dashboard', () => {
  const { node } = makeNode(inMemory());
  const metrics = prometheus(node);
  afterAll(() => metrics.close());

  /** Labels of the metric of a series; undefined where there is none. A histogram has three kinds of series. */
  const labelsOf = (series: string): readonly string[] | undefined => {
    for (const [ending, more] of [
      ['', []],
      ['_bucket', ['le']],
      ['_count', []],
      ['_sum', []],
    ] as const) {
      if (!series.endsWith(ending)) continue;
      const metric = metrics.register.getSingleMetric(series.slice(0, series.length - ending.length));
      if (metric === undefined) continue;
      const { labelNames } = metric as unknown as { labelNames: readonly string[] };
      return [...labelNames, ...more, 'instance', 'job'];
    }
    return undefined;
  };

  it.each(queries)('"$title" asks for what there is: $expr', ({ expr, legendFormat }) => {
    const { metrics: asked, labels, wrong } = partsOf(filledIn(expr));
    expect(wrong).toEqual([]);
    expect(asked.length).toBeGreaterThan(0);
    for (const series of asked) expect([series, labelsOf(series)]).toEqual([series, expect.anything()]);
    const known = asked.flatMap((series) => labelsOf(series) ?? []);
    const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!);
    for (const label of [...labels, ...shown]) expect(known).toContain(label);
  });

  it('shows only labels in a legend that its query has kept', () => {
    for (const { expr, legendFormat } of queries) {
      const { labels } = partsOf(filledIn(expr));
      for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) expect(labels).toContain(label);
    }
  });

  it('says of each panel what it means, and no two overlap', () => {
    const shown = panels.filter(({ type }) => type !== 'row');
    for (const { title, description } of shown)
      expect([title, description ?? '']).toEqual([title, expect.stringMatching(/\.$/)]);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const places = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
    );
    expect(new Set(places).size).toBe(places.length);
    expect(Math.max(...panels.map(({ gridPos: { x, w } }) => x + w))).toBeLessThanOrEqual(24);
  });

  it('knows a wrong query when it sees one', () => {
    expect(partsOf('sum(rate(pea2pea_accepted_total[1m])').wrong).not.toEqual([]);
    expect(labelsOf('pea2pea_made_up_total')).toBeUndefined();
  });
});
