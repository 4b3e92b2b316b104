import { createRequire } from 'node:module';
import { PeerError } from '@pea2pea/core';

const requireHere = createRequire(import.meta.url);

/**
 * A library that is installed only by those who use the codec over it. It is loaded by the first call of the codec: an
 * `import` of what is missing would fail before any code of ours could say what to do.
 *
 * note: what is loaded is its CommonJS build; what is an ES module alone loads too, as long as it awaits nothing at its top.
 * @throws {PeerError} P2P_ERR_UNSUPPORTED with the line that installs it.
 */
export function optionalLibrary(
  codec: string,
  { entry, install }: { readonly entry: string; readonly install: string },
): unknown {
  try {
    return requireHere(entry) as unknown;
  } catch (cause) {
    throw new PeerError('P2P_ERR_UNSUPPORTED', `${codec} cannot load ${entry}`, {
      cause,
      remedy: `run \`npm install ${install}\``,
    });
  }
}
