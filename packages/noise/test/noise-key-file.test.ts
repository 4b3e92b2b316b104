import { execFileSync, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';
import { generateKeyPair, loadOrCreateKey, publicKeyOf } from '@pea2pea/noise';

const folder = mkdtempSync(join(tmpdir(), 'noise-keys-'));
afterAll(() => rmSync(folder, { recursive: true }));
let last = 0;
const newName = (): string => join(folder, `key-${++last}`);

function fileWith(content: string | Buffer, mode = 0o600): string {
  const file = newName();
  writeFileSync(file, content);
  chmodSync(file, mode);
  return file;
}

const pem = (type: 'x25519' | 'ed25519'): string =>
  generateKeyPairSync(type as 'x25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;

describe('loadOrCreateKey', () => {
  it('makes a key and its file, for the owner alone, and finds the same key there again', async () => {
    const file = newName();
    const made = await loadOrCreateKey(file);
    expect(publicKeyOf(made.privateKey)).toEqual(made.publicKey);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'latin1')).toMatch(
      new RegExp(`^public key: ${made.publicKey.toString('hex')}\n-----BEGIN PRIVATE KEY-----\n`),
    );
    expect(await loadOrCreateKey(file)).toEqual(made);
    expect(readdirSync(folder).filter((name) => name.endsWith('.new'))).toEqual([]);
  });

  it('gives callers that come at the same time one key', async () => {
    const file = newName();
    const keys = await Promise.all(Array.from({ length: 20 }, () => loadOrCreateKey(file)));
    expect(new Set(keys.map(({ publicKey }) => publicKey.toString('hex'))).size).toBe(1);
  });

  it('gives processes that start at the same time one key', async () => {
    const file = newName();
    const entry = fileURLToPath(new URL('../dist/index.js', import.meta.url));
    const program = `
      const { loadOrCreateKey } = await import(${JSON.stringify(entry)});
      process.stdin.once('data', async () => {
        console.log((await loadOrCreateKey(${JSON.stringify(file)})).publicKey.toString('hex'));
        process.exit();
      });
      console.log('ready');`;
    const children = Array.from({ length: 4 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    const said = children.map(() => '');
    for (const [index, { stdout }] of children.entries())
      stdout.on('data', (chunk) => (said[index] += String(chunk)));
    await Promise.all(children.map(({ stdout }) => once(stdout, 'data')));
    for (const { stdin } of children) stdin.write('go');
    await Promise.all(children.map((child) => once(child, 'exit')));
    const keys = said.map((text) => text.split('\n')[1]);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[\da-f]{64}$/);
  }, 30_000);

  it('takes the file of OpenSSL, which does not name the public key', async () => {
    const file = newName();
    execFileSync('openssl', ['genpkey', '-algorithm', 'X25519', '-out', file]);
    chmodSync(file, 0o600);
    const { publicKey, privateKey } = await loadOrCreateKey(file);
    expect(publicKeyOf(privateKey)).toEqual(publicKey);
  });

  it('takes a file that its owner can only read', async () => {
    const file = newName();
    const made = await loadOrCreateKey(file);
    chmodSync(file, 0o400);
    expect(await loadOrCreateKey(file)).toEqual(made);
  });

  it.each([0o644, 0o640, 0o604, 0o622, 0o610])('refuses a file with the permissions %o', async (mode) => {
    const file = fileWith(pem('x25519'), mode);
    await expect(loadOrCreateKey(file)).rejects.toMatchObject({
      code: 'P2P_ERR_KEY_FILE',
      message: expect.stringMatching(`\\(mode ${mode.toString(8)}\\); run .chmod 600. on it`),
    });
  });

  const good = pem('x25519');
  it.each<[string, string | Buffer]>([
    ['an empty file', ''],
    ['half a file', good.slice(0, good.length / 2)],
    ['a file without its end', good.replace(/-----END.*/, '')],
    ['a changed letter', good.replace('MC4C', 'MC4D')],
    ['another kind of key', pem('ed25519')],
    ['32 bytes', generateKeyPair().privateKey],
    ['a large file', Buffer.alloc(1_000_000, 'x')],
    ['a key after a lot of text', `${'x\n'.repeat(20_000)}${good}`],
    ['the name of another public key', `public key: ${generateKeyPair().publicKey.toString('hex')}\n${good}`],
  ])('refuses %s, leaves it as it is, and says nothing of what is in it', async (_what, content) => {
    const file = fileWith(content);
    const error: Error = await loadOrCreateKey(file).then(String as never, (thrown: Error) => thrown);
    expect(error).toMatchObject({ code: 'P2P_ERR_KEY_FILE', message: expect.stringContaining(file) });
    expect(`${error.message}${String(error.cause)}`).not.toContain(good.split('\n')[1]);
    expect(readFileSync(file)).toEqual(Buffer.from(content));
  });

  it.each<[string, () => string, string]>([
    ['in a folder that is missing', () => join(newName(), 'key'), 'ENOENT'],
    [
      'that is a folder',
      () => (mkdirSync(join(folder, 'sub'), { mode: 0o700 }), join(folder, 'sub')),
      'EISDIR',
    ],
    ['in a file', () => join(fileWith('x'), 'key'), 'ENOTDIR'],
  ])('fails with the error of the system for a file %s', async (_where, make, code) => {
    await expect(loadOrCreateKey(make())).rejects.toMatchObject({
      code: 'P2P_ERR_KEY_FILE',
      cause: { code },
    });
  });

  it.each([[''], [undefined], [7], [new URL('file:///key')]])(
    'must be given a path: %p is refused',
    async (file) => {
      await expect(loadOrCreateKey(file as string)).rejects.toMatchObject({ code: 'P2P_ERR_INVALID_CONFIG' });
    },
  );
});
