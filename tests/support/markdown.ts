/** A table, its cells as written: `| a | b |` is `['a', 'b']`. */
export interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A fenced block. */
export interface Fence {
  /** What stands behind the opening fence: `ts`, `ts run`, `text`. */
  readonly info: string;
  readonly text: string;
}

const FENCE = /^```([^\n]*)\n([\s\S]*?)^```$/gm;

export function fencesOf(page: string): Fence[] {
  return [...page.matchAll(FENCE)].map(([, info = '', text = '']) => ({ info: info.trim(), text }));
}

/** The page without its fenced blocks: what is prose, tables and headings. */
function proseOf(page: string): string {
  return page.replace(FENCE, '');
}

export function tablesOf(page: string): Table[] {
  const blocks = proseOf(page).match(/(?:^\|.*\|[ \t]*\n?)+/gm) ?? [];
  return blocks.map((block) => {
    const [header = [], , ...rows] = block.trim().split('\n').map(cellsOf);
    return { header, rows };
  });
}

/** The one table whose first columns are called `header`. */
export function tableOf(page: string, ...header: string[]): Table {
  const found = tablesOf(page).filter((table) => header.every((name, index) => table.header[index] === name));
  if (found.length !== 1) {
    throw new Error(`${found.length} tables begin with the columns ${header.join(' | ')}, one was expected`);
  }
  return found[0]!;
}

/** Targets of links that lead to another file of the repository, or to a heading: `page.md#heading`. */
export function localLinksOf(page: string): string[] {
  return [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/i.test(target));
}

const ANCHOR = /<a id="([^"]+)"><\/a>/g;

/** What `#…` may name on the page: its headings, in lower case, words joined by hyphens, without punctuation; and anchors. */
export function anchorsOf(page: string): string[] {
  const prose = proseOf(page);
  const headings = [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replace(/ /g, '-'),
  );
  return [...headings, ...[...prose.matchAll(ANCHOR)].map(([, id = '']) => id)];
}

/** `cell` without the anchors in it. */
export function withoutAnchor(cell: string): string {
  return cell.replace(ANCHOR, '');
}

/** The text in backticks that a cell consists of, or the cell itself. */
export function codeIn(cell: string): string {
  return /^`([^`]+)`$/.exec(cell)?.[1] ?? cell;
}

function cellsOf(line: string): string[] {
  return line
    .trim()
    .replace(/^\||\|$/g, '')
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll('\\|', '|'));
}
