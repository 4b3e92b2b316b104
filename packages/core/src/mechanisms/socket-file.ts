import { lstatSync, unlinkSync, type Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { PeerError } from '../errors/errors.js';
import type { SocketAddress } from '../net/socket-address.js';
import { isAbstract, isFile, isPipe } from '../net/socket-path.js';

/** The longest path of a socket in bytes: `sun_path` of unix(7), and of the BSDs, less the zero byte at its end. */
const MAX_BYTES = process.platform === 'linux' ? 107 : 103;

/** Inbound peers of all paths are numbered: a number is the address of one peer, and of no later one. */
let lastPeer = 0;

export function nextPeerNumber(): number {
  return ++lastPeer;
}

/**
 * Refuses a path that this system does not have. Node would cut one that is too long, and make a file of the name of a pipe.
 *
 * @throws {PeerError} P2P_ERR_UNSUPPORTED, P2P_ERR_INVALID_ADDRESS
 */
export function requireUsable(address: SocketAddress): void {
  const path = address.path!;
  const isWindows = process.platform === 'win32';
  if (isWindows !== isPipe(path)) {
    throw new PeerError('P2P_ERR_UNSUPPORTED', `this system has no ${address}`, {
      remedy: isWindows
        ? String.raw`name a pipe: \\.\pipe\app`
        : 'name the file of a Unix socket: /run/app.sock',
    });
  }
  if (isAbstract(path) && process.platform !== 'linux') {
    throw new PeerError('P2P_ERR_UNSUPPORTED', `this system has no abstract sockets such as ${address}`, {
      remedy: 'name the file of a Unix socket: /run/app.sock',
    });
  }
  const length = Buffer.byteLength(path);
  if (isWindows || length <= MAX_BYTES) return;
  throw new PeerError('P2P_ERR_INVALID_ADDRESS', `the path of ${address} has ${length} bytes`, {
    remedy: `a socket has a path of ${MAX_BYTES} bytes at most: choose a folder with a shorter name`,
  });
}

/** What it takes to listen at a path. */
export interface PathListening {
  readonly listen: () => Promise<void>;
  /** Dials the path; resolves with the code of the error that this fails with, undefined where somebody listens there. */
  readonly knock: () => Promise<string | undefined>;
}

/**
 * Listens. Where that finds a file of a process that has gone without removing it, as after a crash, the file is
 * removed, and it listens again.
 *
 * note: of two processes that find the same dead file in the same moment, one may remove that of the other.
 * @throws {PeerError} P2P_ERR_LISTEN_FAILED
 */
export async function listenAtPath(address: SocketAddress, listening: PathListening): Promise<void> {
  try {
    await listening.listen();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE') throw listenFailed(address, error, REMEDIES[code ?? '']);
    if (!isFile(address.path!)) throw listenFailed(address, error, IN_USE);
    await removeDead(address, error, listening);
    try {
      await listening.listen();
    } catch (again) {
      throw listenFailed(address, again, IN_USE);
    }
  }
}

/** @throws {PeerError} P2P_ERR_LISTEN_FAILED where the file is not that of a dead socket */
async function removeDead(address: SocketAddress, inUse: unknown, { knock }: PathListening): Promise<void> {
  const path = address.path!;
  try {
    const found = await lstat(path);
    if (!found.isSocket()) throw listenFailed(address, inUse, NOT_A_SOCKET);
    const outcome = await knock();
    if (outcome === 'EACCES' || outcome === 'EPERM') throw listenFailed(address, inUse, NOT_OURS);
    if (outcome !== 'ECONNREFUSED' && outcome !== 'ENOENT') throw listenFailed(address, inUse, IN_USE);
    // Without a pause between the two, as another process may have the same in mind.
    if (isSame(lstatSync(path), found)) unlinkSync(path);
  } catch (error) {
    if (PeerError.is(error)) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') throw listenFailed(address, error, NOT_OURS); // gone by itself: there is room now
  }
}

function isSame(one: Stats, other: Stats): boolean {
  return one.ino === other.ino && one.dev === other.dev && one.ctimeMs === other.ctimeMs;
}

const IN_USE = 'another process listens there: stop it, or choose another path';
const NOT_A_SOCKET =
  'what is there is not a socket, and is left alone: choose another path, or remove it yourself';
const NOT_OURS =
  'the file belongs to somebody else: choose a path in a folder of your own, or remove the file yourself';
/** Node says EACCES where the folder is not there. */
const NO_ROOM = 'make the folder first, and let this process write to it';
const REMEDIES: Partial<Record<string, string>> = { EACCES: NO_ROOM, EPERM: NO_ROOM, ENOENT: NO_ROOM };

function listenFailed(address: SocketAddress, cause: unknown, remedy: string | undefined): PeerError {
  const what = `cannot listen at ${address}: ${(cause as Error).message}`;
  return new PeerError('P2P_ERR_LISTEN_FAILED', what, { cause, ...(remedy !== undefined && { remedy }) });
}
