#!/usr/bin/env bash
# Lines are read from a socket with readline.createInterface({ input: socket }), and the socket has a listener for its errors. The
# connection is refused:
#
#   Node 20.20.2, 22.23.3, 24.21.0: the interface emits the error of its input again, as an 'error' of its own, and where nobody listens
#   to that one the process ends, although the error of the socket was handled
#
# Listen to the errors of both. Exits 1 when a version behaves differently.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > lines.mjs <<'JS'
import { createServer, connect } from 'node:net';
import { createInterface } from 'node:readline';

const server = createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address();
await new Promise((resolve) => server.close(resolve));

const heard = [];
process.on('uncaughtException', ({ code }) => heard.push(`uncaught ${code}`));
const socket = connect({ host: '127.0.0.1', port });
socket.on('error', ({ code }) => heard.push(`socket ${code}`));
createInterface({ input: socket });
socket.on('close', () => setImmediate(() => console.log(heard.join(', '))));
JS

failed=0
expect() { # version, what was heard
  npm install --silent --no-audit --no-fund --prefix "node-$1" "node@$1" > /dev/null
  local heard
  heard=$("node-$1/node_modules/node/bin/node" lines.mjs)
  echo "Node $1: $heard (expected: $2)"
  [ "$heard" = "$2" ] || failed=1
}
expect 20.20.2 'socket ECONNREFUSED, uncaught ECONNREFUSED'
expect 22.23.3 'socket ECONNREFUSED, uncaught ECONNREFUSED'
expect 24.21.0 'socket ECONNREFUSED, uncaught ECONNREFUSED'
exit "$failed"
