#!/usr/bin/env bash
# Two instances of multicast DNS on one machine, both told which interface to use, as a program does that must not speak on others.
# One asks:
#
#   multicast-dns 7.2.5, Linux, { interface: '127.0.0.1' }: neither hears the question. The socket is bound to the address of the
#   interface unless `bind` says otherwise, and Linux hands multicast to sockets that are bound to the group or to any address
#   the same with { interface: '127.0.0.1', bind: '0.0.0.0' }: both hear it
#
# Exits 1 when that changes.
set -euo pipefail
[ "$(uname)" = Linux ] || { echo 'skipped: this is about Linux'; exit 0; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund multicast-dns@7.2.5 > /dev/null

cat > ask.cjs <<'JS'
const mdns = require('multicast-dns');
const heardWith = (options) =>
  new Promise((resolve) => {
    const both = [0, 1].map(() => mdns({ port: 53_530, loopback: true, ...options }));
    let heard = 0;
    for (const one of both) one.on('query', () => heard++);
    const ready = both.map((one) => new Promise((done) => one.on('ready', done)));
    Promise.all(ready).then(() => {
      both[0].query('example.local', 'A');
      setTimeout(() => {
        for (const one of both) one.destroy();
        resolve(heard);
      }, 1_000);
    });
  });
(async () => {
  const alone = await heardWith({ interface: '127.0.0.1' });
  const bound = await heardWith({ interface: '127.0.0.1', bind: '0.0.0.0' });
  console.log(`interface alone: ${alone}, with bind: ${bound}`);
})();
JS
seen=$(node ask.cjs)
expected='interface alone: 0, with bind: 2'
echo "$seen (expected: $expected)"
[ "$seen" = "$expected" ]
