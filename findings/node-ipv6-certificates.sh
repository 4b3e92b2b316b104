#!/usr/bin/env bash
# A certificate for the IP address ::1 is checked against the address ::1, as `tls.connect({ host: '::1' })` does:
#
#   Node 22.23.3: ERR_TLS_CERT_ALTNAME_INVALID, "Host: ::1. is not in the cert's altnames: IP Address:0:0:0:0:0:0:0:1"
#   Node 24.21.0: accepted
#
# So on the one no server can be reached by TLS at an IPv6 address: the check takes the address for a name. OpenSSL's own
# check, `X509Certificate.checkIP`, accepts it on both. Needs openssl. Exits 1 when either behaves differently.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
  -subj /CN=test -addext 'subjectAltName=IP:::1' 2> /dev/null

cat > check.mjs <<'JS'
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { checkServerIdentity } from 'node:tls';

const certificate = new X509Certificate(readFileSync('cert.pem'));
const refused = checkServerIdentity('::1', certificate.toLegacyObject());
console.log(refused?.code ?? 'accepted', certificate.checkIP('::1') === undefined ? 'refused' : 'accepted');
JS

failed=0
expect() { # version, what both checks say
  npm install --silent --no-audit --no-fund --prefix "node-$1" "node@$1" > /dev/null
  local said
  said=$("node-$1/node_modules/node/bin/node" check.mjs)
  echo "Node $1: $said (expected: $2)"
  [ "$said" = "$2" ] || failed=1
}
expect 22.23.3 'ERR_TLS_CERT_ALTNAME_INVALID accepted'
expect 24.21.0 'accepted accepted'
exit "$failed"
