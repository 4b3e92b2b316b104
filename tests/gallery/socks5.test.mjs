import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';
import { SocksClient } from 'socks';
import { against, example, exchange, within } from './harness.mjs';

describe(against('socks5', 'socks'), () => {
  const server = example('socks5');

  /** A server that does with each connection what `handle` says; it lets clients end their half. */
  async function destination(t, handle) {
    const made = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {});
      handle(socket);
    }).listen(0, '127.0.0.1');
    t.after(() => made.close());
    await once(made, 'listening');
    return made.address().port;
  }

  async function through(t, host, port, credentials = { userId: 'ann', password: 'secret' }) {
    const proxy = { host: server.host, port: server.port, type: 5, ...credentials };
    const { socket } = await SocksClient.createConnection({
      proxy,
      command: 'connect',
      destination: { host, port },
    });
    t.after(() => socket.destroy());
    socket.on('error', () => {});
    socket.resume();
    return socket;
  }

  test('bytes go both ways, to an address and to a name', async (t) => {
    const port = await destination(t, (socket) => socket.pipe(socket));
    for (const host of ['127.0.0.1', 'localhost']) {
      const socket = await through(t, host, port);
      const echoed = once(socket, 'data');
      socket.write('hello');
      assert.equal(String((await within('the echo', echoed))[0]), 'hello');
    }
  });

  test('an end is passed on with all before it, and the reply comes after it', async (t) => {
    const sizes = [];
    const port = await destination(t, async (socket) => {
      const all = await collect(socket);
      sizes.push(all.length);
      socket.end(`got ${all.length}`);
    });
    const socket = await through(t, '127.0.0.1', port);
    const reply = collect(socket);
    socket.end(Buffer.alloc(2_000_000, 1));
    assert.equal(String(await within('the reply', reply)), 'got 2000000');
    assert.deepEqual(sizes, [2_000_000]);
  });

  test('the end of a destination is passed on, and what the client says after it', async (t) => {
    const heard = {};
    const port = await destination(t, (socket) => {
      socket.end('bye');
      heard.all = collect(socket);
    });
    const socket = await through(t, '127.0.0.1', port);
    socket.allowHalfOpen = true;
    assert.equal(String(await within('the end', collect(socket))), 'bye');
    socket.end('after it');
    assert.equal(String(await within('what was said', heard.all)), 'after it');
  });

  test('five connections to one destination at once', async (t) => {
    const port = await destination(t, (socket) => socket.pipe(socket));
    const sockets = await Promise.all(Array.from({ length: 5 }, () => through(t, '127.0.0.1', port)));
    const echoes = sockets.map((socket, index) => {
      const echoed = once(socket, 'data');
      socket.write(`number ${index}`);
      return echoed;
    });
    const all = await within('the echoes', Promise.all(echoes));
    assert.deepEqual(
      all.map(([data]) => String(data)),
      all.map((_, index) => `number ${index}`),
    );
  });

  test('a reset of the destination ends the connection of the client', async (t) => {
    const port = await destination(t, (socket) => socket.once('data', () => socket.resetAndDestroy()));
    const socket = await through(t, '127.0.0.1', port);
    const closed = once(socket, 'close');
    socket.write('x');
    await within('the end', closed);
  });

  test('a wrong password, nobody there and a name that does not exist have replies of their own', async (t) => {
    const nobody = await destination(t, () => {});
    await assert.rejects(
      through(t, '127.0.0.1', nobody, { userId: 'ann', password: 'x' }),
      /Authentication failed/,
    );
    await assert.rejects(through(t, '127.0.0.1', nobody, {}), /no accepted authentication type/i);
    await assert.rejects(through(t, '127.0.0.1', 1), /ConnectionRefused/);
    await assert.rejects(through(t, 'nobody.invalid', 80), /HostUnreachable/);
  });

  test('what is not supported is said so', async () => {
    const login = Buffer.from('050102' + '0103616e6e06736563726574', 'hex');
    const request = async (hex) => {
      const received = await exchange(server, Buffer.concat([login, Buffer.from(hex, 'hex')]));
      return received[5];
    };
    assert.equal(await request('050200017f0000010050'), 7); // BIND
    assert.equal(await request('050100090000000000000000'), 8); // an address of a type that there is not
    const [version] = await exchange(server, Buffer.from('0401', 'hex'));
    assert.equal(version, undefined); // SOCKS4 has no reply for that
  });

  test('it ends in order', async (t) => {
    const port = await destination(t, (socket) => socket.pipe(socket));
    const socket = await through(t, '127.0.0.1', port);
    const ended = once(socket, 'end');
    assert.equal(await server.stop(), 0);
    await within('the end', ended);
  });
});

/** All until the end, which leaves the other half alone: the consumers of node:stream would destroy the socket. */
function collect(socket) {
  const chunks = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    socket.on('end', () => resolve(Buffer.concat(chunks)));
    socket.on('error', reject);
  });
}
