import { describe, expect, it } from '@jest/globals';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
// @ts-expect-error a plain script, shared with `npm run check`
import { findViolations } from '../scripts/floors.mjs';

const find = findViolations as (root: string) => string[];
const root = fileURLToPath(new URL('..', import.meta.url));

/** The violations after `write` changed a copy of the sources. */
function violationsAfter(path: string, text: string): string[] {
  const copy = mkdtempSync(join(tmpdir(), 'pea2pea-floors-'));
  try {
    for (const name of ['core', 'codecs', 'decorators']) {
      cpSync(join(root, 'packages', name, 'src'), join(copy, 'packages', name, 'src'), { recursive: true });
    }
    writeFileSync(join(copy, 'packages', path), text);
    return find(copy);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

describe('the floors of the packages', () => {
  it('node:net is imported in one file, timers and clocks stand in one, imports look down, no circles, no file over 400 lines', () => {
    expect(find(root)).toEqual([]);
  });

  it.each([
    ['core/src/contracts/spy.ts', "import { x } from '../mechanisms/traffic.js';", 'looks up'],
    ['core/src/flows/spy.ts', "import { connect } from 'node:net';", 'node:net belong in'],
    ['core/src/flows/spy.ts', 'setTimeout(() => {}, 5);', 'timers'],
    ['core/src/flows/spy.ts', 'export const now = Date.now();', 'timers'],
    ['core/src/flows/spy.ts', 'export const dice = Math.random();', 'timers'],
    ['core/src/flows/spy.ts', "import { z } from 'zod';", 'must not import zod'],
    ['codecs/src/spy.ts', "import { x } from '@pea2pea/decorators';", 'must not import'],
    ['decorators/src/spy.ts', "import { connect } from 'node:net';", 'must not import'],
    ['core/src/flows/spy.ts', "import { spy } from './spy.js';", 'circular'],
    ['core/src/flows/spy.ts', '\n'.repeat(401), '401 lines'],
  ])('a change of %s to %j is found', (path, text, what) => {
    expect(violationsAfter(path, text)).toEqual([expect.stringContaining(what)]);
  });
});
