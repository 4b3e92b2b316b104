import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fileStore, memoryStore, type Store } from '@pea2pea/network';
import { peerErrorOf } from '@pea2pea/testing';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'store-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});
const path = () => join(folder, 'book.json');

describe.each<[string, () => Store]>([
  ['memory', memoryStore],
  ['a file', () => fileStore(path())],
])('a store in %s', (_name, open) => {
  it('has nothing before the first save, and then what was saved last', async () => {
    const store = open();
    expect(await store.load()).toBeUndefined();
    await store.save({ a: 1 });
    await store.save({ a: [2, 'ü'] });
    expect(await store.load()).toEqual({ a: [2, 'ü'] });
  });
});

describe('a store in a file', () => {
  it('is for its owner alone', async () => {
    await fileStore(path()).save({});
    if (process.platform !== 'win32') expect((await stat(path())).mode & 0o777).toBe(0o600);
  });

  it('returns the old version after a crash in the middle of a save, and removes its draft', async () => {
    const store = fileStore(path());
    await store.save({ version: 'old' });
    await writeFile(`${path()}.0123456789ab.draft`, '{"version":"ne');
    expect(await store.load()).toEqual({ version: 'old' });
    expect(await readdir(folder)).toEqual(['book.json']);
  });

  it('moves a damaged file aside and begins anew', async () => {
    await writeFile(path(), '{"version":');
    const store = fileStore(path());
    expect(await store.load()).toBeUndefined();
    expect(await readFile(`${path()}.damaged`, 'utf8')).toBe('{"version":');
    await store.save({ version: 'new' });
    expect(await store.load()).toEqual({ version: 'new' });
  });

  it('tells what it cannot do, and leaves no draft', async () => {
    const nowhere = fileStore(join(folder, 'nowhere', 'book.json'));
    await peerErrorOf('P2P_ERR_STORE_FILE', () => nowhere.load());
    await peerErrorOf('P2P_ERR_STORE_FILE', () => nowhere.save({}));
    await mkdir(path());
    await peerErrorOf('P2P_ERR_STORE_FILE', () => fileStore(path()).save({}));
    await peerErrorOf('P2P_ERR_STORE_FILE', () => fileStore(path()).load());
    expect(await readdir(folder)).toEqual(['book.json']);
  });

  it('needs a path', async () => {
    await peerErrorOf('P2P_ERR_INVALID_CONFIG', () => fileStore(''));
  });
});
