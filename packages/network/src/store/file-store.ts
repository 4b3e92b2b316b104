import { randomBytes } from 'node:crypto';
import { open, readdir, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe, readData, requireString } from '@pea2pea/core/authoring';
import { networkError } from '../shared/errors.js';
import type { Store } from './store.js';

/** For its owner alone: an address book says which peers its node talks to, and holds the secret of its buckets. */
const MODE = 0o600;
/** Far more than a full book has. */
const MAX_FILE_LENGTH = 64 * 1_024 * 1_024;

/** What a draft is called: `<file>.<12 hexadecimal digits>.draft`. */
const DRAFT = /\.[\da-f]{12}\.draft$/;

/**
 * Keeps data in a file, as JSON. A new version is written beside it, flushed to the disk, and given its name: whenever the process
 * or the machine stops, the file is the old version or the new one, and never a part.
 *
 * note: one process at a time: of two, the one that saves last wins.
 * note: a file that is not JSON is moved to `<file>.damaged`, and `load` returns undefined.
 * note: drafts that a crash has left are removed by `load`.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when `file` is not a path; its methods P2P_ERR_STORE_FILE
 */
export function fileStore(file: string): Store {
  requireString('file', file);
  return {
    load: () => orExplain('read', file, () => load(file)),
    save: (data) => orExplain('written', file, () => save(file, JSON.stringify(data))),
  };
}

async function load(file: string): Promise<unknown> {
  await removeDrafts(file);
  const text = await read(file);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    await rename(file, `${file}.damaged`);
    return undefined;
  }
}

/** Undefined where there is no file. */
async function read(file: string): Promise<string | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    if (readData(error, 'code') === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { size } = await handle.stat();
    if (size > MAX_FILE_LENGTH) {
      const what = `${describe(file)} has ${size} bytes, and ${MAX_FILE_LENGTH} are the most`;
      throw networkError('P2P_ERR_STORE_FILE', what);
    }
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

async function save(file: string, text: string): Promise<void> {
  const draft = `${file}.${randomBytes(6).toString('hex')}.draft`;
  try {
    const handle = await open(draft, 'wx', MODE);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await syncFolder(dirname(file));
}

/** Has the name survive a power failure, where the system can do that: Windows and some network file systems cannot. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    // The rename is done; it may be lost by a power failure, which leaves the old version.
  }
}

async function removeDrafts(file: string): Promise<void> {
  const folder = dirname(file);
  for (const name of await readdir(folder)) {
    const isOurs = name.startsWith(`${basename(file)}.`) && DRAFT.test(name);
    if (isOurs) await rm(join(folder, name), { force: true });
  }
}

async function orExplain<T>(done: 'read' | 'written', file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (readData(cause, 'code') === 'P2P_ERR_STORE_FILE') throw cause;
    const what = `${describe(file)} cannot be ${done}: ${describe(cause)}`;
    throw networkError('P2P_ERR_STORE_FILE', what, { cause });
  }
}
