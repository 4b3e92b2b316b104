import type { StandardSchemaV1 as Published } from '@standard-schema/spec';
import { describe, expect, it } from '@jest/globals';
import type {
  SchemaInput,
  SchemaOutput,
  StandardIssue,
  StandardResult,
  StandardSchemaV1,
} from '@pea2pea/core';
import { runSchema } from '@pea2pea/core/authoring';
import { z } from 'zod';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

describe('the types of Standard Schema', () => {
  it('are those of @standard-schema/spec, both ways', async () => {
    const published: Published<string, number> = z.string().transform(Number);
    const ours: StandardSchemaV1<string, number> = published;
    const back: Published<string, number> = ours;
    expect(back).toBe(published);

    const result: Published.Result<number> = await runSchema(published, '7');
    const again: StandardResult<number> = result;
    expect(again).toEqual({ value: 7 });

    const issues: readonly Published.Issue[] = (await published['~standard'].validate(7)).issues!;
    const [issue]: readonly StandardIssue[] = issues;
    const same: Published.Issue = issue!;
    expect(same.message).toContain('string');

    const inference: [
      Same<SchemaInput<typeof published>, Published.InferInput<typeof ours>>,
      Same<SchemaOutput<typeof published>, Published.InferOutput<typeof ours>>,
      Same<SchemaInput<typeof published>, string>,
      Same<SchemaOutput<typeof published>, number>,
    ] = [true, true, true, true];
    expect(inference).not.toContain(false);
  });
});
