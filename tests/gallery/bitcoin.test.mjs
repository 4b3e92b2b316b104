import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { missingBtcd, startBtcd, VERSION } from './btcd.mjs';
import { exchange, start, until } from './harness.mjs';

describe(`bitcoin against btcd ${VERSION}`, { skip: missingBtcd ?? false }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'gallery-'));
  after(() => rmSync(folder, { recursive: true }));
  const folderOf = () => mkdtempSync(join(folder, 'btcd-'));

  async function peer(t, ...addresses) {
    const made = await start('bitcoin', ...addresses);
    t.after(() => made.child.kill('SIGKILL'));
    return made;
  }

  const heightOf = ({ output }) => output.at(-1);
  const tipOf = async (btcd) => {
    const { height, hash } = await btcd.call('getbestblock');
    return `height ${height} ${hash}`;
  };
  const follows = (made, btcd) => until('it follows', async () => heightOf(made) === (await tipOf(btcd)));

  test('it fetches the headers that there are, in several messages, and each that is new', async (t) => {
    const btcd = await startBtcd(t, folderOf());
    await btcd.call('generate', 2_100);
    const own = await peer(t, `127.0.0.1:${btcd.port}`);
    await follows(own, btcd);
    await btcd.call('generate', 3);
    await follows(own, btcd);
    assert.match(btcd.output(), /New valid peer .* \(inbound\) \(\/pea2pea:0\.1\.0\/\)/);
    assert.equal(await own.stop(), 0);
    assert.deepEqual(own.errors, []);
  });

  test('what it learns it hands on to those who asked, and to those who come later', async (t) => {
    const btcd = await startBtcd(t, folderOf());
    const own = await peer(t, `127.0.0.1:${btcd.port}`);
    const follower = await peer(t, `127.0.0.1:${own.port}`);
    await btcd.call('generate', 5);
    await follows(own, btcd);
    await follows(follower, btcd);
    await follows(await peer(t, `127.0.0.1:${follower.port}`), btcd);
  });

  test('a longer branch replaces its own', async (t) => {
    const [short, long] = [await startBtcd(t, folderOf()), await startBtcd(t, folderOf())];
    await short.call('generate', 2);
    const own = await peer(t, `127.0.0.1:${short.port}`);
    await follows(own, short);
    await long.call('generate', 4);
    const other = await peer(t, `127.0.0.1:${long.port}`, `127.0.0.1:${own.port}`);
    await follows(other, long);
    await follows(own, long);
  });

  test('another network, a wrong checksum and a message before the version end the connection', async (t) => {
    const own = await peer(t);
    const message = (magic, command, payload, checksum = sha256(sha256(payload)).subarray(0, 4)) => {
      const head = Buffer.alloc(16);
      Buffer.from(magic, 'hex').copy(head);
      head.write(command, 4);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(payload.length);
      return Buffer.concat([head, length, checksum, payload]);
    };
    const version = Buffer.alloc(86);
    for (const bytes of [
      message('f9beb4d9', 'version', version),
      message('fabfb5da', 'version', version, Buffer.alloc(4)),
      message('fabfb5da', 'ping', Buffer.alloc(8)),
    ]) {
      assert.equal((await exchange(own, bytes)).length, 0);
    }
  });
});

const sha256 = (bytes) => createHash('sha256').update(bytes).digest();
