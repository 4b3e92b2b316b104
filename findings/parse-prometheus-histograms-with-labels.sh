#!/usr/bin/env bash
# A parser of the text format of Prometheus is given a histogram whose series have a label besides `le`, as prom-client writes it for
# any histogram with labelNames:
#
#   parse-prometheus-text-format 1.1.1 with the text of prom-client 15.1.3: one metric comes out for two label sets, with no labels; the
#   buckets of one set replace those of the other, and count and sum are missing
#
# Read such histograms series by series from the text. Exits 1 when that changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund prom-client@15.1.3 parse-prometheus-text-format@1.1.1 > /dev/null

cat > parse.cjs <<'JS'
const { Histogram, Registry } = require('prom-client');
const parse = require('parse-prometheus-text-format');

const registry = new Registry();
const histogram = new Histogram({ name: 'took_seconds', help: 'x', labelNames: ['way'], buckets: [1], registers: [registry] });
histogram.observe({ way: 'in' }, 0.5);
histogram.observe({ way: 'out' }, 0.5);
histogram.observe({ way: 'out' }, 0.5);
registry.metrics().then((text) => console.log(JSON.stringify(parse(text)[0].metrics)));
JS
seen=$(node parse.cjs)
echo "$seen"
expected='[{"buckets":{"1":"2","+Inf":"2"}}]'
[ "$seen" = "$expected" ] || { echo "expected: $expected"; exit 1; }
