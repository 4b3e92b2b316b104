// Writes tables and plots of results into docs/performance.md: between its markers, the text around them stays.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { barChart } from './harness/bar-chart.mjs';
import { numberText, ratioText, sizeText } from './harness/results.mjs';
import { measured, targetOf, targetText, verdictRows, verdicts } from './targets.mjs';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const PAGE = path('../docs/performance.md');
const PLOT_FOLDER = 'performance';
const DEFAULT_FILE = path('results.jsonl');

export function run({ file = DEFAULT_FILE, emit }) {
  const records = latest(readRecords(file));
  const sections = [['machine', machine(records)]];
  const judged = verdictRows(verdicts(records));
  if (judged.length > 0) {
    sections.push(['targets', table(['what', 'measured', 'target', 'noise', 'verdict'], judged)]);
  }
  for (const [suite, found] of grouped(records, 'suite')) {
    sections.push([
      suite,
      suite === 'codecs' ? codecs(found) : [...plots(suite, found), figures(found)].join('\n\n'),
    ]);
  }
  let page = readFileSync(PAGE, 'utf8');
  for (const [name, text] of sections) page = replaced(page, name, text);
  writeFileSync(PAGE, page);
  emit([], { text: `docs/performance.md: ${sections.map(([name]) => name).join(', ')}` });
}

/** What is drawn of a suite: a bar for each record that `of` takes. */
const PLOTS = [
  { suite: 'overhead', name: 'overhead', title: 'Messages a second, bare socket = 1', of: isCompared },
  { suite: 'peers', name: 'original', title: 'Messages a second, original in Rust = 1', of: isOurs },
  { suite: 'peers', name: 'others', title: 'How many times the messages a second of', of: isOfOthers },
  { suite: 'fan-in', name: 'fan-in', title: 'Bytes a second, original in Rust = 1', of: isOurs },
  { suite: 'latency', name: 'latency', title: 'Time, compared = 1; less is better', of: isOurs },
  {
    suite: 'connections',
    name: 'connections',
    title: 'Bare socket = 1; of times, less is better',
    of: isOurs,
  },
  { suite: 'memory', name: 'memory', title: 'Bytes of heap; less is better', of: isHeapOfOne },
  { suite: 'secure', name: 'secure', title: 'Messages a second, unencrypted = 1', of: isOfOthers },
  { suite: 'broadcast', name: 'broadcast', title: 'Messages a second, loop = 1', of: isCompared },
];

function isCompared({ ratio }) {
  return ratio !== undefined;
}

function isOurs({ contestant, ratio }) {
  return contestant === 'pea2pea' && ratio !== undefined;
}

function isOfOthers({ against }) {
  return against === 'pea2pea';
}

function isHeapOfOne({ contestant, unit }) {
  return unit === 'B heap' && !contestant.startsWith('mesh');
}

/** Draws them, and answers the images as Markdown. */
function plots(suite, records) {
  return PLOTS.filter((plot) => plot.suite === suite).flatMap(({ name, title, of }) => {
    const bars = records.filter((record) => record.skipped === undefined && of(record)).map(barOf);
    if (bars.length === 0) return [];
    mkdirSync(path(`../docs/${PLOT_FOLDER}`), { recursive: true });
    writeFileSync(path(`../docs/${PLOT_FOLDER}/${name}.svg`), barChart(title, bars));
    return [`![${title}](${PLOT_FOLDER}/${name}.svg)`];
  });
}

function barOf(record) {
  const { value, noise } = measured(record);
  const target = targetOf(record);
  return {
    label: [record.contestant === 'pea2pea' ? against(record) : record.contestant, subjectOf(record)]
      .filter((part) => part !== '')
      .join(', '),
    value,
    noise,
    text: record.ratio === undefined ? `${numberText(value)} ${record.unit}` : value.toPrecision(3),
    target: target?.atLeast ?? target?.atMost,
    verdict: verdicts([record])[0]?.verdict,
  };
}

/** Where several are compared with, ours is known by them. */
function against({ suite, contestant, against: other }) {
  return suite === 'latency' ? `of ${other}` : suite === 'memory' ? contestant : '';
}

/** What a record is about, besides whom. */
function subjectOf({ size, senders, metric, connections }) {
  return [
    PLAIN_METRICS.has(metric) ? '' : metric,
    senders === undefined ? '' : senders === 1 ? '1 sender' : `${senders} senders`,
    connections === undefined ? '' : `${connections} connections`,
    size === undefined ? '' : sizeText(size),
  ]
    .filter((part) => part !== '')
    .join(', ');
}

/** Their units say it. */
const PLAIN_METRICS = new Set(['messages', 'bytes']);

/** Every record: the ratio first. */
function figures(records) {
  const rows = records.map((record) => {
    if (record.skipped !== undefined)
      return ['', record.contestant, '', '', `not measured: ${record.skipped}`];
    const target = targetOf(record);
    return [
      subjectOf(record),
      record.contestant,
      isCompared(record)
        ? `**${ratioText(record.ratio)}** of ${record.against} ${percentText(record.ratioSpread)}`
        : '',
      target === undefined ? '' : isOfOthers(record) ? `<= 1/${target.atLeast}` : targetText(target),
      `${numberText(record.median)} ${record.unit} ${record.rounds > 1 ? percentText(record.spread) : ''}`,
    ];
  });
  return table(['what', 'who', 'ratio', 'target', 'figure'], rows);
}

/** Half of the middle half. */
function percentText(spread) {
  return `±${Math.round(spread * 50)} %`;
}

/** A row a codec, a column for each size and direction. */
function codecs(records) {
  const columns = [...new Set(records.map(subjectOf))];
  const rows = [...grouped(records, 'contestant')].map(([codec, found]) => [
    codec,
    ...columns.map((column) => {
      const record = found.find((each) => subjectOf(each) === column);
      return record === undefined ? '' : `${numberText(record.median)} ${record.unit}`;
    }),
  ]);
  return table(['codec', ...columns], rows);
}

function machine(records) {
  const all = (property) => [...new Set(records.map(property))].join(', ');
  const days = records.map(({ date }) => date.slice(0, 10)).sort();
  const when = days[0] === days.at(-1) ? days[0] : `${days[0]} to ${days.at(-1)}`;
  return `${all((record) => record.machine)}; Node ${all((record) => record.node)}; ${when}.`;
}

function table(header, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

/** One record a line; what `npm run` says besides is none. */
function readRecords(file) {
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const how = 'make it with `npm run --silent bench -- all --json > benchmarks/results.jsonl`';
    throw new Error(`${error.message}; ${how}`, { cause: error });
  }
  const lines = text.split('\n').filter((line) => line.startsWith('{'));
  if (lines.length === 0) throw new Error(`${file} has no results: were they made with --json?`);
  return lines.map((line) => JSON.parse(line)).filter(({ suite }) => suite !== 'gate');
}

/** Of several records of one thing the last, in the place of the first: a suite may have been run again. */
function latest(records) {
  const key = (record) =>
    JSON.stringify([record.suite, record.contestant, subjectOf(record), record.against]);
  return [...new Map(records.map((record) => [key(record), record])).values()];
}

/** By that property, in the order of the first of each. */
function grouped(records, property) {
  const groups = new Map();
  for (const record of records) {
    const key = record[property];
    groups.set(key, [...(groups.get(key) ?? []), record]);
  }
  return groups;
}

function replaced(page, name, text) {
  const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`docs/performance.md has no ${begin} with an end behind it`);
  return `${page.slice(0, from + begin.length)}\n${text}\n${page.slice(to)}`;
}
