#!/usr/bin/env bash
# A TCP peer sends bytes and resets the connection before they were read. What the reader is told of the end:
#
#   Node 22.23.3 (libuv 1.51.0): data, then a clean 'end', as if the peer had finished in order
#   Node 24.21.0 (libuv 1.52.1): data, then the error ECONNRESET
#
# So on the one a message that was cut by a reset looks complete to a protocol whose last message ends with the stream;
# on the other it does not, and the same network fault has another error. Exits 1 when either behaves differently.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > reset.mjs <<'JS'
import { connect, createServer } from 'node:net';

const told = [];
const server = createServer({ pauseOnConnect: true }, (socket) => {
  socket.on('data', (chunk) => told.push(`data(${chunk.length})`));
  socket.on('end', () => told.push('end'));
  socket.on('error', ({ code }) => told.push(code));
  socket.on('close', () => {
    console.log(told.join(' '));
    server.close();
  });
  client.write('hello', () => {
    client.once('close', () => setTimeout(() => socket.resume(), 200));
    setTimeout(() => client.resetAndDestroy(), 200);
  });
});
let client;
server.listen(0, '127.0.0.1', () => (client = connect(server.address().port, '127.0.0.1')));
JS

failed=0
expect() { # version, what the reader is told
  npm install --silent --no-audit --no-fund --prefix "node-$1" "node@$1" > /dev/null
  local told
  told=$("node-$1/node_modules/node/bin/node" reset.mjs)
  echo "Node $1: $told (expected: $2)"
  [ "$told" = "$2" ] || failed=1
}
expect 22.23.3 'data(5) end'
expect 24.21.0 'data(5) ECONNRESET'
exit "$failed"
