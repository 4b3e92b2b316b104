// Horizontal bars as an SVG, legible on light and on dark pages.

const WIDTH = 760;
const ROW = 24;
const BAR = 14;
const TOP = 34;
const CHARACTER = 7.3;
/** For the figure behind the longest bar. */
const FIGURE = 110;

const STYLE = `text { font: 12px ui-monospace, monospace; fill: #6e7781 }
.title { font-weight: bold }
.bar { fill: #8b949e } .met { fill: #2da44e } .noise { fill: #d4a72c } .missed { fill: #cf5c56 }
.target { stroke: #0969da; stroke-width: 2 } .spread { stroke: #6e7781; stroke-width: 1 }`;

/**
 * Draws `bars`: each `{ label, value, noise, text, target, verdict }`. `target` is drawn as a line across the bar, and
 * `verdict` ('met', 'within noise', 'missed') is its colour; both may be left out.
 */
export function barChart(title, bars) {
  const labels = Math.ceil(Math.max(...bars.map(({ label }) => label.length)) * CHARACTER) + 12;
  const widest = Math.max(...bars.flatMap(({ value, noise = 0, target = 0 }) => [value + noise, target]));
  const scale = (WIDTH - labels - FIGURE) / widest;
  const height = TOP + bars.length * ROW + 8;
  const rows = bars.map((bar, index) => row(bar, TOP + index * ROW, labels, scale));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escaped(title)}">
<style>${STYLE}</style>
<text class="title" x="4" y="18">${escaped(title)}</text>
${rows.join('\n')}
</svg>
`;
}

function row({ label, value, noise = 0, text, target, verdict }, top, left, scale) {
  const middle = top + ROW / 2;
  const at = (number) => (left + number * scale).toFixed(1);
  const end = Math.max(value + noise, target ?? 0);
  return [
    `<text x="${left - 8}" y="${middle + 4}" text-anchor="end">${escaped(label)}</text>`,
    `<rect class="${COLOURS[verdict] ?? 'bar'}" x="${left}" y="${middle - BAR / 2}" width="${(value * scale).toFixed(1)}" height="${BAR}"/>`,
    `<line class="spread" x1="${at(Math.max(0, value - noise))}" x2="${at(value + noise)}" y1="${middle}" y2="${middle}"/>`,
    target === undefined
      ? ''
      : `<line class="target" x1="${at(target)}" x2="${at(target)}" y1="${top + 2}" y2="${top + ROW - 2}"/>`,
    `<text x="${Number(at(end)) + 6}" y="${middle + 4}">${escaped(text)}</text>`,
  ].join('');
}

const COLOURS = { met: 'met', 'within noise': 'noise', missed: 'missed' };

function escaped(text) {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
