import { isPromise, PeerError } from '@pea2pea/core';
import type { Codec, SchemaInput, SchemaOutput, StandardIssue, StandardSchemaV1 } from '@pea2pea/core';
import { mapCodec } from './map-codec.js';
import { invalid } from './options.js';
import { isStandardSchema } from './standard-schema.js';

/** A message may be hostile, and so may the texts that a schema makes of it: a log line takes this much. */
const MOST_ISSUES = 3;
const MOST_CHARACTERS = 200;
/** And the error of a connection that ended, which may be kept, this many of a million. */
const MOST_KEPT = 100;

/**
 * The messages of `codec`, received only where `schema` says that they are sound. What the schema makes of them (defaults
 * filled in, texts turned into dates) is what handlers see.
 *
 * note: what is sent is not validated: it is the input of the schema, which the other side validates.
 * note: what does not validate is a P2P_ERR_INVALID_FRAME: its message names the first few issues, its `cause` lists the
 * first hundred. That ends the connection.
 * note: most libraries find all issues before they stop, at some hundred bytes each: the limits of the codec bound it.
 * note: the schema must validate synchronously. One that answers a promise is a P2P_ERR_INVALID_CONFIG at the first message.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when `schema` is no Standard Schema.
 */
export function validated<S extends StandardSchemaV1>(
  codec: Codec<unknown>,
  schema: S,
): Codec<SchemaOutput<S>, SchemaInput<S>> {
  if (!isStandardSchema(schema))
    throw invalid('a schema must be a Standard Schema (https://standardschema.dev)');
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
 * @throws {PeerError} P2P_ERR_INVALID_FRAME when it does not validate; P2P_ERR_INVALID_CONFIG when it answers a promise.
 */
export function validate<S extends StandardSchemaV1>(schema: S, value: unknown): SchemaOutput<S> {
  const result = schema['~standard'].validate(value);
  if (isPromise(result)) {
    // Nobody will wait for it, so nobody may be told that it failed.
    void Promise.resolve(result).then(ignore, ignore);
    throw invalid(
      'the schema of a codec must validate synchronously: take its asynchronous checks to the handler',
    );
  }
  if (result.issues === undefined) return result.value;
  throw new PeerError('P2P_ERR_INVALID_FRAME', `a message does not validate: ${summary(result.issues)}`, {
    cause: result.issues.slice(0, MOST_KEPT),
  });
}

function summary(issues: readonly StandardIssue[]): string {
  const named = issues.slice(0, MOST_ISSUES).map(({ path = [], message }) => {
    const where = path.map((step) => String(typeof step === 'object' ? step.key : step)).join('.');
    return shortened(where === '' ? message : `${where}: ${message}`);
  });
  const more = issues.length - named.length;
  return named.join(', ') + (more > 0 ? `, and ${more} more` : '');
}

function shortened(text: string): string {
  // Line breaks and control characters would forge log lines.
  const line = text.replace(/[\p{Cc}\u2028\u2029]/gu, ' ');
  return line.length > MOST_CHARACTERS ? `${line.slice(0, MOST_CHARACTERS)}...` : line;
}

function ignore(): void {}
