import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import WebSocket, { WebSocketServer } from 'ws';
import { browser, missingBrowser } from './chromium.mjs';
import { against, example, exchange, start, until, within } from './harness.mjs';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

describe(against('websocket', 'ws'), () => {
  const server = example('websocket');

  async function visitor(t, options) {
    const socket = new WebSocket(`ws://${server.host}:${server.port}/`, options);
    t.after(() => socket.terminate());
    await within('the connection', once(socket, 'open'));
    return socket;
  }

  async function next(socket) {
    const [data, isBinary] = await within('a message', once(socket, 'message'));
    return isBinary ? data : String(data);
  }

  test('a text reaches the others, and so do bytes', async (t) => {
    const [ann, bob] = [await visitor(t), await visitor(t)];
    let heard = next(bob);
    ann.send('grüße 👋');
    assert.equal(await heard, 'grüße 👋');
    heard = next(ann);
    bob.send(Buffer.from([0, 255]));
    assert.deepEqual(await heard, Buffer.from([0, 255]));
  });

  test('each of the three forms of a length arrives whole', async (t) => {
    const [ann, bob] = [await visitor(t), await visitor(t, { perMessageDeflate: false })];
    for (const length of [0, 125, 126, 65_535, 65_536]) {
      const heard = next(bob);
      ann.send('x'.repeat(length));
      assert.equal((await heard).length, length);
    }
  });

  test('a message in pieces arrives as one, with a ping between them', async (t) => {
    const [ann, bob] = [await visitor(t), await visitor(t)];
    const [heard, pong] = [next(bob), once(ann, 'pong')];
    ann.send('one ', { fin: false });
    ann.ping('between');
    ann.send('two ', { fin: false });
    ann.send('three', { fin: true });
    assert.equal(String((await within('the pong', pong))[0]), 'between');
    assert.equal(await heard, 'one two three');
  });

  test('a close is replied to with its code', async (t) => {
    const ann = await visitor(t);
    const closed = once(ann, 'close');
    ann.close(4_001, 'enough');
    const [code] = await within('the close', closed);
    assert.equal(code, 4_001);
  });

  test('who breaks the protocol is told so by the code of the close', async () => {
    const upgrade = `GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`;
    const codeOf = async (...frame) => {
      const received = await exchange(server, Buffer.concat([Buffer.from(upgrade), Buffer.from(frame)]));
      const at = received.indexOf('\r\n\r\n') + 4;
      assert.match(String(received), /Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
      assert.equal(received[at], 0x88);
      return received.readUInt16BE(at + 2);
    };
    assert.equal(await codeOf(0x81, 0x01, 0x61), 1_002); // not masked
    assert.equal(await codeOf(0xc1, 0x80, 0, 0, 0, 0), 1_002); // compressed
    assert.equal(await codeOf(0x83, 0x80, 0, 0, 0, 0), 1_002); // an unknown opcode
    assert.equal(await codeOf(0x80, 0x80, 0, 0, 0, 0), 1_002); // a continuation of nothing
    assert.equal(await codeOf(0x09, 0x80, 0, 0, 0, 0), 1_002); // a ping in pieces
    assert.equal(await codeOf(0x81, 0x81, 0, 0, 0, 0, 0xff), 1_007); // not UTF-8
    assert.equal(await codeOf(0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0), 1_009); // 4 GiB
    assert.equal(await codeOf(0x88, 0x82, 0, 0, 0, 0, 0x03, 0xed), 1_002); // 1005 is not for the wire
  });

  test('what is no request for a WebSocket gets a reply in HTTP', async () => {
    const url = `http://${server.host}:${server.port}`;
    const page = await fetch(url);
    assert.match(await page.text(), /new WebSocket/);
    assert.equal((await fetch(url, { method: 'POST', body: 'x' })).status, 405);
    const statusOf = async (...lines) => {
      const head = [
        'GET / HTTP/1.1',
        'Host: here',
        'Upgrade: websocket',
        'Connection: Upgrade',
        ...lines,
        '',
        '',
      ];
      return String(await exchange(server, head.join('\r\n'))).split('\r\n')[0];
    };
    const version = 'Sec-WebSocket-Version: 13';
    assert.equal(await statusOf('Sec-WebSocket-Version: 8'), 'HTTP/1.1 426 Upgrade Required');
    assert.equal(await statusOf(version, 'Sec-WebSocket-Key: short'), 'HTTP/1.1 400 Bad Request');
    const stranger = [version, `Sec-WebSocket-Key: ${KEY}`, 'Origin: http://elsewhere'];
    assert.equal(await statusOf(...stranger), 'HTTP/1.1 403 Forbidden');
  });

  test('it dials a server of ws, and what is said there reaches its own visitors', async (t) => {
    const other = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    t.after(() => other.close());
    await once(other, 'listening');
    const joined = once(other, 'connection');
    const bridge = await start('websocket', `127.0.0.1:${other.address().port}`);
    t.after(() => bridge.child.kill('SIGKILL'));
    const [socket] = await within('the bridge', joined);
    const ann = new WebSocket(`ws://127.0.0.1:${bridge.port}/`);
    await once(ann, 'open');
    let heard = next(ann);
    socket.send('from afar');
    assert.equal(await heard, 'from afar');
    heard = next(socket);
    ann.send('from here');
    assert.equal(await heard, 'from here');
    const pong = once(socket, 'pong');
    socket.ping();
    await within('the pong', pong);
    const [closed, gone] = [once(ann, 'close'), once(socket, 'close')];
    assert.equal(await bridge.stop(), 0);
    assert.equal((await within('the close', closed))[0], 1_001);
    assert.equal((await within('the close', gone))[0], 1_001);
  });

  test('as a guest of an HTTP server it does the same', async (t) => {
    const guest = await start('websocket', '--http');
    t.after(() => guest.child.kill('SIGKILL'));
    const url = `127.0.0.1:${guest.port}`;
    assert.match(await (await fetch(`http://${url}`)).text(), /new WebSocket/);
    assert.equal((await fetch(`http://${url}`, { method: 'POST', body: 'x' })).status, 405);
    const visitors = [new WebSocket(`ws://${url}/`), new WebSocket(`ws://${url}/`)];
    const [ann, bob] = visitors;
    t.after(() => visitors.forEach((socket) => socket.terminate()));
    await within('both connections', Promise.all(visitors.map((socket) => once(socket, 'open'))));
    const heard = next(bob);
    ann.send('hello');
    assert.equal(await heard, 'hello');
    const stranger = new WebSocket(`ws://${url}/`, { origin: 'http://elsewhere' });
    const [, response] = await within('a refusal', once(stranger, 'unexpected-response'));
    assert.equal(response.statusCode, 403);
    const closed = visitors.map((socket) => once(socket, 'close'));
    assert.equal(await guest.stop(), 0);
    const codes = (await within('both ends', Promise.all(closed))).map(([code]) => code);
    assert.deepEqual(codes, [1_001, 1_001]);
  });

  test('a client that says nothing has no connection', async (t) => {
    const socket = connect(server.port, server.host);
    t.after(() => socket.destroy());
    const ended = once(socket, 'close');
    socket.on('error', () => {});
    await within('the end', ended);
  });

  test('two pages in chromium talk through it, and see it end', { skip: missingBrowser }, async (t) => {
    const chromium = await browser(t);
    const own = await start('websocket');
    t.after(() => own.child.kill('SIGKILL'));
    const url = `http://127.0.0.1:${own.port}/`;
    const [ann, bob] = [await chromium.page(url), await chromium.page(url)];
    for (const page of [ann, bob]) {
      await until('the page is connected', () =>
        page('typeof socket === "object" && socket.readyState === 1'),
      );
    }
    const shown = (page) => page('[...document.querySelectorAll("li")].map((item) => item.textContent)');
    await ann('document.forms[0][0].value = "grüße 👋", document.forms[0].requestSubmit()');
    await until('the text arrives', async () => (await shown(bob)).includes('grüße 👋'));
    await bob('socket.send(new Uint8Array(50_000))');
    await until('the bytes arrive', async () => (await shown(ann)).includes('50000 bytes'));
    assert.deepEqual(own.output.slice(1), ['grüße 👋']);
    assert.equal(await own.stop(), 0);
    await until('the page sees the end', async () => (await shown(bob)).at(-1) === 'closed: 1001 ');
    assert.deepEqual(await shown(ann), ['me: grüße 👋', '50000 bytes', 'closed: 1001 ']);
  });

  test('it ends in order', async (t) => {
    const ann = await visitor(t);
    const closed = once(ann, 'close');
    assert.equal(await server.stop(), 0);
    assert.equal((await within('the close', closed))[0], 1_001);
  });
});
