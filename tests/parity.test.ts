import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { tablesOf } from './support/markdown.js';

const root = fileURLToPath(new URL('..', import.meta.url));

/** So many behaviours of each group of the original. */
const GROUPS = { C: 17, H: 8, R: 10, W: 8, D: 11, S: 6, B: 6 } as const;

/** The first argument of every `it('…')` and `it.each(…)('…')` of a file. */
function testsOf(text: string): string[] {
  const names: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && isIt(node.expression)) {
      const [name] = node.arguments;
      if (name !== undefined && ts.isStringLiteralLike(name)) names.push(name.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('tests.ts', text, ts.ScriptTarget.Latest, true));
  return names;
}

/** Whether a call of `expression` makes a test that runs: neither skipped nor still to be written. */
function isIt(expression: ts.Expression): boolean {
  if (ts.isIdentifier(expression)) return expression.text === 'it';
  if (!ts.isCallExpression(expression) || !ts.isPropertyAccessExpression(expression.expression)) return false;
  const { expression: object, name } = expression.expression;
  return name.text === 'each' && ts.isIdentifier(object) && object.text === 'it';
}

const known = new Map<string, readonly string[]>();

/** The same of the file at `path`, or undefined where there is none. */
function testsIn(path: string): readonly string[] | undefined {
  if (!path.endsWith('.test.ts') || !existsSync(join(root, path))) return undefined;
  if (!known.has(path)) known.set(path, testsOf(readFileSync(join(root, path), 'utf8')));
  return known.get(path);
}

/** What is wrong with a parity page, one line each. */
function problems(page: string): string[] {
  const found: string[] = [];
  const rows = tablesOf(page)
    .filter(({ header }) => header.join() === 'id,behaviour,here,test')
    .flatMap((table) => table.rows);
  const ids = Object.entries(GROUPS).flatMap(([letter, count]) =>
    Array.from({ length: count }, (_, index) => `${letter}${index + 1}`),
  );
  const listed = rows.map(([id = '']) => id);
  for (const id of [...ids, 'T']) {
    const times = listed.filter((other) => other === id).length;
    if (times !== 1) found.push(`${id} is there ${times} times`);
  }
  for (const id of listed) if (id !== 'T' && !ids.includes(id)) found.push(`${id} is no id`);
  for (const [id = '', behaviour = '', here = '', tests = ''] of rows) {
    if (behaviour === '') found.push(`${id} says nothing`);
    if (!/^(same|better: .+|other: .+|same[:;,] .+)$/.test(here))
      found.push(`${id} does not say how it is here`);
    for (const test of tests.split('<br>')) {
      const [, path = '', name = ''] = /^`([^`]+)`: (.+)$/.exec(test) ?? [];
      const names = testsIn(path);
      if (names === undefined) found.push(`${id}: there is no file ${path}`);
      else if (!names.includes(name)) found.push(`${id}: ${path} has no test "${name}"`);
    }
  }
  return found;
}

describe('docs/parity.md', () => {
  const page = readFileSync(join(root, 'docs/parity.md'), 'utf8');

  it('has every behaviour of the original once, each with tests that exist', () => {
    expect(problems(page)).toEqual([]);
  });

  it.each([
    [/^\| C4 .*\n/m, '', 'C4 is there 0 times'],
    [/^\| S1 .*\n/m, '$&$&', 'S1 is there 2 times'],
    ['| T |', '| T1 |', 'T1 is no id'],
    [
      'a dial that gets no reply ends',
      'a dial that gets a reply ends',
      'C11: tests/admission.test.ts has no test',
    ],
    ['`tests/reading.test.ts`: 0 switches', '`tests/nothing.test.ts`: 0 switches', 'R7: there is no file'],
    ['better: allowed everywhere', 'soon: allowed everywhere', 'S5 does not say'],
  ])('a change of %s to %j is found', (what, by, problem) => {
    expect(problems(page.replace(what, by))).toContainEqual(expect.stringContaining(problem));
  });

  it('takes tests for tests, and nothing else', () => {
    const text = `
      it('plain', () => {}); it.each([['it("data")']])('each %s', () => {});
      it.skip('skipped', () => {}); it.todo('to do'); describe('a group', () => { it(\`nested\`, () => {}); });
      // it('a comment')
    `;
    expect(testsOf(text)).toEqual(['plain', 'each %s', 'nested']);
  });
});
