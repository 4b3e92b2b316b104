import { readFileSync, writeFileSync } from 'node:fs';
import { CAUSES, type Cause } from './causes.js';
import type { Outcome } from './outcome.js';
import type { Results } from './results.js';

const [BEGIN, END] = ['<!-- outcomes -->', '<!-- end of outcomes -->'];

/** What the page shows of outcomes now. */
export function shownOnPage(page: string): string | undefined {
  return readFileSync(page, 'utf8').split(BEGIN)[1]?.split(END)[0]?.trim();
}

/** @throws {Error} when the page has no marks */
export function writeToPage(page: string, outcomes: string): void {
  const text = readFileSync(page, 'utf8');
  const [before, after] = [text.split(BEGIN)[0], text.split(END)[1]];
  if (before === undefined || after === undefined) throw new Error(`${page} has no ${BEGIN} and ${END}`);
  writeFileSync(page, `${before}${BEGIN}\n\n${outcomes}\n\n${END}${after}`);
}

/** The outcomes as Markdown: what a real network did, and whether the simulation tells the same. */
export function render(results: Results, simulated: ReadonlyMap<string, Outcome>): string {
  const tables = Object.entries(CAUSES).map(([heading, causes]) => {
    const rows = causes.map((cause) => rowOf(cause, results.outcomes[cause.name], simulated.get(cause.name)));
    const header = ['cause', 'our node', 'a bare socket', 'simulated'];
    return [`## ${heading}`, '', line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
  });
  const plans = [
    '## Plans of faults',
    'What was seen while plans of `drawFaults` were played, with cuts, partitions, crashes and standstills at random times. When such a thing happens is a matter of microseconds, so only what is seen is compared: whatever the real network did, the simulated one does with some seed.',
    results.kinds.map((kind) => `- ${kind}`).join('\n'),
  ];
  return [`Linux ${results.kernel}, Node.js ${results.node}:`, ...tables, ...plans].join('\n\n');
}

function rowOf(
  { name, differs }: Cause,
  real: Outcome | undefined,
  simulated: Outcome | undefined,
): string[] {
  if (real === undefined) return [name, 'not played', 'not played', ''];
  const others = (['node', 'socket'] as const).flatMap((layer) =>
    simulated?.[layer] === real[layer]
      ? []
      : [`${layer === 'node' ? 'our node' : 'a bare socket'}: ${simulated?.[layer]}`],
  );
  const same = others.length === 0 ? 'the same' : `${others.join('. ')}. ${differs ?? ''}`;
  return [name, real.node, real.socket, same];
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
