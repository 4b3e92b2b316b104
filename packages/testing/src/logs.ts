import type { LogFields, Logger } from '@pea2pea/core';

/** What a {@link recordingLogger} was told. */
export interface LogLine {
  /** How bad it is. */
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** What the line itself carries, and what the loggers it came through add. */
  readonly fields: LogFields;
  /** What happened, for people. */
  readonly text: string;
}

/** A logger that writes its lines down in `log`. */
export function recordingLogger(log: LogLine[], bindings: LogFields = {}): Logger {
  const at = (level: LogLine['level']) => (fields: LogFields, text: string) =>
    void log.push({ level, fields: { ...bindings, ...fields }, text });
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => recordingLogger(log, { ...bindings, ...fields }),
  };
}

/** The lines that somebody should look at: warnings and errors. */
export function warningsIn(log: readonly LogLine[]): LogLine[] {
  return log.filter(({ level }) => level === 'warn' || level === 'error');
}

/** A logger for nodes that are meant to fail: nobody reads what they say. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
