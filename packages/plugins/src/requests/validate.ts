import { isPromise, type StandardIssue, type StandardResult, type StandardSchemaV1 } from '@pea2pea/core';

/** As many issues as are sent: a long list may be wrong everywhere. */
const MAX_ISSUES = 20;

/**
 * What `schema` makes of `value`; at once, unless the schema is asynchronous.
 * @throws what the schema throws; TypeError when it answers neither a value nor issues
 */
export function validate(
  schema: StandardSchemaV1 | undefined,
  value: unknown,
): StandardResult<unknown> | Promise<StandardResult<unknown>> {
  if (schema === undefined) return { value };
  const result = schema['~standard'].validate(value);
  return isPromise(result) ? Promise.resolve(result).then(checked) : checked(result);
}

/** Issues as plain data, without what a library adds to them. */
export function plainIssues(issues: readonly StandardIssue[]): object[] {
  return issues.slice(0, MAX_ISSUES).map(({ message, path }) => ({
    message,
    ...(path !== undefined && { path: path.map(plainKey) }),
  }));
}

function checked(result: StandardResult<unknown>): StandardResult<unknown> {
  if (result.issues || 'value' in result) return result;
  throw new TypeError('the schema answered neither a value nor issues');
}

function plainKey(segment: PropertyKey | { readonly key: PropertyKey }): string | number {
  const key = typeof segment === 'object' ? segment.key : segment;
  return typeof key === 'number' ? key : String(key);
}
