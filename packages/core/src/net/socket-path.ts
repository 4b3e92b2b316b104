import { describe, printable } from '../errors/describe.js';
import { PeerError } from '../errors/errors.js';

/** The longest path that is looked at, in characters; systems take far less: see `mechanisms/socket-file.ts`. */
const MAX_PATH = 4_096;
/** What an abstract socket of Linux begins with (unix(7)). */
const ABSTRACT = '\0';
/** How named pipes of Windows begin. */
const PIPE = '\\\\';
const NUMBER_AT_END = /#(\d{1,15})$/;

/**
 * The one form of a path that names a Unix socket or a named pipe:
 *
 * ```text
 *   /run/app.sock     ../app.sock     ./app.sock      as a file; written without a slash, it gets ./
 *   \0app                                             an abstract socket of Linux
 *   \\.\pipe\app                                      a named pipe of Windows
 * ```
 *
 * note: two paths that lead to one file, such as by a link, are two.
 * @throws {PeerError} P2P_ERR_INVALID_ADDRESS
 */
export function canonicalPath(path: unknown): string {
  if (typeof path !== 'string') throw invalidPath(path);
  const bare = path.startsWith(ABSTRACT) ? path.slice(ABSTRACT.length) : path;
  // It becomes part of log lines and errors as it is.
  const isSound = bare !== '' && bare.trim() === bare && printable(bare, MAX_PATH) === bare;
  if (!isSound || NUMBER_AT_END.test(bare)) throw invalidPath(path);
  // `unix:@app` is an abstract socket, also where there is a slash in its name.
  const isBareName = isFile(path) && (!path.includes('/') || path.startsWith('@'));
  return isBareName ? `./${path}` : path;
}

/** `unix:/run/app.sock`, `unix:@app` for an abstract socket, `pipe:\\.\pipe\app`; with `#7` for the peer of that number. */
export function formatPath(path: string, peer: number): string {
  const kind = path.startsWith(PIPE) ? 'pipe' : 'unix';
  const shown = path.startsWith(ABSTRACT) ? `@${path.slice(ABSTRACT.length)}` : path;
  return peer === 0 ? `${kind}:${shown}` : `${kind}:${shown}#${peer}`;
}

/** What {@link formatPath} wrote; undefined where `text` is something else, such as `unix:80`, a host and a port. */
export function parsePath(text: string): { readonly path: string; readonly peer: number } | undefined {
  const found = /^(?:unix:(?!\d{1,5}$)|pipe:(?=\\\\))(.+)$/s.exec(text)?.[1];
  if (found === undefined) return undefined;
  const peer = Number(NUMBER_AT_END.exec(found)?.[1] ?? 0);
  const shown = found.replace(NUMBER_AT_END, '');
  return { path: shown.startsWith('@') ? ABSTRACT + shown.slice(1) : shown, peer };
}

/** Whether it names a file: neither an abstract socket nor a pipe. */
export function isFile(path: string): boolean {
  return !path.startsWith(ABSTRACT) && !path.startsWith(PIPE);
}

export function isAbstract(path: string): boolean {
  return path.startsWith(ABSTRACT);
}

export function isPipe(path: string): boolean {
  return path.startsWith(PIPE);
}

function invalidPath(path: unknown): PeerError {
  return new PeerError('P2P_ERR_INVALID_ADDRESS', `${describe(path)} is not the path of a socket`, {
    remedy:
      'give the path of a file, of characters that can be printed, without spaces around it, and not ended by # and a number',
  });
}
