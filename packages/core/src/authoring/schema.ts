import { describe, printable } from '../errors/describe.js';
import type {
  SchemaOutput,
  StandardIssue,
  StandardResult,
  StandardSchemaV1,
} from '../contracts/standard-schema.js';
import { invalidConfig } from './checks.js';
import { isPromise } from './thenable.js';

/** How much of a list of issues is shown: a message may be wrong everywhere, and issues quote what its sender wrote. */
export interface IssueLimits {
  /** Issues that are shown; the others are counted, or left out. */
  readonly mostIssues?: number;
  /** The most characters of each message, and of each key of a path. */
  readonly mostCharacters?: number;
}

/** Keys of a path that are shown. */
const MOST_KEYS = 16;

/** How many times the characters that are shown are looked at: an issue may quote a megabyte, and a regular expression takes its time. */
const READ_AHEAD = 4;

/**
 * Whether `value` is a Standard Schema of version 1, as zod, valibot, arktype and others make them.
 *
 * note: some libraries have schemas that are functions, or classes: ask this before you ask whether it is one of those.
 * note: it never throws, whatever `value` is.
 */
export function isStandardSchema(value: unknown): value is StandardSchemaV1 {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  try {
    const standard: unknown = (value as { readonly '~standard'?: unknown })['~standard'];
    const { version, validate } = Object(standard) as {
      readonly version?: unknown;
      readonly validate?: unknown;
    };
    return version === 1 && typeof validate === 'function';
  } catch {
    return false;
  }
}

/** A Standard Schema. @throws {PeerError} P2P_ERR_INVALID_CONFIG unless `value` is a Standard Schema of version 1 */
export function requireSchema(name: string, value: unknown): asserts value is StandardSchemaV1 {
  if (isStandardSchema(value)) return;
  throw invalidConfig(
    `\`${name}\` must be a Standard Schema of version 1 (https://standardschema.dev), not ${describe(value)}`,
  );
}

/**
 * What `schema` makes of `value`: the output, or the issues. At once, unless the schema is asynchronous.
 *
 * note: to find out which, ask {@link isPromise}; what is refused synchronously is worth a check of your own, as a promise
 * that nobody awaits may reject.
 * @param owner whose schema it is, for the message of the TypeError
 * @throws what the schema throws; TypeError when it returns neither a value nor issues
 */
export function runSchema<S extends StandardSchemaV1>(
  schema: S,
  value: unknown,
  owner?: PropertyKey,
): StandardResult<SchemaOutput<S>> | Promise<StandardResult<SchemaOutput<S>>> {
  const result = schema['~standard'].validate(value) as
    StandardResult<SchemaOutput<S>> | PromiseLike<StandardResult<SchemaOutput<S>>>;
  if (!isPromise(result)) return checked(result, owner);
  return Promise.resolve(result).then((settled) => checked(settled, owner));
}

function checked<T>(result: StandardResult<T>, owner: PropertyKey | undefined): StandardResult<T> {
  if (typeof result === 'object' && result !== null) {
    if (result.issues === undefined ? 'value' in result : Array.isArray(result.issues)) return result;
  }
  const whose = owner === undefined ? 'the schema' : `the schema of ${printable(String(owner))}`;
  throw new TypeError(`${whose} returned neither a value nor issues`);
}

/**
 * Issues in one line, for errors and logs: `user.tags[2]: expected a string, and 4 more`.
 *
 * note: it never throws and its length is bounded, whatever a schema says, and whatever the sender of the value made it say.
 * @default `mostIssues` 3, `mostCharacters` 200
 */
export function describeIssues(
  issues: readonly StandardIssue[],
  { mostIssues = 3, mostCharacters = 200 }: IssueLimits = {},
): string {
  const named = issues.slice(0, mostIssues).map((issue) => describeIssue(issue, mostCharacters));
  const more = issues.length - named.length;
  return named.join(', ') + (more > 0 ? `, and ${more} more` : '');
}

/**
 * Issues as plain data, to be sent to whoever sent the value: message and path, without what a library adds to them.
 *
 * note: it never throws. Keys that are symbols become strings.
 * @default `mostIssues` 20, `mostCharacters` 300
 */
export function plainIssues(
  issues: readonly StandardIssue[],
  { mostIssues = 20, mostCharacters = 300 }: IssueLimits = {},
): { readonly message: string; readonly path?: readonly (string | number)[] }[] {
  return issues.slice(0, mostIssues).map((issue) => {
    const { message, path } = read(issue);
    const shown = (key: string | number) => (typeof key === 'string' ? printable(key, mostCharacters) : key);
    return {
      message: printable(message, mostCharacters),
      ...(path !== undefined && { path: path.map(shown) }),
    };
  });
}

function describeIssue(issue: StandardIssue, mostCharacters: number): string {
  const { message, path = [] } = read(issue);
  const beginning = (text: string): string => text.slice(0, mostCharacters * READ_AHEAD);
  const where = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${beginning(key)}`)).join('');
  const text = where === '' ? message : `${where.replace(/^\./, '')}: ${beginning(message)}`;
  return printable(beginning(text).replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' '), mostCharacters);
}

interface ReadIssue {
  readonly message: string;
  readonly path?: readonly (string | number)[];
}

/** Libraries compute messages and paths when they are asked for. INVARIANT: foreign-values-are-harmless. */
function read(issue: unknown): ReadIssue {
  try {
    const { message, path } = Object(issue) as { readonly message?: unknown; readonly path?: unknown };
    const says = typeof message === 'string' ? message : describe(message);
    return Array.isArray(path)
      ? { message: says, path: Array.from(path.slice(0, MOST_KEYS), keyOf) }
      : { message: says };
  } catch (error) {
    return { message: `an issue that cannot be read: ${describe(error)}` };
  }
}

function keyOf(segment: unknown): string | number {
  const key: unknown =
    typeof segment === 'object' && segment !== null && 'key' in segment ? segment.key : segment;
  if (typeof key === 'number' || typeof key === 'string') return key;
  return describe(key);
}
