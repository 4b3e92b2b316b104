import type { StandardSchemaV1 } from '@pea2pea/core';

export function isStandardSchema(value: unknown): value is StandardSchemaV1 {
  // Some libraries have schemas that are functions.
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  const standard = (value as { '~standard'?: unknown })['~standard'];
  return typeof (standard as { validate?: unknown } | null | undefined)?.validate === 'function';
}
