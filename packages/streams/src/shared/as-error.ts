import { isNativeError } from 'node:util/types';
import { describe } from '@pea2pea/core/authoring';

/** What somebody threw, which may be anything, as the error that a stream can end with. */
export function asError(thrown: unknown): Error {
  return isNativeError(thrown) ? thrown : new Error(describe(thrown), { cause: thrown });
}
