/** Fields of a log line; values are left to the logger to serialize. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Where log lines go, in pino's shape: a pino logger fits as it is.
 *
 * note: an error stands under the key `err`, as pino serializes it.
 * note: what a remote peer does wrong is one `warn` line; nothing is logged per message.
 */
export interface Logger {
  debug(fields: LogFields, text: string): void;
  info(fields: LogFields, text: string): void;
  warn(fields: LogFields, text: string): void;
  error(fields: LogFields, text: string): void;
  /** A logger that adds `fields` to every line. */
  child(fields: LogFields): Logger;
}
