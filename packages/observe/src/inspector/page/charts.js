// Charts over time, drawn by uPlot.
import { useEffect, useRef, useState } from './lib/hooks.js';
import uPlot from './lib/uplot.js';
import { brief, clock } from './format.js';
import { html, useSize } from './parts.js';
import { colour, onTheme } from './theme.js';

const HUES = ['hue-1', 'hue-2', 'hue-3', 'hue-4', 'hue-5', 'hue-6', 'hue-7', 'hue-8'];
/** Ends that nobody has to worry about. */
const CALM = { user: 'calm-1', shutdown: 'calm-2', detached: 'calm-2', 'reading: ended': 'calm-3' };
const given = new Map();

/** The name of the colour of a cause: the same wherever it is shown. */
export function hueOf(cause) {
  if (cause in CALM) return CALM[cause];
  if (!given.has(cause)) given.set(cause, HUES[given.size % HUES.length]);
  return given.get(cause);
}

/** Columns, one on top of the other: `columns` have `at` and counts by name under `field`. */
export function StackedColumns({ columns, field, height }) {
  const names = [...new Set(columns.flatMap((column) => Object.keys(column[field])))];
  const times = columns.map(({ at }) => at / 1_000);
  // The lowest is drawn last, over those that stand on it.
  const sums = [];
  let below = columns.map(() => 0);
  for (const name of names) {
    below = columns.map((column, index) => below[index] + (column[field][name] ?? 0));
    sums.unshift({ name, values: below });
  }
  const most = Math.max(1, ...below);
  const make = (width) => ({
    ...base(width, height),
    axes: axes(),
    scales: { x: { time: true }, y: { range: [0, most * 1.08] } },
    series: [
      {},
      ...sums.map(({ name }) => ({
        label: name,
        fill: colour(hueOf(name)),
        width: 0,
        paths: uPlot.paths.bars({ size: [0.86, 14], align: -1 }),
        points: { show: false },
      })),
    ],
  });
  const data = [times, ...sums.map(({ values }) => values)];
  return html`<${Plot} make=${make} data=${data} height=${height} shape=${`${names.join('|')} ${most}`} />`;
}

/** Lines: `lines` are `{ label, hue, values }`. */
export function Lines({ times, lines, height, format = brief }) {
  const make = (width) => ({
    ...base(width, height),
    axes: axes(format),
    scales: { x: { time: true }, y: { range: (_, __, most) => [0, Math.max(1, most) * 1.1] } },
    series: [
      {},
      ...lines.map(({ label, hue }) => ({
        label,
        stroke: colour(hue),
        fill: `${colour(hue)}1c`,
        width: 1.5,
        points: { show: false },
      })),
    ],
  });
  const data = [times, ...lines.map(({ values }) => values)];
  return html`<${Plot}
    make=${make}
    data=${data}
    height=${height}
    shape=${lines.map(({ label }) => label).join()}
  />`;
}

function base(width, height) {
  return {
    width,
    height,
    padding: [8, 18, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
  };
}

function axes(format = brief) {
  const common = {
    stroke: colour('muted'),
    font: '11px ui-sans-serif, system-ui, sans-serif',
    ticks: { show: false },
  };
  const times = (_, splits) => {
    const isFine = splits.length > 1 && splits[1] - splits[0] < 60;
    return splits.map((at) => clock(at * 1_000).slice(0, isFine ? 8 : 5));
  };
  const values = (_, splits) => splits.map((value) => (value % 1 === 0 ? format(value) : ''));
  return [
    { ...common, grid: { show: false }, size: 26, space: 90, values: times },
    { ...common, grid: { stroke: colour('line'), width: 1 }, size: 40, space: 34, values },
  ];
}

/** A chart that is made anew where its `shape`, its width or the colours change, and otherwise told new data. */
function Plot({ make, data, height, shape }) {
  const place = useRef();
  const plot = useRef();
  const { width } = useSize(place);
  const [theme, setTheme] = useState(0);
  useEffect(() => onTheme(() => setTheme((changes) => changes + 1)), []);
  useEffect(() => {
    if (width === 0) return undefined;
    plot.current = new uPlot(make(width), data, place.current);
    return () => {
      plot.current.destroy();
      plot.current = undefined;
    };
  }, [width, height, shape, theme]);
  useEffect(() => plot.current?.setData(data), [data]);
  return html`<div class="plot" ref=${place} style=${{ height: `${height}px` }}></div>`;
}
