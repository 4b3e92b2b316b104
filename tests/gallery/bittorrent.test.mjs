import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { exchange, freePort, start, until, within } from './harness.mjs';

const [, version] =
  /^aria2 version (\S+)/.exec(spawnSync('aria2c', ['--version'], { encoding: 'utf8' }).stdout ?? '') ?? [];
const skip = version === undefined ? 'aria2 is not installed: npm run gallery -- --apt' : false;

/** A few pieces, and a last one that is shorter, in blocks and in pieces. */
const DATA = Buffer.from(Array.from({ length: 500_001 }, (_, index) => (index * 7 + (index >> 9)) & 255));

describe(`bittorrent against aria2 ${version ?? ''}`.trim(), { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'gallery-'));
  after(() => rmSync(folder, { recursive: true }));
  const [torrent, file] = [join(folder, 'data.torrent'), join(folder, 'data')];
  writeFileSync(file, DATA);

  async function peer(t, ...args) {
    const made = await start('bittorrent', ...args);
    t.after(() => made.child.kill('SIGKILL'));
    return made;
  }

  /** aria2, which finds whom the tracker names. */
  function aria2(t, dir, tracker, ...more) {
    const args = [
      ...[
        '--no-conf',
        '--enable-dht=false',
        '--enable-dht6=false',
        '--bt-enable-lpd=false',
        '--enable-peer-exchange=false',
      ],
      ...[
        '--bt-exclude-tracker=*',
        `--bt-tracker=${tracker}`,
        `--dir=${dir}`,
        '--file-allocation=none',
        ...more,
        torrent,
      ],
    ];
    const child = spawn('aria2c', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    t.after(() => child.kill('SIGKILL'));
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    return { child, closed: once(child, 'close'), output: () => output };
  }

  /** A tracker that names one peer, on the loopback. */
  async function tracker(t, port) {
    const peers = Buffer.from([127, 0, 0, 1, port >> 8, port & 255]);
    const reply = Buffer.concat([Buffer.from('d8:intervali5e5:peers6:'), peers, Buffer.from('e')]);
    const server = createServer((_request, response) => response.end(reply)).listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    return `http://127.0.0.1:${server.address().port}/announce`;
  }

  test('aria2 downloads what it seeds', async (t) => {
    const seeder = await peer(t, torrent, file);
    assert.match(seeder.output[0], /pieces: 8 of 8$/);
    const dir = join(folder, 'downloaded');
    const { closed, output } = aria2(
      t,
      dir,
      await tracker(t, seeder.port),
      '--seed-time=0',
      `--listen-port=${await freePort()}`,
    );
    const [code] = await within('the download', closed, 60_000);
    assert.equal(code, 0, output());
    assert.ok(readFileSync(join(dir, 'data')).equals(DATA));
    assert.equal(await seeder.stop(), 0);
    // aria2 tries its encryption first, which this peer does not have, and then dials once more.
    assert.deepEqual(
      seeder.errors.filter((line) => !line.includes('in the clear')),
      [],
    );
  });

  test('it downloads what aria2 seeds, and goes on where it was', async (t) => {
    const port = await freePort();
    const dir = join(folder, 'seed');
    mkdirSync(dir);
    writeFileSync(join(dir, 'data'), DATA);
    const options = [
      '--check-integrity=true',
      '--seed-ratio=0',
      `--listen-port=${port}`,
      '--bt-seed-unverified=false',
    ];
    const seeder = aria2(t, dir, await tracker(t, port), ...options);
    await until('aria2 listens', () => accepts(port));
    const copy = join(folder, 'copy');
    writeFileSync(copy, Buffer.concat([DATA.subarray(0, 100_000), Buffer.alloc(400_001)]));
    const leecher = await peer(t, torrent, copy, `127.0.0.1:${port}`);
    assert.match(leecher.output[0], /pieces: 1 of 8$/);
    await until(`the download is complete\n${seeder.output()}`, () => leecher.output.includes('complete'));
    assert.equal(await leecher.stop(), 0);
    assert.ok(readFileSync(copy).equals(DATA));
    assert.deepEqual(leecher.errors, []);
  });

  test('a third one downloads from two', async (t) => {
    const seeders = [await peer(t, torrent, file), await peer(t, torrent, file)];
    const copy = join(folder, 'second');
    const leecher = await peer(t, torrent, copy, ...seeders.map(({ port }) => `127.0.0.1:${port}`));
    await until('the download is complete', () => leecher.output.includes('complete'));
    assert.equal(await leecher.stop(), 0);
    assert.ok(readFileSync(copy).equals(DATA));
  });

  test('another torrent, a request of more than there is and a bitfield of another length end the connection', async (t) => {
    const seeder = await peer(t, torrent, file);
    const metainfo = readFileSync(torrent);
    const info = metainfo.subarray(metainfo.indexOf('4:info') + '4:info'.length, -1);
    const hash = createHash('sha1').update(info).digest();
    const greeting = Buffer.concat([
      Buffer.from('\x13BitTorrent protocol\0\0\0\0\0\0\0\0', 'latin1'),
      hash,
      Buffer.alloc(20, 65),
    ]);
    const bytes = (hex) => Buffer.concat([greeting, Buffer.from(hex.replaceAll(' ', ''), 'hex')]);
    const own = 68 + 6;
    assert.equal((await exchange(seeder, Buffer.alloc(68, 1))).length, 0);
    const request = '00000001 02 0000000d 06 00000000 00000000 00010001';
    assert.equal((await exchange(seeder, bytes(request))).length, own + 5); // and an unchoke
    assert.equal((await exchange(seeder, bytes('00000003 05 ffff'))).length, own);
    assert.equal((await exchange(seeder, bytes('00000005 04 00000008'))).length, own);
  });
});

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true) || socket.destroy());
    socket.on('error', () => resolve(false));
  });
}
