import { readFileSync, writeFileSync } from 'node:fs';
import { INTEROP } from './end.js';
import { count, type EndResults, type SuiteResults } from './results.js';
import type { Suite } from './suite.js';

const PAGE = `${INTEROP}../../docs/interop.md`;

/** The lines between which the results of a suite stand. */
function marks({ name }: Suite): { begin: string; end: string } {
  return { begin: `<!-- results: ${name} -->`, end: `<!-- end of results: ${name} -->` };
}

/** What the page holds of a suite now; undefined when it has no such marks. */
export function shownOnPage(suite: Suite): string | undefined {
  const { begin, end } = marks(suite);
  const [, after] = readFileSync(PAGE, 'utf8').split(begin);
  return after?.split(end)[0]?.trim();
}

/** @throws {Error} when the page has no marks for the suite */
export function writeToPage(suite: Suite, results: SuiteResults): void {
  const { begin, end } = marks(suite);
  const page = readFileSync(PAGE, 'utf8');
  const [before, after] = [page.split(begin)[0], page.split(end)[1]];
  if (before === undefined || after === undefined || before === page) {
    throw new Error(`docs/interop.md has no lines\n${begin}\n${end}`);
  }
  writeFileSync(PAGE, `${before}${begin}\n\n${render(suite, results)}\n\n${end}${after}`);
}

/** The results of a suite, as Markdown. */
export function render(suite: Suite, results: SuiteResults): string {
  const rows = suite.ends.map(({ name, implementation }) => {
    const result = results[name];
    if (result === undefined) return [implementation, '', '', '', '', '', '', 'never'];
    const { version, toolchain, skipped, date } = result;
    const counts = (['passed', 'failed', 'differs', 'not run'] as const).map((kind) => count(result, kind));
    return [implementation, version, toolchain ?? skipped ?? '', ...counts, date];
  });
  const exceptions = suite.ends.flatMap(({ name, implementation }) =>
    exceptionsOf(results[name]).map(([what, outcome]) => [implementation, what, outcome]),
  );
  const parts = [
    table(
      ['implementation', 'version', 'built with', 'passed', 'failed', 'differs', 'not run', 'date'],
      rows,
    ),
  ];
  if (exceptions.length > 0) parts.push(table(['implementation', 'case', 'outcome'], exceptions));
  const list = suite.cases.map(({ name }) => `- ${name}`).join('\n');
  parts.push(`<details>\n<summary>${suite.cases.length} cases</summary>\n\n${list}\n\n</details>`);
  return parts.join('\n\n');
}

function exceptionsOf(result: EndResults | undefined): [what: string, outcome: string][] {
  return Object.entries(result?.cases ?? {}).filter(([, outcome]) => outcome !== 'passed');
}

function table(header: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const line = (cells: readonly unknown[]) =>
    `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}
