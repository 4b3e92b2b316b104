import { PeerError, UnreadableFrame } from '@pea2pea/core';
import type {
  Codec,
  SchemaInput,
  SchemaOutput,
  StandardIssue,
  StandardResult,
  StandardSchemaV1,
} from '@pea2pea/core';
import {
  describeIssues,
  invalidConfig,
  isPromise,
  markHandled,
  requireKnown,
  requireSchema,
  runSchema,
} from '@pea2pea/core/authoring';
import { mapped } from './map-codec.js';
import { requireCheckOutbound, type OutboundOptions } from './outbound.js';
import { wireImage } from './wire-image.js';

/** How many issues the error of a connection that ended keeps, of what may be a million. */
const MOST_KEPT = 100;

/**
 * The messages of `codec`, received only where `schema` says that they are sound. What the schema makes of them (defaults
 * filled in, strings turned into dates) is what handlers see.
 *
 * note: what is sent is the input of the schema: it goes out as it is given, and the schema of the other side makes its
 * output of it. `checkOutbound` asks our schema first, with the message as it will arrive: over `json()` a Date is a string
 * by then. Of a codec that is not a format of this package, it is shown the message as it is given.
 * note: what does not validate is a P2P_ERR_INVALID_FRAME: its message names the first few issues, its `cause` lists the
 * first hundred. Received that ends the connection; sent it fails that send.
 * note: most libraries find all issues before they stop, at some hundred bytes each: the limits of the codec bound it.
 * note: the schema must validate synchronously. One that returns a promise is a P2P_ERR_INVALID_CONFIG at the first message.
 * @default options {}
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when `schema` is not a Standard Schema, or an option makes no sense.
 */
export function validated<S extends StandardSchemaV1>(
  codec: Codec<unknown>,
  schema: S,
  options: OutboundOptions = {},
): Codec<SchemaOutput<S>, SchemaInput<S>> {
  requireSchema('schema', schema);
  requireKnown('the options of validated()', options, ['checkOutbound']);
  const checksOutbound = requireCheckOutbound(options) && !isUnchecked(schema);
  return mapped<unknown, unknown, SchemaOutput<S>, SchemaInput<S>>('validated', codec, {
    decode: (message) => (UnreadableFrame.is(message) ? message : validate(schema, message)),
    encode(message) {
      if (checksOutbound) requireSound(schema, wireImage(codec, message));
      return message;
    },
  });
}

const UNCHECKED: StandardSchemaV1 = {
  '~standard': { version: 1, vendor: 'pea2pea', validate: (value) => ({ value }) },
};

/**
 * A schema that believes whatever arrives to be a `T`: for peers that you trust, and for fields that you check yourself.
 */
export function unchecked<T>(): StandardSchemaV1<T> {
  return UNCHECKED as StandardSchemaV1<T>;
}

/** Whether it is the schema of {@link unchecked}, which need not be asked. */
export function isUnchecked(schema: StandardSchemaV1): boolean {
  return schema === UNCHECKED;
}

/**
 * What `schema` makes of `value`.
 * @throws {PeerError} P2P_ERR_INVALID_FRAME when it does not validate; P2P_ERR_INVALID_CONFIG when it returns a promise.
 */
export function validate<S extends StandardSchemaV1>(schema: S, value: unknown): SchemaOutput<S> {
  const result = resultOf(schema, value);
  if (result.issues === undefined) return result.value;
  throw unsound('a message does not validate', result.issues);
}

/**
 * Lets through what the schema of the other side will take, given that it is the same.
 * @throws {PeerError} as {@link validate}
 */
export function requireSound(schema: StandardSchemaV1, value: unknown): void {
  const { issues } = resultOf(schema, value);
  if (issues === undefined) return;
  const remedy = 'send what the schema takes, as it will be received; the connection lives on';
  throw unsound('a message that is to be sent does not validate', issues, remedy);
}

function resultOf<S extends StandardSchemaV1>(schema: S, value: unknown): StandardResult<SchemaOutput<S>> {
  const result = runSchema(schema, value);
  if (!isPromise(result)) return result;
  // Nobody will wait for it, so nobody may be told that it failed.
  void markHandled(result);
  throw invalidConfig(
    'the schema of a codec must validate synchronously: take its asynchronous checks to the handler',
  );
}

function unsound(what: string, issues: readonly StandardIssue[], remedy?: string): PeerError {
  return new PeerError('P2P_ERR_INVALID_FRAME', `${what}: ${describeIssues(issues)}`, {
    cause: issues.slice(0, MOST_KEPT),
    ...(remedy !== undefined && { remedy }),
  });
}
