#!/usr/bin/env bash
# A server listens at a Unix socket by a relative path, and the process changes its working directory, as daemons do,
# before the server closes. libuv keeps the path as it was given, and removes what has that name where the process is now:
#
#   Node 22.23.3, 24.21.0: the socket is left behind; a file of that name in the new directory is removed, whatever it is
#
# Give listen() an absolute path. Exits 1 when a version behaves differently.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir before after

cat > chdir.mjs <<'JS'
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';

writeFileSync('after/app.sock', 'somebody else wrote this');
process.chdir('before');
const server = createServer();
await new Promise((resolve) => server.listen('app.sock', resolve));
process.chdir('../after');
await new Promise((resolve) => server.close(resolve));
console.log(`socket ${existsSync('../before/app.sock')}, file ${existsSync('app.sock')}`);
rmSync('../before/app.sock', { force: true });
JS

failed=0
expect() { # version, what is there afterwards
  npm install --silent --no-audit --no-fund --prefix "node-$1" "node@$1" > /dev/null
  local there
  there=$("node-$1/node_modules/node/bin/node" chdir.mjs)
  echo "Node $1: $there (expected: $2)"
  [ "$there" = "$2" ] || failed=1
}
expect 22.23.3 'socket true, file false'
expect 24.21.0 'socket true, file false'
exit "$failed"
