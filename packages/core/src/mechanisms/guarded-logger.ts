import type { LogFields, Logger } from '../contracts/logger.js';

/** A logger that never throws: the one that users bring must not be able to break a teardown. */
export function guardedLogger(logger: Logger): Logger {
  const guard = (level: 'debug' | 'info' | 'warn' | 'error') => (fields: LogFields, text: string) => {
    try {
      logger[level](fields, text);
    } catch {
      // There is nowhere left to say it.
    }
  };
  return {
    debug: guard('debug'),
    info: guard('info'),
    warn: guard('warn'),
    error: guard('error'),
    child: (fields) => guardedLogger(logger.child(fields)),
  };
}
