import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** `tests/interop`. */
export const INTEROP = fileURLToPath(new URL('..', import.meta.url));

export type Language = 'Go' | 'Rust' | 'Python' | 'Node';

/** A program of ours around an implementation that is not ours. */
export interface EndOptions {
  /** For the command line and for the cases: `hashicorp-yamux`. */
  readonly name: string;
  /** What people know it by: `hashicorp/yamux`. */
  readonly implementation: string;
  readonly language: Language;
  /** Where the program is, in `tests/interop`. Ends may share it. */
  readonly folder: string;
  /**
   * The dependency whose version stands in the table, as the manifest of the folder (`go.mod`, `Cargo.toml`,
   * `package.json`, `requirements.txt`) names it; `go` is the standard library of Go.
   */
  readonly dependency: string;
  /** Arguments of the program, by which ends of one folder differ. */
  readonly args?: readonly string[];
  /** The file that Python or Node runs. @default main.py, main.mjs */
  readonly script?: string;
  /** Whether `--fast` includes it: it has to build within a minute, from nothing, and run within half of one. */
  readonly fast: boolean;
}

/** An end with the version that its manifest pins. */
export interface End extends EndOptions {
  readonly version: string;
}

/** @throws {Error} when the manifest does not pin the dependency to one version */
export function defineEnd(options: EndOptions): End {
  return { ...options, version: pinnedVersion(options) };
}

const MANIFESTS: Record<Language, string> = {
  Go: 'go.mod',
  Rust: 'Cargo.toml',
  Python: 'requirements.txt',
  Node: 'package.json',
};

/** How each manifest pins a version, after the name of the dependency. */
const PINS: Record<Language, (name: string) => RegExp> = {
  Go: (name) => (name === 'go' ? /^go ([\d.]+)$/m : new RegExp(`^(?:require )?\\s*${name} v([^\\s]+)`, 'm')),
  Rust: (name) => new RegExp(`^"?${name}"? = (?:.*version = )?"=([^"]+)"`, 'm'),
  Python: (name) => new RegExp(`^${name}(?:\\[.*\\])?==(\\S+)`, 'm'),
  Node: (name) => new RegExp(`^\\s*"${name}": "(?:npm:.+@)?(\\d[^"]*)"`, 'm'),
};

function pinnedVersion({ language, folder, dependency }: EndOptions): string {
  const manifest = `${folder}/${MANIFESTS[language]}`;
  const name = dependency.replace(/[.+]/g, '\\$&');
  const [, version] = PINS[language](name).exec(readFileSync(`${INTEROP}${manifest}`, 'utf8')) ?? [];
  if (version === undefined) throw new Error(`${manifest} does not pin ${dependency} to one version`);
  return version;
}
