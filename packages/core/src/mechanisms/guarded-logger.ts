import type { LogFields, Logger } from '../contracts/logger.js';
import { isPromise } from '../authoring/thenable.js';

type Level = 'debug' | 'info' | 'warn' | 'error';

/**
 * A logger that never throws, nor rejects: the one that users bring must not be able to break a teardown.
 *
 * @param bound for every line, where the logger cannot bind them itself
 */
export function guardedLogger(logger: Logger, bound: LogFields = {}): Logger {
  const guard = (level: Level) => (fields: LogFields, text: string) => {
    try {
      const answer: unknown = logger[level]({ ...bound, ...fields }, text);
      if (isPromise(answer)) answer.then(undefined, ignore);
    } catch {
      // There is nowhere left to say it.
    }
  };
  return {
    debug: guard('debug'),
    info: guard('info'),
    warn: guard('warn'),
    error: guard('error'),
    child: (fields) => {
      try {
        const child: Logger | undefined = logger.child(fields);
        if (isPromise(child)) child.then(undefined, ignore);
        if (typeof child?.error === 'function') return guardedLogger(child, bound);
      } catch {
        // Its lines go to the logger that it could not be made of.
      }
      return guardedLogger(logger, { ...bound, ...fields });
    },
  };
}

function ignore(): void {}
