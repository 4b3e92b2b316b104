import { CORE_ERRORS } from '@pea2pea/core';
import type { ErrorTable } from '@pea2pea/core/authoring';
import { DECORATOR_ERRORS } from '@pea2pea/decorators';
import { STREAM_ERRORS } from '@pea2pea/streams';

/** The errors of all packages, by the name of their table. */
export const ERROR_TABLES: Readonly<Record<string, ErrorTable>> = {
  CORE_ERRORS,
  DECORATOR_ERRORS,
  STREAM_ERRORS,
};
