import { CORE_ERRORS } from '@pea2pea/core';
import type { ErrorTable } from '@pea2pea/core/authoring';
import { DECORATOR_ERRORS } from '@pea2pea/decorators';
import { NETWORK_ERRORS } from '@pea2pea/network';
import { NOISE_ERRORS } from '@pea2pea/noise';
import { POLICY_ERRORS } from '@pea2pea/policies';
import { RPC_ERRORS } from '@pea2pea/rpc';
import { STREAM_ERRORS } from '@pea2pea/streams';
import { TESTING_ERRORS } from '@pea2pea/testing';

/** The errors of all packages, by the name of their table. */
export const ERROR_TABLES: Readonly<Record<string, ErrorTable>> = {
  CORE_ERRORS,
  DECORATOR_ERRORS,
  NETWORK_ERRORS,
  NOISE_ERRORS,
  POLICY_ERRORS,
  RPC_ERRORS,
  STREAM_ERRORS,
  TESTING_ERRORS,
};
