import { isNativeError } from 'node:util/types';
import { printable, readData } from './describe.js';
import { CORE_ERRORS, type ErrorTable, type PeerErrorCode } from './error-table.js';
import { entryOf, register } from './error-registry.js';

register('@pea2pea/core', CORE_ERRORS);

/** What a {@link PeerError} is made with, besides what happened. */
export interface PeerErrorOptions {
  /** The error or disconnect reason underneath. */
  readonly cause?: unknown;
  /** What to do, where the one of the table is too general. @default the remedy of the code */
  readonly remedy?: string;
}

/**
 * Every error that this project raises on purpose.
 *
 * note: the message says what happened, then the remedy.
 * note: `cause` keeps the error underneath, where there is one.
 */
export class PeerError extends Error {
  /** Always `'PeerError'`. */
  override readonly name = 'PeerError';
  /** What went wrong, for programs: a code of the table. */
  readonly code: PeerErrorCode;
  /** What happened, without the remedy: fit to be told to somebody who cannot apply it, such as a peer. */
  readonly what: string;

  constructor(code: PeerErrorCode, what: string, options: PeerErrorOptions = {}) {
    const remedy = options.remedy ?? entryOf(code)?.remedy;
    super(remedy === undefined ? what : `${what}; ${remedy}`, options);
    this.code = code;
    this.what = what;
  }

  /** Where the code is documented: a path and an anchor, or a URL. Undefined where its package did not say. */
  get help(): string | undefined {
    return entryOf(this.code)?.help;
  }

  /**
   * Whether `error` is a PeerError, with this code if one is given; also across two copies of the package.
   *
   * note: nothing that it is given makes it throw or run code; `name` and `code` of what it takes are safe to read.
   */
  static is(error: unknown, code?: PeerErrorCode): error is PeerError {
    if (!isNativeError(error) || readData(error, 'name') !== 'PeerError') return false;
    const found = readData(error, 'code');
    if (code !== undefined) return found === code;
    // Not whether it is known: another copy of the package may be newer.
    return typeof found === 'string' && ERROR_CODE.test(found);
  }
}

/** Throws errors of one table: see {@link defineErrors}. */
export type MakeError<Code extends string> = (
  code: Code,
  what: string,
  options?: PeerErrorOptions,
) => PeerError;

/**
 * Adds the errors of a package to those that are known, and returns what makes them.
 *
 * ```ts
 * export const ROOM_ERRORS = {
 *   ACME_ERR_ROOM_FULL: { when: 'a room has `maxMembers` members', remedy: 'leave one, or raise `maxMembers`' },
 * } as const satisfies ErrorTable;
 * export const roomError = defineErrors('@acme/rooms', ROOM_ERRORS, { help: 'https://acme.example/errors' });
 *
 * throw roomError('ACME_ERR_ROOM_FULL', `${name} has 50 members`);
 * ```
 *
 * note: a code is `<PREFIX>_ERR_<WHAT>`, in capitals. `P2P` is the prefix of this project; take one of your own, such as
 * the name of your package. A code that another package has is refused; the same owner may define its table again, as two
 * copies of a package do.
 * note: an error that no entry marks with `isOwnFault` tells of a peer or the network: a hook that throws it raises
 * `peerFaults`, not `hookErrors`.
 * note: declare the codes, so that `PeerError.is` and `switch` know them: see {@link PeerErrorCodes}.
 * @param owner the name of the package
 * @param help where the codes are documented; the code in lower case is the anchor. @default nowhere
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG for a code that breaks the rule, or that another package has
 */
export function defineErrors<Table extends ErrorTable>(
  owner: string,
  table: Table,
  { help }: { readonly help?: string } = {},
): MakeError<keyof Table & string> {
  for (const code of Object.keys(table)) checkCode(owner, code);
  register(owner, table, help);
  return (code, what, options) => new PeerError(code as PeerErrorCode, what, options);
}

const ERROR_CODE = /^[A-Z][A-Z0-9_]*_ERR_[A-Z0-9_]+$/;

function checkCode(owner: string, code: string): void {
  const refuse = (what: string): PeerError =>
    new PeerError(
      'P2P_ERR_INVALID_CONFIG',
      `the error code ${printable(code)} of ${printable(owner)} ${what}`,
      {
        remedy: 'name codes <PREFIX>_ERR_<WHAT>, in capitals, with a prefix of your own',
      },
    );
  if (!ERROR_CODE.test(code)) throw refuse('is not a code');
  if (code.startsWith('P2P_') && !owner.startsWith('@pea2pea/')) throw refuse('has the prefix of pea2pea');
  const other = entryOf(code)?.owner;
  if (other !== undefined && other !== owner) throw refuse(`is one of ${other}`);
}

/**
 * Whether what a hook threw is a fault of this program. It is not where it is a {@link PeerError} that says what a peer
 * or the network did: so a hook says that a peer misbehaved.
 */
export function isOwnFault(error: unknown): boolean {
  return !PeerError.is(error) || entryOf(error.code)?.isOwnFault === true;
}
