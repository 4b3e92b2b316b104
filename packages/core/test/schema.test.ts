import { describe, expect, it } from '@jest/globals';
import { type } from 'arktype';
import * as v from 'valibot';
import { z } from 'zod';
import type { StandardIssue, StandardSchemaV1 } from '@pea2pea/core';
import { describeIssues, isStandardSchema, plainIssues, runSchema } from '@pea2pea/core/authoring';
import { hostileValues } from '@pea2pea/testing';

const libraries: [name: string, schema: StandardSchemaV1][] = [
  ['zod', z.object({ user: z.object({ tags: z.array(z.string()) }) })],
  ['valibot', v.object({ user: v.object({ tags: v.array(v.string()) }) })],
  ['arktype', type({ user: { tags: 'string[]' } })],
];
const returning = (result: unknown): StandardSchemaV1 => ({
  '~standard': { version: 1, vendor: 'test', validate: () => result as never },
});

describe('a Standard Schema', () => {
  it.each(libraries)('is what %s makes', async (_name, schema) => {
    expect(isStandardSchema(schema)).toBe(true);
    const sound = { user: { tags: ['a'] } };
    expect(await runSchema(schema, sound)).toMatchObject({ value: sound });
    const { issues = [] } = await runSchema(schema, { user: { tags: ['a', 5] } });
    expect(issues).toHaveLength(1);
    expect(describeIssues(issues)).toMatch(/^user\.tags\[1\]: .*string/);
    const [plain] = plainIssues(issues);
    expect(plain!.path).toEqual(['user', 'tags', 1]);
    expect(JSON.parse(JSON.stringify(plain))).toEqual(plain);
  });

  it.each([
    ['of another version', { '~standard': { version: 2, validate() {} } }],
    ['without validate', { '~standard': { version: 1 } }],
    ['that is null', { '~standard': null }],
    ['that throws', Object.defineProperty({}, '~standard', { get: () => JSON.parse('{') as unknown })],
  ])('is not one %s', (_what, value) => {
    expect(isStandardSchema(value)).toBe(false);
  });

  it.each(hostileValues())('is not %s', (_what, make) => {
    expect(isStandardSchema(make().value)).toBe(false);
  });

  it('validates at once, unless it is asynchronous', async () => {
    expect(runSchema(returning({ value: 7 }), 0)).toEqual({ value: 7 });
    const asynchronous = runSchema(returning(Promise.resolve({ issues: [] })), 0);
    expect(asynchronous).toBeInstanceOf(Promise);
    expect(await asynchronous).toEqual({ issues: [] });
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a value as it is', 'seven'],
    ['an empty object', {}],
    ['issues that are not a list', { issues: true }],
  ])('that returns %s is a TypeError', async (_what, result) => {
    expect(() => runSchema(returning(result), 0)).toThrow(TypeError);
    await expect(runSchema(returning(Promise.resolve(result)), 0, 'join')).rejects.toThrow(
      'the schema of join returned neither a value nor issues',
    );
  });
});

describe('issues', () => {
  const issue = (message: unknown, path?: unknown): StandardIssue => ({ message, path }) as StandardIssue;

  it('are one line: the first few, and how many more', () => {
    const all = ['a', 'b', 'c', 'd', 'e'].map((key) => issue('is wrong', [key]));
    expect(describeIssues(all)).toBe('a: is wrong, b: is wrong, c: is wrong, and 2 more');
    expect(describeIssues(all, { mostIssues: 1 })).toBe('a: is wrong, and 4 more');
    expect(describeIssues(all.slice(0, 3))).toBe('a: is wrong, b: is wrong, c: is wrong');
    expect(describeIssues([])).toBe('');
    expect(plainIssues(all, { mostIssues: 2 })).toHaveLength(2);
  });

  it('have paths of keys, indices, symbols and segments', () => {
    const path = ['list', 0, { key: 'name' }, Symbol('mark')];
    expect(describeIssues([issue('is wrong', path)])).toBe('list[0].name.Symbol(mark): is wrong');
    expect(plainIssues([issue('is wrong', path)])).toEqual([
      { message: 'is wrong', path: ['list', 0, 'name', 'Symbol(mark)'] },
    ]);
    expect(plainIssues([issue('is wrong')])).toEqual([{ message: 'is wrong' }]);
  });

  it('that quote megabytes are described at once', () => {
    const quoted = '\nx'.repeat(500_000);
    const startedMs = performance.now();
    const text = describeIssues(Array.from({ length: 3 }, () => issue(quoted, [quoted, quoted])));
    expect(performance.now() - startedMs).toBeLessThan(500);
    expect(text.length).toBeLessThan(700);
    expect(text).toMatch(/^ ?(x )+/);
  });

  it('cannot forge a log line, nor fill the log', () => {
    expect(describeIssues([issue('first\nsecond\u2028third', ['a\rb'])])).toBe('a b: first second third');
    const long = describeIssues([issue('m'.repeat(1_000_000), ['k'.repeat(1_000_000)])]);
    expect(long.length).toBeLessThan(300);
    expect(describeIssues([issue('m'.repeat(50))], { mostCharacters: 10 })).toBe(`${'m'.repeat(10)}…`);
    expect(plainIssues([issue('m'.repeat(1_000))])[0]!.message.length).toBeLessThan(400);
  });

  it.each(hostileValues())('may hold %s anywhere', (_what, make) => {
    const { value } = make();
    const all = [value, issue(value, value), issue('is wrong', [value, { key: value }])] as StandardIssue[];
    const line = describeIssues(all);
    expect(line.length).toBeLessThan(1_000);
    expect(line).not.toContain('secret');
    expect(line).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
    expect(plainIssues(all)).toHaveLength(3);
  });
});
