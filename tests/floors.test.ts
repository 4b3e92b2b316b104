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
    for (const name of ['core', 'codecs', 'decorators', 'plugins', 'streams']) {
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
    ['core/src/contracts/spy.ts', 'looks up', "import { x } from '../mechanisms/traffic.js';"],
    ['core/src/flows/spy.ts', 'node:net belong in', "import { connect } from 'node:net';"],
    ['core/src/flows/spy.ts', 'timers', 'setTimeout(() => {}, 5);'],
    ['core/src/flows/spy.ts', 'timers', 'export const now = Date.now();'],
    ['core/src/flows/spy.ts', 'timers', 'export const dice = Math.random();'],
    ['decorators/src/wiring/spy.ts', 'use node.logger', "node.config.logger.warn({}, 'x');"],
    ['core/src/flows/spy.ts', 'must not import zod', "import { z } from 'zod';"],
    ['codecs/src/spy.ts', 'must not import', "import { x } from '@pea2pea/decorators';"],
    ['decorators/src/wiring/spy.ts', 'looks up', "import { x } from '../running/life.js';"],
    ['plugins/src/spy.ts', 'must not import inversify', "import { Container } from 'inversify';"],
    ['streams/src/spy.ts', 'must not import', "import { x } from '@pea2pea/codecs';"],
    ['decorators/src/spy.ts', 'must not import', "import { connect } from 'node:net';"],
    ['core/src/flows/spy.ts', 'circular', "import { spy } from './spy.js';"],
    ['core/src/flows/spy.ts', '401 lines', '\n'.repeat(401)],
  ])('a change of %s is found: %s', (path, what, text) => {
    expect(violationsAfter(path, text)).toEqual([expect.stringContaining(what)]);
  });
});
