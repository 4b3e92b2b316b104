import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { connect as secure } from 'node:tls';
import nodemailer from 'nodemailer';
import { against, example, exchange, until, within } from './harness.mjs';

describe(against('smtp', 'nodemailer'), () => {
  const folder = mkdtempSync(join(tmpdir(), 'gallery-'));
  after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'ca.pem');
  const server = example('smtp', folder, file);

  const mails = () => server.output.slice(1).map((line) => JSON.parse(line));
  const contentOf = ({ name }) => readFileSync(name, 'latin1');

  function transport(t, options = {}) {
    const tls = { ca: readFileSync(file), servername: '' };
    const made = nodemailer.createTransport({
      host: server.host,
      port: server.port,
      requireTLS: true,
      tls,
      ...options,
    });
    t.after(() => made.close());
    return made;
  }

  test('a mail arrives encrypted, byte for byte, with lines that begin with dots', async (t) => {
    const before = mails().length;
    const raw = ['Subject: dots', '', '.', '..', '.one', 'grüße', '', '. ', ''].join('\r\n');
    const to = ['ann@example.test', 'Bob@example.test'];
    const sent = await transport(t).sendMail({ envelope: { from: 'carol@example.com', to }, raw });
    assert.deepEqual(sent.accepted, to);
    const [mail] = mails().slice(before);
    assert.deepEqual({ ...mail, name: '' }, { name: '', from: 'carol@example.com', to, encrypted: true });
    assert.equal(contentOf(mail), Buffer.from(raw).toString('latin1'));
  });

  test('one in the clear arrives, too, and an empty one', async (t) => {
    const before = mails().length;
    const clear = transport(t, { requireTLS: false, ignoreTLS: true });
    await clear.sendMail({ from: 'carol@example.com', to: 'ann@example.test', text: 'hello' });
    await exchange(server, 'HELO me\r\nMAIL FROM:<>\r\nRCPT TO:<ann@example.test>\r\nDATA\r\n.\r\nQUIT\r\n');
    const [first, second] = mails().slice(before);
    assert.equal(first.encrypted, false);
    assert.match(contentOf(first), /\r\n\r\nhello\r\n$/);
    assert.deepEqual([second.from, contentOf(second)], ['', '']);
  });

  test('a mail with an attachment of 5 MB arrives, and one that is too large is refused', async (t) => {
    const before = mails().length;
    const mail = { from: 'carol@example.com', to: 'ann@example.test', text: 'see below' };
    const attachment = (size) => [{ filename: 'data', content: Buffer.alloc(size, 7) }];
    await transport(t).sendMail({ ...mail, attachments: attachment(5_000_000) });
    assert.ok(contentOf(mails()[before]).length > 5_000_000);
    await assert.rejects(transport(t).sendMail({ ...mail, attachments: attachment(9_000_000) }), {
      responseCode: 552,
    });
  });

  test('twenty mails go over three connections', async (t) => {
    const before = mails().length;
    const pool = transport(t, { pool: true, maxConnections: 3 });
    const all = Array.from({ length: 20 }, (_, index) =>
      pool.sendMail({ from: 'carol@example.com', to: 'ann@example.test', text: `number ${index}` }),
    );
    await within('all mails', Promise.all(all));
    assert.equal(mails().length, before + 20);
  });

  test('another domain is refused, with the others the mail goes out', async (t) => {
    const to = ['ann@example.test', 'bob@example.com'];
    const sent = await transport(t).sendMail({ from: 'carol@example.com', to, text: 'hello' });
    assert.deepEqual(sent.rejected, ['bob@example.com']);
    await assert.rejects(transport(t).sendMail({ from: 'a@b.c', to: 'bob@example.com' }), {
      responseCode: 550,
    });
  });

  test('commands and content may come in one packet', async () => {
    const before = mails().length;
    const commands = [
      'EHLO me',
      'MAIL FROM:<a@b.c>',
      'RCPT TO:<ann@example.test>',
      'DATA',
      'QUIT',
      '..',
      '.',
      'NOOP',
      'QUIT',
    ];
    const received = String(await exchange(server, commands.map((line) => `${line}\r\n`).join('')));
    const codes = received
      .trimEnd()
      .split('\r\n')
      .filter((line) => line[3] === ' ');
    assert.deepEqual(
      codes.map((line) => line.slice(0, 3)),
      ['220', '250', '250', '250', '354', '250', '250', '221'],
    );
    assert.equal(contentOf(mails()[before]), 'QUIT\r\n.\r\n');
  });

  test('a dot between lone line feeds does not end a mail', async () => {
    const before = mails().length;
    const start = 'EHLO me\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<ann@example.test>\r\nDATA\r\n';
    const smuggled = 'text\n.\nMAIL FROM:<evil@b.c>\r\n.\r\nQUIT\r\n';
    await exchange(server, start + smuggled);
    assert.deepEqual(
      mails()
        .slice(before)
        .map(({ from }) => from),
      ['a@b.c'],
    );
    assert.equal(contentOf(mails()[before]), 'text\n.\nMAIL FROM:<evil@b.c>\r\n');
  });

  test('commands that came in the clear with STARTTLS are never followed', async () => {
    const before = mails().length;
    const injected = 'EHLO evil\r\nMAIL FROM:<evil@b.c>\r\nRCPT TO:<ann@example.test>\r\nDATA\r\nx\r\n.\r\n';
    const received = String(await exchange(server, `EHLO me\r\nSTARTTLS\r\n${injected}`));
    assert.match(received, /\r\n220 go ahead\r\n[^2]*$/);
    assert.equal(mails().length, before);
  });

  test('after STARTTLS the client has to say again who it is', async (t) => {
    const socket = connect(server.port, server.host);
    t.after(() => socket.destroy());
    const reply = async () => String((await within('a reply', once(socket, 'data')))[0]);
    await reply();
    socket.write('EHLO me\r\n');
    assert.match(await reply(), /250 STARTTLS/);
    socket.write('STARTTLS\r\n');
    assert.equal(await reply(), '220 go ahead\r\n');
    socket.removeAllListeners('data');
    const encrypted = secure({ socket, ca: readFileSync(file), host: server.host });
    await within('the handshake', once(encrypted, 'secureConnect'));
    encrypted.write('MAIL FROM:<a@b.c>\r\nSTARTTLS\r\n');
    let received = '';
    encrypted.on('data', (chunk) => (received += chunk));
    await until('both replies are there', () => received.split('\r\n').length === 3);
    assert.deepEqual(received.split('\r\n').slice(0, 2), [
      '503 first EHLO, then one MAIL',
      '503 it is encrypted',
    ]);
  });

  test('a line that is too long is the last one, and the client is told', async () => {
    const received = String(await exchange(server, `EHLO ${'x'.repeat(2_000)}\r\n`));
    assert.match(received, /\r\n500 [^\r\n]+\r\n$/);
  });

  test('it ends in order, and says so', async (t) => {
    const socket = connect(server.port, server.host);
    t.after(() => socket.destroy());
    const received = [];
    socket.on('data', (chunk) => received.push(String(chunk)));
    await once(socket, 'data');
    const ended = once(socket, 'end');
    assert.equal(await server.stop(), 0);
    await within('the end', ended);
    assert.match(received.join(''), /421 mail\.example\.test closes\r\n$/);
  });
});
