import { expect, it } from '@jest/globals';

const { nameOf } = (await import(new URL('../src/inspector/page/format.js', import.meta.url).href)) as {
  nameOf: (source: object, sources: readonly object[]) => string | undefined;
};

const source = (name: string, listening: string[], process: number) => ({
  sections: { node: { name, listening, process } },
});

it('processes whose nodes have one name are told apart by their port, their process, or a number', () => {
  const names = (...sources: ReturnType<typeof source>[]) => sources.map((one) => nameOf(one, sources));
  expect(names(source('a', ['0.0.0.0:4000'], 1), source('b', ['0.0.0.0:4000'], 2))).toEqual(['a', 'b']);
  expect(names(source('a', ['0.0.0.0:4000'], 1), source('a', ['0.0.0.0:4001'], 2))).toEqual([
    'a :4000',
    'a :4001',
  ]);
  expect(names(source('a', [], 1), source('a', ['[::1]:4000'], 2))).toEqual(['a pid 1', 'a :4000']);
  expect(names(source('a', [], 1), source('a', [], 1))).toEqual(['a pid 1 #1', 'a pid 1 #2']);
  expect(nameOf({ sections: {} }, [])).toBeUndefined();
});
