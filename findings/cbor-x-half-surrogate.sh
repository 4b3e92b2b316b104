#!/usr/bin/env bash
# RFC 8949, section 3.1: a text string is well-formed UTF-8. A JavaScript string may hold half of a surrogate pair, as JSON
# carries it (an emoji that was cut, for one).
#
#   cbor-x 1.6.9: writes the half as a character of three bytes (ed a0 80) in text under 64 letters, which is malformed;
#                 U+FFFD (ef bf bd) in longer text
#   cborg 6.1.5:  U+FFFD in both
#
# cbor2 (Python), fxamacker/cbor (Go) and ciborium (Rust) refuse the whole message that cbor-x writes. Exits 1 when either
# behaves differently.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix . cbor-x@1.6.9 cborg@6.1.5 > /dev/null

cat > half.mjs <<'JS'
import { encode as cborX } from 'cbor-x';
import { encode as cborg } from 'cborg';

for (const [name, encode] of Object.entries({ 'cbor-x': cborX, cborg })) {
  const said = ['', 'x'.repeat(70)].map((before) => Buffer.from(encode(`${before}\ud800`)).subarray(-3).toString('hex'));
  console.log(`${name}: short ${said[0]}, long ${said[1]}`);
}
JS

said=$(node half.mjs)
echo "$said"
expected='cbor-x: short eda080, long efbfbd
cborg: short efbfbd, long efbfbd'
[ "$said" = "$expected" ]
