#!/usr/bin/env bash
# RFC 8949, section 3.4.2: the content of tag 1 (a time, in seconds since 1970) is an integer or a float, of any size. From
# 7 February 2106 on (2^32 seconds) a whole number of seconds needs an integer of eight bytes.
#
#   cbor-x 1.6.9: TypeError "Cannot mix BigInt and other types", also where the number in eight bytes is small
#   cborg 6.1.5:  the time
#
# Both read the same time as a float, which is what cbor-x itself sends, so that this is met with other senders alone.
# Exits 1 when either behaves differently.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix . cbor-x@1.6.9 cborg@6.1.5 > /dev/null

cat > epoch.mjs <<'JS'
import { decode as cborX } from 'cbor-x';
import { decode as cborg } from 'cborg';

const tags = { 1: (content) => new Date(Number(content()) * 1000) };
const readers = { 'cbor-x': cborX, cborg: (bytes) => cborg(bytes, { tags }) };
const times = { integer: 'c11b0000000100000000', small: 'c11b000000006553f100', float: 'c1fb41f0000000000000' };
for (const [name, read] of Object.entries(readers)) {
  const said = Object.entries(times).map(([what, hex]) => {
    try {
      return `${what} ${read(Buffer.from(hex, 'hex')).toISOString().slice(0, 10)}`;
    } catch (error) {
      return `${what} ${error.constructor.name}`;
    }
  });
  console.log(`${name}: ${said.join(', ')}`);
}
JS

said=$(node epoch.mjs)
echo "$said"
expected='cbor-x: integer TypeError, small TypeError, float 2106-02-07
cborg: integer 2106-02-07, small 2023-11-14, float 2106-02-07'
[ "$said" = "$expected" ]
