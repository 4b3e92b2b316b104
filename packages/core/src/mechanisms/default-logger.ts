import { Console } from 'node:console';
import { debuglog } from 'node:util';
import { isNativeError } from 'node:util/types';
import { describe, printable, readData } from '../errors/describe.js';
import type { LogFields, Logger } from '../contracts/logger.js';

const debug = debuglog('pea2pea');

/** A line of so many characters names what is wrong, or nothing does. */
const MAX_LINE = 2_000;

/** Made for the first line. It ignores that nobody reads any more (EPIPE), where a bare stream would end the process. */
let output: Console | undefined;

/**
 * Writes `warn` and `error` to standard error, one line each, and the others where `NODE_DEBUG` names `pea2pea`.
 *
 * ```text
 * pea2pea error: disconnected node=1 peer=127.0.0.1:4000 err="TypeError: x is not a function" at="onMessage (…)"
 * ```
 */
class DefaultLogger implements Logger {
  readonly #fields: LogFields;

  constructor(fields: LogFields) {
    this.#fields = fields;
  }

  debug(fields: LogFields, text: string): void {
    if (debug.enabled) this.#write('debug', fields, text);
  }

  info(fields: LogFields, text: string): void {
    if (debug.enabled) this.#write('info', fields, text);
  }

  warn(fields: LogFields, text: string): void {
    this.#write('warn', fields, text);
  }

  error(fields: LogFields, text: string): void {
    this.#write('error', fields, text);
  }

  child(fields: LogFields): Logger {
    return new DefaultLogger({ ...this.#fields, ...fields });
  }

  #write(level: string, fields: LogFields, text: string): void {
    output ??= new Console({ stdout: process.stderr, stderr: process.stderr, ignoreErrors: true });
    output.error(logLine(level, { ...this.#fields, ...fields }, text));
  }
}

/** One line, whatever the fields hold. */
export function logLine(level: string, fields: LogFields, text: string): string {
  const parts = Object.entries(fields).map(([name, value]) => `${printable(name)}=${shown(value)}`);
  if (level === 'error' && isNativeError(fields.err)) parts.push(...place(fields.err));
  return printable([`pea2pea ${level}: ${printable(text)}`, ...parts].join(' '), MAX_LINE);
}

function shown(value: unknown): string {
  if (typeof value === 'string' && /^[\w.:[\]/-]+$/.test(value)) return printable(value);
  const line = describe(value);
  return typeof value === 'object' && value !== null ? describe(line) : line;
}

/** Where a bug is: the top of its stack, as the whole of it takes more than a line. */
function place(error: Error): string[] {
  const stack = stackOf(error);
  const frame = typeof stack === 'string' ? /^ +at (.+)$/m.exec(stack)?.[1] : undefined;
  return frame === undefined ? [] : [`at=${describe(frame)}`];
}

/**
 * The stack of `error`, without running code of its own. INVARIANT: foreign-values-are-harmless.
 *
 * note: the system makes it on first use, of `name` and `message`, whatever these are by then.
 */
function stackOf(error: Error): unknown {
  if (typeof readData(error, 'name') !== 'string' || typeof readData(error, 'message') !== 'string')
    return undefined;
  const stack = stackProperty(error);
  // On newer versions of Node it is an accessor of the system's.
  const isSafe = stack?.get === undefined || stack.get === stackProperty(new Error())?.get;
  return isSafe ? error.stack : undefined;
}

function stackProperty(error: Error): TypedPropertyDescriptor<unknown> | undefined {
  return Object.getOwnPropertyDescriptor(error, 'stack');
}

/** The logger of a node that is given none. */
export const defaultLogger: Logger = new DefaultLogger({});
