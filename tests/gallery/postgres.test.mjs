import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import pg from 'pg';
import { against, example, exchange, within } from './harness.mjs';

describe(against('postgres', 'pg'), () => {
  const folder = mkdtempSync(join(tmpdir(), 'gallery-'));
  after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'ca.pem');
  const server = example('postgres', file);

  const config = () => ({
    host: server.host,
    port: server.port,
    user: 'ann',
    password: 'secret',
    ssl: { ca: readFileSync(file, 'utf8') },
  });

  async function client(t, more = {}) {
    const made = new pg.Client({ ...config(), ...more });
    made.on('error', () => {});
    t.after(() => made.end().catch(() => {}));
    await within('the login', made.connect());
    return made;
  }

  test('the certificate is verified, and who is connected can be asked', async (t) => {
    const ann = await client(t);
    const { rows, fields } = await ann.query('SELECT * FROM connections;');
    assert.deepEqual(
      fields.map(({ name }) => name),
      ['id', 'address', 'user'],
    );
    assert.deepEqual(
      rows.map(({ user }) => user),
      ['ann'],
    );
  });

  test('parameters come back, NULL and umlauts among them', async (t) => {
    const ann = await client(t);
    const { rows } = await ann.query({
      text: 'select $2, $1, $3',
      values: ['grüße', null, 7],
      rowMode: 'array',
    });
    assert.deepEqual(rows, [[null, 'grüße', '7']]);
  });

  test('a statement with a name is prepared once, and run often', async (t) => {
    const ann = await client(t);
    for (const value of ['one', 'two']) {
      const { rows } = await ann.query({
        name: 'echo',
        text: 'select $1',
        values: [value],
        rowMode: 'array',
      });
      assert.deepEqual(rows, [[value]]);
    }
  });

  test('several statements in one query have several results, and none has one', async (t) => {
    const ann = await client(t);
    const results = await ann.query('select * from connections; select * from connections');
    assert.deepEqual(
      results.map(({ rowCount }) => rowCount),
      [1, 1],
    );
    assert.equal((await ann.query('')).rowCount, null);
  });

  test('an error has its SQLSTATE, in both protocols, and the connection lives', async (t) => {
    const ann = await client(t);
    await assert.rejects(ann.query('select nonsense'), { code: '42601' });
    await assert.rejects(ann.query('select nonsense $1', [1]), { code: '42601' });
    await assert.rejects(ann.query('select $2', [1]), { code: '42P02' });
    await assert.rejects(ann.query('select $1', [Buffer.from('x')]), { code: '0A000' });
    assert.equal((await ann.query('select $1', ['after'])).rowCount, 1);
  });

  test('a pool of ten connections serves a hundred queries', async (t) => {
    const pool = new pg.Pool({ ...config(), max: 10 });
    t.after(() => pool.end());
    const all = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        pool.query({ text: 'select $1', values: [index], rowMode: 'array' }),
      ),
    );
    assert.deepEqual(
      all.map(({ rows }) => rows[0][0]),
      all.map((_, index) => String(index)),
    );
  });

  test('a wrong password, an unknown user and a connection in the clear are refused', async (t) => {
    await assert.rejects(client(t, { password: 'wrong' }), { code: '28P01' });
    await assert.rejects(client(t, { user: 'bob' }), { code: '28P01' });
    await assert.rejects(client(t, { ssl: false }), { code: '28000' });
    await assert.rejects(client(t, { ssl: { ca: [] } }), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  });

  test('what is sent in the clear behind the request for encryption never counts', async () => {
    const request = Buffer.from('0000000804d2162f', 'hex');
    const start = Buffer.from('\0\0\0\x12\0\x03\0\0user\0ann\0\0', 'latin1');
    const received = await exchange(server, Buffer.concat([request, start]));
    assert.doesNotMatch(String(received), /R\0\0\0/); // no AuthenticationCleartextPassword
  });

  test('encryption by GSS is declined, and what has no sense ends the connection', async (t) => {
    const socket = connect(server.port, server.host);
    t.after(() => socket.destroy());
    socket.write(Buffer.from('0000000804d21630', 'hex'));
    assert.equal(String((await within('the reply', once(socket, 'data')))[0]), 'N');
    const ended = once(socket, 'close');
    socket.on('error', () => {});
    socket.write(Buffer.alloc(8, 0xff));
    await within('the end', ended);
  });

  test('it ends in order, and clients know why', async (t) => {
    const ann = await client(t);
    const failed = once(ann, 'error');
    assert.equal(await server.stop(), 0);
    const [error] = await within('the error', failed);
    assert.equal(error.code, '57P01');
    assert.deepEqual(
      server.errors.filter((line) => !/handshake/.test(line)),
      [],
    );
  });
});
