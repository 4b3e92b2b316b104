#!/usr/bin/env bash
# JSON-RPC over TCP has no framing of its own. Until 4.3.0 a server of jayson takes JSON values however they are written;
# 5.0.0 takes lines, so that clients of the one do not get through to the other:
#
#                          4.3.0           5.0.0
#   one a line             both answered   both answered
#   back to back           both answered   no answer, the server waits for the end of the line
#   back to back, and LF   both answered   a parse error (-32700), and the end of the connection
#   over many lines        both answered   a parse error (-32700), and the end of the connection
#
# 5.0.0 ends its answers with LF, 4.3.0 does not: a client that reads lines waits for ever for those of 4.3.0. Exits 1 when
# either behaves differently.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > ask.mjs <<'JS'
import { connect } from 'node:net';
import { createRequire } from 'node:module';

const require = createRequire(`${process.cwd()}/${process.argv[2]}/`);
const jayson = require('jayson');
const server = new jayson.Server({ add: ([a, b], callback) => callback(null, a + b) }).tcp();
server.listen(0, '127.0.0.1', async () => {
  const requests = [1, 2].map((id) => ({ jsonrpc: '2.0', id, method: 'add', params: [id, id] }));
  const texts = {
    'one a line': requests.map((request) => `${JSON.stringify(request)}\n`).join(''),
    'back to back': requests.map((request) => JSON.stringify(request)).join(''),
    'back to back, and LF': `${requests.map((request) => JSON.stringify(request)).join('')}\n`,
    'over many lines': requests.map((request) => `${JSON.stringify(request, null, 2)}\n`).join(''),
  };
  for (const [how, text] of Object.entries(texts)) console.log(`${how}: ${await answers(text)}`);
  server.close();
});

/** What comes within a second, and whether the connection ends. */
function answers(text) {
  return new Promise((resolve) => {
    let received = '';
    let ended = false;
    const socket = connect(server.address().port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => (received += chunk));
    socket.on('end', () => (ended = true));
    socket.on('error', () => (ended = true));
    setTimeout(() => {
      socket.destroy();
      const answers = received.replace(/\{"jsonrpc":"2.0","id":([12]),"result":[24]\}/g, 'answer $1, ');
      const errors = answers.replace(/\{.*"code":-32700.*\}/, 'parse error, ').replaceAll('\n', 'LF, ');
      resolve(`${errors}${ended ? 'end' : 'open'}`);
    }, 1_000);
  });
}
JS
said=''
for version in 4.3.0 5.0.0; do
  npm install --silent --no-audit --no-fund --prefix "v$version" "jayson@$version" > /dev/null
  said+="$version"$'\n'"$(node ask.mjs "v$version")"$'\n'
done
echo "$said"
expected='4.3.0
one a line: answer 1, answer 2, open
back to back: answer 1, answer 2, open
back to back, and LF: answer 1, answer 2, open
over many lines: answer 1, answer 2, open
5.0.0
one a line: answer 1, LF, answer 2, LF, open
back to back: open
back to back, and LF: parse error, LF, end
over many lines: parse error, LF, end
'
[ "$said" = "$expected" ]
