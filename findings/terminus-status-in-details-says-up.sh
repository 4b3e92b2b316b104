#!/usr/bin/env bash
# A health check of NestJS reports that something is down, and gives details that have a field `status` of their own:
#
#   @nestjs/terminus 11.0.0: indicator.down({ status: 'draining' }) returns { status: 'draining' }: the details replace the verdict, and
#   as only 'down' is an error, the check as a whole says ok, with HTTP 200
#
# Name the field otherwise. Exits 1 when that changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund @nestjs/terminus@11.0.0 @nestjs/common@11.1.6 @nestjs/core@11.1.6 \
  @nestjs/platform-express@11.1.6 reflect-metadata@0.2.2 rxjs@7.8.2 > /dev/null

cat > check.cjs <<'JS'
require('reflect-metadata');
const { NestFactory } = require('@nestjs/core');
const { Module } = require('@nestjs/common');
const { HealthCheckService, HealthIndicatorService, TerminusModule } = require('@nestjs/terminus');

class Root {}
Module({ imports: [TerminusModule] })(Root);
(async () => {
  const app = await NestFactory.createApplicationContext(Root, { logger: false });
  const indicator = app.get(HealthIndicatorService).check('app');
  const check = await app.resolve(HealthCheckService);
  for (const details of [{ why: 'draining' }, { status: 'draining' }]) {
    const verdict = await check.check([() => indicator.down(details)]).then(
      ({ status }) => status,
      () => 'error',
    );
    console.log(`${JSON.stringify(details)}: ${verdict}`);
  }
  await app.close();
})();
JS
seen=$(node check.cjs)
expected='{"why":"draining"}: error
{"status":"draining"}: ok'
echo "$seen"
[ "$seen" = "$expected" ] || { echo "expected: $expected"; exit 1; }
