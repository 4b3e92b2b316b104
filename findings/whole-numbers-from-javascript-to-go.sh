#!/usr/bin/env bash
# Date.now() from JavaScript to an int64 of Go. Both formats have integers of 64 bits, and both libraries of JavaScript send
# a whole number from 2^32 on as a float of 64 bits; both libraries of Go refuse that for an integer:
#
#   msgpackr 2.1.4 -> vmihailenco/msgpack v5.4.1   invalid code=cb decoding int64
#   cbor-x 1.6.9   -> fxamacker/cbor v2.10.0       cannot unmarshal primitives into Go value of type int64
#
# Numbers below 2^32 arrive, so that it is found with real times, and not with small ones. Exits 1 when one of the four
# behaves differently.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix . msgpackr@2.1.4 cbor-x@1.6.9 > /dev/null
cat > send.mjs <<'JS'
import { encode } from 'cbor-x';
import { pack } from 'msgpackr';

for (const number of [4_294_967_295, 4_294_967_296, 1_790_000_000_000]) {
  console.log(number, pack(number).toString('hex'), encode(number).toString('hex'));
}
JS
cat > go.mod <<'GO'
module end

go 1.25

require (
	github.com/fxamacker/cbor/v2 v2.10.0
	github.com/vmihailenco/msgpack/v5 v5.4.1
)
GO
cat > main.go <<'GO'
package main

import (
	"encoding/hex"
	"fmt"

	"github.com/fxamacker/cbor/v2"
	"github.com/vmihailenco/msgpack/v5"
)

func main() {
	for {
		var number, asMsgpack, asCbor string
		if n, _ := fmt.Scan(&number, &asMsgpack, &asCbor); n < 3 {
			return
		}
		show("msgpack", number, asMsgpack, msgpack.Unmarshal)
		show("cbor", number, asCbor, cbor.Unmarshal)
	}
}

func show(format, number, text string, unmarshal func([]byte, any) error) {
	bytes, _ := hex.DecodeString(text)
	var read int64
	err := unmarshal(bytes, &read)
	fmt.Println(format, number, text, read, err)
}
GO
go mod tidy 2> /dev/null
said=$(node send.mjs | go run .)
echo "$said"
expected='msgpack 4294967295 ceffffffff 4294967295 <nil>
cbor 4294967295 1affffffff 4294967295 <nil>
msgpack 4294967296 cb41f0000000000000 0 msgpack: invalid code=cb decoding int64
cbor 4294967296 fb41f0000000000000 0 cbor: cannot unmarshal primitives into Go value of type int64
msgpack 1790000000000 cb427a0c4506c00000 0 msgpack: invalid code=cb decoding int64
cbor 1790000000000 fb427a0c4506c00000 0 cbor: cannot unmarshal primitives into Go value of type int64'
[ "$said" = "$expected" ]
