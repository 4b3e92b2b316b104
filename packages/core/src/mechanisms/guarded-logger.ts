import { diagnostics, type LogDiagnostic } from '../contracts/diagnostics.js';
import type { LogFields, Logger } from '../contracts/logger.js';
import { isPromise } from '../authoring/thenable.js';

type Level = LogDiagnostic['level'];

/**
 * A logger that never throws, nor rejects: the one that users bring must not be able to break a teardown.
 *
 * @param bound for every line, where the logger cannot bind them itself
 * @param nodeId the node that the lines are of, for those who watch. @default 0, none
 */
export function guardedLogger(logger: Logger, bound: LogFields = {}, nodeId = 0): Logger {
  return guarded(logger, nodeId, bound, bound);
}

/** @param shown for every line that is shown to those who watch, also what the logger binds itself */
function guarded(logger: Logger, nodeId: number, bound: LogFields, shown: LogFields): Logger {
  const guard = (level: Level) => (fields: LogFields, text: string) => {
    if (diagnostics.log.hasSubscribers) show(level, nodeId, { ...shown, ...fields }, text);
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
        if (typeof child?.error === 'function') return guarded(child, nodeId, bound, { ...shown, ...fields });
      } catch {
        // Its lines go to the logger that it could not be made of.
      }
      return guarded(logger, nodeId, { ...bound, ...fields }, { ...shown, ...fields });
    },
  };
}

function show(level: Level, nodeId: number, fields: LogFields, text: string): void {
  const { node } = fields;
  const event: LogDiagnostic = { node: typeof node === 'string' ? node : '', nodeId, level, fields, text };
  diagnostics.log.publish(event);
}

function ignore(): void {}
