import { debuglog, inspect } from 'node:util';
import type { LogFields, Logger } from '../contracts/logger.js';

const debug = debuglog('pea2pea');

/** Writes to standard error when `NODE_DEBUG` names `pea2pea`, and nothing otherwise. */
class DebugLogger implements Logger {
  readonly #fields: LogFields;

  constructor(fields: LogFields) {
    this.#fields = fields;
  }

  debug(fields: LogFields, text: string): void {
    this.#write('debug', fields, text);
  }

  info(fields: LogFields, text: string): void {
    this.#write('info', fields, text);
  }

  warn(fields: LogFields, text: string): void {
    this.#write('warn', fields, text);
  }

  error(fields: LogFields, text: string): void {
    this.#write('error', fields, text);
  }

  child(fields: LogFields): Logger {
    return new DebugLogger({ ...this.#fields, ...fields });
  }

  #write(level: string, fields: LogFields, text: string): void {
    if (!debug.enabled) return;
    debug('%s %s %s', level, text, inspect({ ...this.#fields, ...fields }, { breakLength: Infinity }));
  }
}

export const debugLogger: Logger = new DebugLogger({});
