import { describe, expect, it } from '@jest/globals';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
// @ts-expect-error a plain script, shared with `npm run check`
import { findViolations, PACKAGES } from '../scripts/floors.mjs';
// @ts-expect-error a plain script, which also writes the page
import { graphs, withGraphs } from '../scripts/graph.mjs';

const find = findViolations as (root: string) => string[];
const draw = graphs as (root: string) => Record<'packages' | 'core' | 'decorators', string>;
const redraw = withGraphs as (page: string, root: string) => string;
const known = Object.keys(PACKAGES as object);
const root = fileURLToPath(new URL('..', import.meta.url));

/** What is a package: a folder that was one may still hold what was built. */
const packages = readdirSync(join(root, 'packages')).filter((name) =>
  existsSync(join(root, 'packages', name, 'package.json')),
);

/** What `look` finds in a copy of the sources in which `text` stands at `path`. */
function inCopyWith<T>(path: string, text: string, look: (root: string) => T): T {
  const copy = mkdtempSync(join(tmpdir(), 'pea2pea-floors-'));
  try {
    for (const name of packages) {
      for (const part of ['src', 'package.json']) {
        cpSync(join(root, 'packages', name, part), join(copy, 'packages', name, part), { recursive: true });
      }
    }
    const changed = join(copy, path.startsWith('tests/') ? path : join('packages', path));
    mkdirSync(dirname(changed), { recursive: true });
    writeFileSync(changed, text);
    return look(copy);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

describe('the floors of the packages', () => {
  it('node:net is imported in one file, timers and clocks stand in one, imports look down, no circles, no file over 400 lines, no test borrows from another package', () => {
    expect(find(root)).toEqual([]);
  });

  it('every package has its floors', () => {
    expect(packages.sort()).toEqual([...known].sort());
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
    [
      'policies/src/spy.ts',
      'must not import @pea2pea/decorators',
      "import { Peer } from '@pea2pea/decorators';",
    ],
    ['rpc/src/spy.ts', 'must not import @pea2pea/decorators', "import { Peer } from '@pea2pea/decorators';"],
    ['rpc/src/spy.ts', 'looks up', "import { OnRequest } from './decorators/on-request.js';"],
    ['noise/src/spy.ts', 'must not import node:tls', "import { connect } from 'node:tls';"],
    [
      'policies/src/bans/spy.ts',
      'knows nothing of',
      "import { RateLimit } from '../rate-limit/rate-limit.js';",
    ],
    ['streams/src/yamux/spy.ts', 'knows nothing of', "import { select } from '../multistream/select.js';"],
    ['policies/src/spy.ts', 'timers', 'setTimeout(() => {}, 5);'],
    ['rpc/src/spy.ts', 'turns of the event loop', 'process.nextTick(() => {});'],
    ['tls/src/spy.ts', 'turns of the event loop', 'setImmediate(() => {});'],
    ['streams/src/spy.ts', 'must not import', "import { x } from '@pea2pea/codecs';"],
    ['decorators/src/spy.ts', 'must not import', "import { connect } from 'node:tls';"],
    ['policies/test/spy.test.ts', 'borrows', "import { lab } from '../../decorators/test/lab.js';"],
    ['policies/test/spy.test.ts', 'borrows', "import { victim } from '../../../tests/support/victim.js';"],
    ['tests/support/spy.ts', 'borrows', "import { XX } from '../../packages/noise/test/noise-lab.js';"],
    ['core/src/flows/spy.ts', 'circular', "import { spy } from './spy.js';"],
    ['core/src/flows/spy.ts', '401 lines', '\n'.repeat(401)],
  ])('a change of %s is found: %s', (path, what, text) => {
    expect(inCopyWith(path, text, find)).toEqual([expect.stringContaining(what)]);
  });
});

describe('the graphs of docs/architecture.md', () => {
  it('are those of the imports', () => {
    const page = readFileSync(join(root, 'docs/architecture.md'), 'utf8');
    expect(redraw(page, root)).toBe(page);
  });

  it.each([
    ['packages', 'rpc/src/spy.ts', "import { bans } from '@pea2pea/policies';"],
    ['core', 'core/src/contracts/spy.ts', "import { x } from '../flows/dialer.js';"],
    ['decorators', 'decorators/src/spy.ts', "import { x } from './index.js';"],
  ] as const)('the one of %s changes with an import in %s', (graph, path, text) => {
    expect(inCopyWith(path, text, draw)[graph]).not.toBe(draw(root)[graph]);
  });
});
