import { describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
// @ts-expect-error a plain script, shared with `npm run check`
import { findWords } from '../scripts/words.mjs';

const find = findWords as (root: string) => string[];

/** What is found in a repository with one file. */
function foundIn(text: string, path = 'packages/core/src/file.ts'): string[] {
  const root = mkdtempSync(join(tmpdir(), 'pea2pea-words-'));
  try {
    for (const folder of ['packages/core/src', 'docs']) mkdirSync(join(root, folder), { recursive: true });
    writeFileSync(join(root, path), text);
    return find(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

describe('the words of the house', () => {
  it('are those of errors, comments and pages', () => {
    expect(find(fileURLToPath(new URL('..', import.meta.url)))).toEqual([]);
  });

  it.each([
    ['a comment', '/** Answers the number of peers. */\nexport const count = 0;\n', 'Answers'],
    ['a comment over two lines', '// what it is given is no\n// address\n', 'is no'],
    ['an error', "throw new Error('it must be a text');\n", 'a text'],
    ['a template', 'throw new Error(`${name} stands behind ${other}`);\n', 'behind'],
    ['a doc comment that begins with a genitive', '/** Of the peer. */\nexport const port = 0;\n', 'Of'],
    ['a peer that is a he', '// whatever he sends\n', 'he'],
  ])('are missed in %s', (_where, text, word) => {
    const found = foundIn(text);
    expect(found.length).toBeGreaterThan(0);
    expect(found[0]).toContain('packages/core/src/file.ts:1:');
    expect(found.join('\n')).toContain(`"${word}`);
  });

  it.each(['docs/page.md', 'README.md', 'packages/core/README.md'])('are missed in %s', (path) => {
    expect(foundIn('It answers `answers`.\n', path)).toEqual([
      expect.stringContaining(`${path}:1: "answers"`),
    ]);
  });

  it.each([
    ['names', "import { answer } from './answer.js';\nexport const behind = answer('behind');\n"],
    ['code in a comment', '// see `answers` and `behind`\n'],
    ['what a peer says', '// a peer that does not answer\n'],
    ['what is in front of a server', '// peers behind a proxy share an address\n'],
  ])('are not asked of %s', (_what, text) => {
    expect(foundIn(text)).toEqual([]);
  });
});
