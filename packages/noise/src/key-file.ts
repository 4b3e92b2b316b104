import { createPrivateKey, randomBytes } from 'node:crypto';
import { link, open, unlink, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PeerError } from '@pea2pea/core';
import { describe, readData, requireString } from '@pea2pea/core/authoring';
import { generateKeyPair, keyPairOf, pemOf, type NoiseKeyPair } from './dh.js';
import { noiseError } from './errors.js';

/** For its owner alone: to read and write. */
const MODE = 0o600;
/** The permissions of all others. */
const OTHERS = 0o077;

/** Far more than a key has, and little enough to be read whatever the file is. */
const MAX_FILE_LENGTH = 16 * 1_024;

const PUBLIC_KEY_LINE = /^public key: (.*)$/m;

/**
 * The key pair in `file`; where there is no such file, a new one, which is in the file when this resolves. Processes that
 * call it at the same time get the same key, and nobody ever sees half a file.
 *
 * ```ts
 * node.use(noise({ pattern, staticKey: await loadOrCreateKey('peer.key') }));
 * ```
 *
 * note: the file is PEM, an X25519 key in PKCS #8, as `openssl genpkey -algorithm X25519` makes it; see docs/noise.md.
 * note: a file that cannot be used is never overwritten: with another key, the peer would be somebody else.
 * note: the folder must be there, and its file system must have hard links.
 * @throws {PeerError} P2P_ERR_KEY_FILE when the file cannot be read or made, is damaged, or can be read by others than its
 * owner (not checked on Windows); P2P_ERR_INVALID_CONFIG when `file` is not a path
 */
export async function loadOrCreateKey(file: string): Promise<NoiseKeyPair> {
  requireString('file', file);
  try {
    return (await load(file)) ?? (await create(file));
  } catch (cause) {
    if (PeerError.is(cause)) throw cause;
    throw noiseError('P2P_ERR_KEY_FILE', `${describe(file)} cannot be read or made: ${describe(cause)}`, {
      cause,
    });
  }
}

/** Undefined where there is no file. */
async function load(file: string): Promise<NoiseKeyPair | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  try {
    const { mode } = await handle.stat();
    if (process.platform !== 'win32' && (mode & OTHERS) !== 0) {
      const what = `${describe(file)} can be read or changed by others than its owner (mode ${(mode & 0o777).toString(8)})`;
      throw noiseError('P2P_ERR_KEY_FILE', `${what}; run \`chmod 600\` on it`);
    }
    const buffer = Buffer.alloc(MAX_FILE_LENGTH + 1);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
    return parse(file, buffer.toString('latin1', 0, bytesRead));
  } finally {
    await handle.close();
  }
}

function parse(file: string, text: string): NoiseKeyPair {
  const pair = text.length > MAX_FILE_LENGTH ? undefined : pairIn(text);
  if (pair === undefined) {
    throw noiseError(
      'P2P_ERR_KEY_FILE',
      `${describe(file)} has no X25519 key in PEM: it is damaged, or another file`,
    );
  }
  const named = PUBLIC_KEY_LINE.exec(text)?.[1]?.trim();
  if (named === undefined || named === pair.publicKey.toString('hex')) return pair;
  throw noiseError(
    'P2P_ERR_KEY_FILE',
    `${describe(file)} is damaged: its key is not the one that its first line names`,
  );
}

/** Without the error of OpenSSL, which could quote the file. */
function pairIn(text: string): NoiseKeyPair | undefined {
  try {
    return keyPairOf(createPrivateKey(text));
  } catch {
    return undefined;
  }
}

/**
 * Makes the key and its file. The file gets its name when it is complete, by a link, which only one process can make:
 * those that come later load what the first has made.
 */
async function create(file: string): Promise<NoiseKeyPair> {
  const pair = generateKeyPair();
  const draft = `${file}.${process.pid}-${randomBytes(6).toString('hex')}.new`;
  const handle = await open(draft, 'wx', MODE);
  try {
    try {
      await handle.writeFile(`public key: ${pair.publicKey.toString('hex')}\n${pemOf(pair)}`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await link(draft, file);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
    const loaded = await load(file);
    if (loaded !== undefined) return loaded;
    throw error; // it was there, and is gone again
  } finally {
    await unlink(draft);
  }
  await syncFolder(dirname(file));
  return pair;
}

/** Has the name of the file survive a power failure, where the system can do that. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    // Windows cannot, and some network file systems cannot.
  }
}

function hasCode(error: unknown, code: string): boolean {
  return readData(error, 'code') === code;
}
