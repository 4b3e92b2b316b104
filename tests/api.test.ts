// What the packages promise: the reports in api/, compared with the declarations that are published. `npm test` has
// built them.
import { afterAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
// @ts-expect-error a plain script, shared with `npm run api`
import { entryPointsOf as entryPointsIn, publicApi as apiOf } from '../scripts/public-api.mjs';

interface EntryPoint {
  readonly name: string;
  readonly report: string;
  readonly folder: string;
  readonly file: string;
}
interface Surface extends EntryPoint {
  readonly text: string;
  readonly undocumented: readonly string[];
}

const root = fileURLToPath(new URL('..', import.meta.url));
const entryPointsOf = entryPointsIn as (root: string) => EntryPoint[];
const publicApi = apiOf as (entryPoints: readonly EntryPoint[]) => Surface[];

const surfaces = publicApi(entryPointsOf(root));

describe.each(surfaces)('the entry point $name', ({ report, text, undocumented }) => {
  it('exports what its report says; after a change that is meant: npm run api', () => {
    expect(text).toBe(readFileSync(join(root, 'api', report), 'utf8'));
  });

  it('has a description for each export and public member', () => {
    expect(undocumented).toEqual([]);
  });
});

it('there is no report of an entry point that is gone', () => {
  expect(readdirSync(join(root, 'api')).sort()).toEqual(surfaces.map(({ report }) => report).sort());
});

describe('a report', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pea2pea-api-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  function surfaceOf(declarations: string): Surface {
    const file = join(folder, 'index.d.ts');
    writeFileSync(file, declarations);
    return publicApi([{ name: 'planted', report: 'planted.md', folder, file }])[0]!;
  }

  it('has signatures, and nothing private', () => {
    const { text } = surfaceOf(`
      /** Described. */
      export declare class Box<T> { #private; private secret; readonly size: number; put(item: T): void; }
      export declare const LIMIT: 3;
      declare const hidden: number;
      export {};`);
    expect(text).toContain('class Box<T> {\n    readonly size: number;\n    put(item: T): void;\n}');
    expect(text).toContain('const LIMIT: 3');
    expect(text).not.toMatch(/private|secret|hidden|Described/);
  });

  it('names exports and members that are not described, those of classes and interfaces, static ones, too', () => {
    const { undocumented } = surfaceOf(`
      export interface Bare {
        bare: number;
        /** Described. */
        fine: number;
      }
      /** Described. */
      export declare class Box { private secret; static of(): Box; get size(): number; /** @default 3 */ limit: number }
      /** Described. */
      export interface Heir extends Parent { inherited(): void }
      interface Parent {
        /** Described. */
        inherited(): void;
      }
      export declare function run(): void;
      export {};`);
    expect([...undocumented].sort()).toEqual(['Bare', 'Bare.bare', 'Box.limit', 'Box.of', 'Box.size', 'run']);
  });
});
