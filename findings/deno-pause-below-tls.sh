#!/usr/bin/env bash
# A TLS client over a socket, `tls.connect({ socket })`, has finished its handshake; then `pause()` of the socket below is
# called, which nobody listens to any more. The server replies to what the client writes:
#
#   Node 24.21.0: the client reads the reply: TLS reads from the handle of the socket, whatever the socket does
#   Deno 2.9.6:   the client never reads anything
#
# Needs openssl. Exits 1 when either behaves differently.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
  -subj /CN=test -addext 'subjectAltName=DNS:localhost' 2> /dev/null

cat > below.mjs <<'JS'
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { connect as connectTls, createServer } from 'node:tls';
import process from 'node:process';

const [key, cert] = [readFileSync('key.pem'), readFileSync('cert.pem')];
const server = createServer({ key, cert }, (socket) => {
  socket.on('error', () => {});
  socket.on('data', () => socket.write('reply'));
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const below = connect(server.address().port, '127.0.0.1');
await once(below, 'connect');
const client = connectTls({ socket: below, ca: cert, servername: 'localhost' });
await once(client, 'secureConnect');
below.pause();
client.on('data', (chunk) => {
  console.log(String(chunk));
  process.exit();
});
client.write('hello');
setTimeout(() => {
  console.log('nothing');
  process.exit();
}, 1_000);
JS

npm install --silent --no-audit --no-fund node@24.21.0 deno@2.9.6 > /dev/null
failed=0
expect() { # name, what the client reads, program
  local read
  read=$("${@:3}" below.mjs)
  echo "$1: $read (expected: $2)"
  [ "$read" = "$2" ] || failed=1
}
expect 'Node 24.21.0' reply node_modules/node/bin/node
expect 'Deno 2.9.6' nothing node_modules/.bin/deno run -A
exit "$failed"
