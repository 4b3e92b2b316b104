// What strangers see of a package before they have read a line of it: its page, its licence, its links, its peers.
import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
// @ts-expect-error a plain script, shared with `npm run check`
import { publicPackagesOf } from '../scripts/public-packages.mjs';
import { fencesOf } from './support/markdown.js';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly keywords: readonly string[];
  readonly homepage: string;
  readonly bugs: { readonly url: string };
  readonly repository: { readonly type: string; readonly url: string; readonly directory?: string };
  readonly license: string;
  readonly author: string;
  readonly engines: { readonly node: string };
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly files: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: boolean }>>;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (...path: string[]): string => readFileSync(join(root, ...path), 'utf8');
const manifestIn = (...folder: string[]): Manifest => JSON.parse(read(...folder, 'package.json')) as Manifest;

const house = manifestIn();
const names = (publicPackagesOf as (root: string) => string[])(root);
const numbersOf = (version: string): readonly number[] => version.replace('^', '').split('.').map(Number);

it('there are packages to look at', () => {
  expect(names).toEqual(expect.arrayContaining(['codecs', 'core', 'decorators', 'streams']));
});

describe.each(names)('the package %s', (folder) => {
  const manifest = manifestIn('packages', folder);
  const siblings = (ranges: Readonly<Record<string, string>> = {}) =>
    Object.entries(ranges).filter(([name]) => name.startsWith('@pea2pea/'));

  it('has a page: its name, one sentence, how to install it, a program that runs', () => {
    const page = read('packages', folder, 'README.md');
    const [title, , sentence] = page.split('\n');
    expect(title).toBe(`# ${manifest.name}`);
    expect(sentence).toMatch(/\.$/);
    const fences = fencesOf(page);
    const [install] = fences.filter(({ info }) => info === 'sh');
    expect(install?.text).toMatch(/^npm install /);
    expect(install?.text.split(/\s+/)).toContain(manifest.name);
    const programs = fences.filter(({ info, text }) => info === 'ts run' && text.includes(manifest.name));
    expect(programs).toHaveLength(1);
    expect(page).toContain('](LICENSE)');
  });

  it('tells how to install all that its program imports and its peers that are not optional', () => {
    const page = read('packages', folder, 'README.md');
    const installed = fencesOf(page)
      .filter(({ info }) => info === 'sh')
      .flatMap(({ text }) => text.split(/\s+/))
      .map((word) => word.replace(/(?<=.)@.*$/, ''));
    const imported = fencesOf(page)
      .flatMap(({ text }) => [...text.matchAll(/from '((?!node:)(?:@[^/']+\/)?[^/']+)/g)])
      .map(([, name = '']) => name);
    const peers = Object.keys(manifest.peerDependencies).filter(
      (name) => manifest.peerDependenciesMeta[name]?.optional !== true,
    );
    expect(installed).toEqual(expect.arrayContaining([...imported, ...peers]));
  });

  it('brings the licence', () => {
    expect(read('packages', folder, 'LICENSE')).toBe(read('LICENSE'));
    expect(manifest.license).toBe(house.license);
  });

  it('says where it lives, and whose it is', () => {
    expect(manifest.name).toBe(`@pea2pea/${folder}`);
    expect(manifest.description).toMatch(/\.$/);
    expect(manifest.keywords).toEqual(expect.arrayContaining([...house.keywords]));
    expect(manifest.keywords.length).toBeGreaterThan(house.keywords.length);
    expect(manifest.repository).toEqual({ ...house.repository, directory: `packages/${folder}` });
    expect(manifest.bugs).toEqual(house.bugs);
    expect(manifest.author).toBe(house.author);
    expect(manifest.engines).toEqual(house.engines);
    const site = house.homepage.replace(/#readme$/, '');
    expect(manifest.homepage).toBe(`${site}/tree/main/packages/${folder}#readme`);
  });

  it('has its siblings as peers, in any version that fits: a second copy of core is a second PeerError', () => {
    expect(siblings(manifest.dependencies)).toEqual([]);
    for (const [name, range] of siblings(manifest.peerDependencies)) {
      expect([name, range]).toEqual([name, expect.stringMatching(/^\^0\.\d+\.\d+$/)]);
      const [, minor, patch] = numbersOf(range);
      const [, itsMinor, itsPatch] = numbersOf(manifestIn('packages', name.split('/')[1]!).version);
      expect([name, itsMinor, itsPatch! >= patch!]).toEqual([name, minor, true]);
    }
  });

  it('names the types of Node in each entry point, for compilers that are told of none', () => {
    const entries = Object.values(manifest.exports).filter((entry) => typeof entry !== 'string');
    for (const { types } of entries) {
      const source = types.replace('./dist/', 'src/').replace(/\.d\.ts$/, '.ts');
      const [first] = read('packages', folder, source).split('\n');
      expect([source, first]).toEqual([source, '/// <reference types="node" preserve="true" />']);
    }
    expect(manifest.peerDependencies['@types/node']).toBe('>=20');
    expect(manifest.peerDependenciesMeta['@types/node']).toEqual({ optional: true });
  });

  it('publishes what it was compiled to and from, and nothing of its tests', () => {
    const data = folder === 'observe' ? ['grafana'] : [];
    expect(manifest.files).toEqual(['dist', ...data, 'src', '!**/*.tsbuildinfo']);
  });
});
