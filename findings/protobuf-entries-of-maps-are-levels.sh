#!/usr/bin/env bash
# A google.protobuf.Struct with objects in each other, 33 and 49 of them: a message of 67 and 99 messages. Each implementation
# limits nesting to 100 by default; the entry of a map is a message on the wire.
#
#   protobuf 7.36.2 (Python, upb): entries count: 33 are read, 34 are "Exceeded upb_DecodeOptions_MaxDepth"
#   @bufbuild/protobuf 2.17.0:     entries do not count: 49 are read, 50 are refused
#
# So a message that one side reads is refused by another with the same limit. Exits 1 when either behaves differently.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix . @bufbuild/protobuf@2.17.0 > /dev/null
python3 -m venv venv && venv/bin/pip install --quiet protobuf==7.36.2

cat > depth.mjs <<'JS'
import { fromBinary, fromJson, toBinary } from '@bufbuild/protobuf';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import { writeFileSync } from 'node:fs';

const nested = (depth) => (depth === 0 ? {} : { a: nested(depth - 1) });
const said = [33, 34, 49, 50].map((depth) => {
  const bytes = toBinary(StructSchema, fromJson(StructSchema, nested(depth)));
  writeFileSync(`${depth}.bin`, bytes);
  try {
    fromBinary(StructSchema, bytes);
    return `${depth} read`;
  } catch {
    return `${depth} refused`;
  }
});
console.log(`@bufbuild/protobuf: ${said.join(', ')}`);
JS
cat > depth.py <<'PY'
from google.protobuf.struct_pb2 import Struct

said = []
for depth in (33, 34, 49, 50):
    try:
        Struct.FromString(open(f"{depth}.bin", "rb").read())
        said.append(f"{depth} read")
    except Exception:
        said.append(f"{depth} refused")
print("protobuf of Python: " + ", ".join(said))
PY

said=$(node depth.mjs && venv/bin/python depth.py)
echo "$said"
expected='@bufbuild/protobuf: 33 read, 34 read, 49 read, 50 refused
protobuf of Python: 33 read, 34 refused, 49 refused, 50 refused'
[ "$said" = "$expected" ]
