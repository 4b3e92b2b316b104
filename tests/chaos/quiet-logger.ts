import { type LogFields, type Logger } from '@pea2pea/core';
import { describe } from '@pea2pea/core/authoring';

/** Looks at what it is told, as a logger does, and prints nothing: chaos is full of what is worth a warning. */
export const quietLogger: Logger = {
  debug: lookAt,
  info: lookAt,
  warn: lookAt,
  error: lookAt,
  child: () => quietLogger,
};

function lookAt(fields: LogFields, text: string): void {
  for (const value of [text, ...Object.values(fields)]) describe(value);
}
