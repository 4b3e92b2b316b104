import { PeerError } from '@pea2pea/core';
import type { Codec, SchemaInput, SchemaOutput, StandardSchemaV1 } from '@pea2pea/core';
import {
  describeIssues,
  invalidConfig,
  isPromise,
  markHandled,
  requireSchema,
  runSchema,
} from '@pea2pea/core/authoring';
import { mapCodec } from './map-codec.js';

/** How many issues the error of a connection that ended keeps, of what may be a million. */
const MOST_KEPT = 100;

/**
 * The messages of `codec`, received only where `schema` says that they are sound. What the schema makes of them (defaults
 * filled in, strings turned into dates) is what handlers see.
 *
 * note: what is sent is not validated: it is the input of the schema, which the other side validates.
 * note: what does not validate is a P2P_ERR_INVALID_FRAME: its message names the first few issues, its `cause` lists the
 * first hundred. That ends the connection.
 * note: most libraries find all issues before they stop, at some hundred bytes each: the limits of the codec bound it.
 * note: the schema must validate synchronously. One that returns a promise is a P2P_ERR_INVALID_CONFIG at the first message.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when `schema` is not a Standard Schema.
 */
export function validated<S extends StandardSchemaV1>(
  codec: Codec<unknown>,
  schema: S,
): Codec<SchemaOutput<S>, SchemaInput<S>> {
  requireSchema('schema', schema);
  return mapCodec<unknown, unknown, SchemaOutput<S>, SchemaInput<S>>(codec, {
    decode: (message) => validate(schema, message),
    encode: (message) => message,
  });
}

/**
 * A schema that believes whatever arrives to be a `T`: for peers that you trust, and for fields that you check yourself.
 */
export function unchecked<T>(): StandardSchemaV1<T> {
  return {
    '~standard': { version: 1, vendor: 'pea2pea', validate: (value) => ({ value: value as T }) },
  };
}

/**
 * What `schema` makes of `value`.
 * @throws {PeerError} P2P_ERR_INVALID_FRAME when it does not validate; P2P_ERR_INVALID_CONFIG when it returns a promise.
 */
export function validate<S extends StandardSchemaV1>(schema: S, value: unknown): SchemaOutput<S> {
  const result = runSchema(schema, value);
  if (isPromise(result)) {
    // Nobody will wait for it, so nobody may be told that it failed.
    void markHandled(result);
    throw invalidConfig(
      'the schema of a codec must validate synchronously: take its asynchronous checks to the handler',
    );
  }
  if (result.issues === undefined) return result.value;
  throw new PeerError(
    'P2P_ERR_INVALID_FRAME',
    `a message does not validate: ${describeIssues(result.issues)}`,
    {
      cause: result.issues.slice(0, MOST_KEPT),
    },
  );
}
