/** Fields of a log line; values are left to the logger to serialize. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Where log lines go, in pino's shape: a pino logger fits as it is.
 *
 * note: an error stands under the key `err`, as pino serializes it.
 * note: what a remote peer does wrong is one `warn` line; nothing is logged per message.
 */
export interface Logger {
  /** What only those need who look for a cause. */
  debug(fields: LogFields, text: string): void;
  /** What happens in ordinary operation. */
  info(fields: LogFields, text: string): void;
  /** What a peer did wrong, or a limit refused. */
  warn(fields: LogFields, text: string): void;
  /** What is wrong on this side. */
  error(fields: LogFields, text: string): void;
  /** A logger that adds `fields` to every line. */
  child(fields: LogFields): Logger;
}
