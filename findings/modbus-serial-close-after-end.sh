#!/usr/bin/env bash
# modbus-serial 8.0.25 (npm): `close()` of a client over TCP returns a promise, or takes a callback. Where the server has ended the
# connection before, neither ever comes to anything: a program that awaits it waits for ever, or ends with exit code 13. Give it
# a deadline. Exits 1 when it behaves differently.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --omit=optional --ignore-scripts modbus-serial@8.0.25 > /dev/null
cat > close.cjs <<'JS'
const { createServer } = require('node:net');
const Modbus = require('modbus-serial');

const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms, 'pending after a second'));

async function close(serverEnds, how) {
  const sockets = [];
  const server = createServer((socket) => sockets.push(socket.on('error', () => {})));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = new Modbus();
  client.on('error', () => {});
  await client.connectTCP('127.0.0.1', { port: server.address().port });
  while (sockets.length === 0) await after(10);
  if (serverEnds) {
    sockets[0].end();
    await new Promise((resolve) => sockets[0].once('close', resolve));
    await after(100);
  }
  const closed = how === 'promise' ? client.close().then(() => 'settled') : new Promise((resolve) => client.close(() => resolve('called')));
  const outcome = await Promise.race([closed, after(1_000)]);
  server.close();
  sockets[0].destroy();
  return outcome;
}

(async () => {
  for (const how of ['promise', 'callback']) {
    for (const serverEnds of [false, true]) {
      console.log(`${how}, ${serverEnds ? 'after the server has ended' : 'of an open connection'}: ${await close(serverEnds, how)}`);
    }
  }
  process.exit();
})();
JS
said=$(node close.cjs)
echo "$said"
expected='promise, of an open connection: settled
promise, after the server has ended: pending after a second
callback, of an open connection: called
callback, after the server has ended: pending after a second'
[ "$said" = "$expected" ]
