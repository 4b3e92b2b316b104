// What a suite found, as records that machines read and as a table for people.
import { median, ratios, spread } from './statistics.mjs';

/**
 * One figure of one contestant: `{ suite, contestant, size, metric, unit, median, spread, rounds, ratio, ratioSpread,
 * against, node, date }`.
 *
 * `rounds` are its values, and what else is given goes into the record as it is; `against` is `{ contestant, rounds }` of the one that it is compared with in the same rounds.
 * `spread` is the middle half of the rounds as a part of the median; `ratio` is the median of the ratios round by round.
 */
export function result({ suite, contestant, size, metric, unit, rounds, against, ...more }) {
  const compared = against && ratios(rounds, against.rounds);
  return {
    suite,
    contestant,
    ...(size !== undefined && { size }),
    ...more,
    metric,
    unit,
    median: rounded(median(rounds)),
    spread: rounded(spread(rounds)),
    rounds: rounds.length,
    ...(compared && {
      ratio: rounded(median(compared)),
      ratioSpread: rounded(spread(compared)),
      against: against.contestant,
    }),
    node: process.version,
    date: new Date().toISOString(),
  };
}

/** A contestant that could not take part, and why. */
export function skipped({ suite, contestant, why }) {
  return { suite, contestant, skipped: why, node: process.version, date: new Date().toISOString() };
}

/** A table of results of one metric, in their order. */
export function tableOf(results) {
  return alignedText(rowsOf(results));
}

/** Contestant, size, figure, spread, ratio of each. */
export function rowsOf(results) {
  return results.map((each) =>
    each.skipped === undefined
      ? [
          each.contestant,
          each.size === undefined ? '' : sizeText(each.size),
          `${numberText(each.median)} ${each.unit}`,
          `±${Math.round(each.spread * 50)} %`,
          each.ratio === undefined ? '' : `${ratioText(each.ratio)} of ${each.against}`,
        ]
      : [each.contestant, '', 'skipped', '', each.skipped],
  );
}

/** Rows of text below each other: the first and the last column to the left, numbers between them to the right. */
export function alignedText(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const cell = (text, column) =>
    column === 0 || column === widths.length - 1
      ? text.padEnd(widths[column])
      : text.padStart(widths[column]);
  return rows.map((row) => `  ${row.map(cell).join('  ')}`.trimEnd()).join('\n');
}

export function sizeText(bytes) {
  return bytes % 1024 === 0 ? `${bytes / 1024} KiB` : `${bytes} B`;
}

export function numberText(value) {
  if (value >= 10e6) return `${(value / 1e6).toFixed(1)} M`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  if (value >= 10e3) return `${(value / 1e3).toFixed(1)} k`;
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** A small part is said as a fraction: 1/50 of what the other does. */
export function ratioText(ratio) {
  return ratio < 0.3 ? `1/${(1 / ratio).toPrecision(3)}` : ratio.toPrecision(3);
}

/** Four digits are more than any measurement here is good for. */
function rounded(value) {
  return Number(value.toPrecision(4));
}
