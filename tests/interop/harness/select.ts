import type { End } from './end.js';
import type { Suite } from './suite.js';

/** What a run was asked for; `scripts/interop.mjs` sets the variables. */
export interface Selection {
  /** Names of suites, of ends, or of folders; everything when there are none. */
  readonly names: readonly string[];
  /** Only what builds and runs quickly. */
  readonly fast: boolean;
  /** Whether results and page are written. */
  readonly write: boolean;
}

export function selectionOf(env: NodeJS.ProcessEnv): Selection {
  return {
    names: (env['INTEROP_NAMES'] ?? '').split(' ').filter((name) => name !== ''),
    fast: env['INTEROP_FAST'] === '1',
    write: env['INTEROP_WRITE'] === '1',
  };
}

/**
 * The suites, each with the ends that were asked for.
 * @throws {Error} when there is nothing of a name
 */
export function select(suites: readonly Suite[], { names, fast }: Selection): [Suite, End[]][] {
  const namesOf = (suite: Suite) => [suite.name, ...suite.ends.flatMap(({ name, folder }) => [name, folder])];
  const known = suites.flatMap(namesOf);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new Error(
      `no suite or end is named ${unknown.join(', ')}; there are ${[...new Set(known)].join(', ')}`,
    );
  }
  const isAskedFor = (suite: Suite, { name, folder }: End) =>
    names.length === 0 || [suite.name, name, folder].some((one) => names.includes(one));
  return suites
    .map((suite): [Suite, End[]] => [
      suite,
      suite.ends.filter((end) => isAskedFor(suite, end) && (!fast || end.fast)),
    ])
    .filter(([, ends]) => ends.length > 0);
}
