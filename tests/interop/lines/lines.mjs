// The protocol of tests/interop/README.md for ends in Node: commands in, results and events out.
import { createInterface } from 'node:readline';

/** Prints an event. */
export function say(event, fields = {}) {
  process.stdout.write(`${JSON.stringify({ ...fields, event })}\n`);
}

/**
 * Says that the end is ready, with `fields`, and runs commands until standard input ends; then the process ends.
 *
 * note: `commands` has a function for each name. It gets the arguments as an object, and returns the fields of the result,
 * or a promise of them. Commands run side by side.
 */
export function serve(commands, fields = {}) {
  say('ready', fields);
  createInterface({ input: process.stdin })
    .on('line', async (line) => {
      const { id, command, ...rest } = JSON.parse(line);
      try {
        if (!Object.hasOwn(commands, command)) throw new Error(`there is no command ${command}`);
        say('done', { ...(await commands[command](rest)), id });
      } catch (error) {
        say('failed', { id, error: `${error?.name}: ${error?.message}` });
      }
    })
    .on('close', () => process.exit(0));
}
