import type { ErrorEntry, ErrorTable } from './error-table.js';

/** Where the errors of this project are documented. */
const OWN_HELP = 'docs/errors.md';

interface KnownError extends ErrorEntry {
  readonly owner: string;
  readonly help: string | undefined;
}

/** The errors of all packages that are loaded, by code. */
const known = new Map<string, KnownError>();

export function register(owner: string, table: ErrorTable, help?: string): void {
  const page = help ?? (owner.startsWith('@pea2pea/') ? OWN_HELP : undefined);
  for (const [code, entry] of Object.entries(table)) {
    known.set(code, { ...entry, owner, help: page && `${page}#${code.toLowerCase()}` });
  }
}

export function entryOf(code: string): KnownError | undefined {
  return known.get(code);
}
