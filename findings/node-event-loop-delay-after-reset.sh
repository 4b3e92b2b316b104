#!/usr/bin/env bash
# A program reads the longest delay of the event loop from monitorEventLoopDelay() and resets the histogram, as exporters do at each
# scrape. Then something computes for 300 ms, at once:
#
#   Node 20.20.2, 22.23.3, 24.21.0: the delay is not recorded. After a reset the first tick of the monitor only sets the time from
#   which the second one counts, so what happens before it is lost, however long it takes
#
# A program that resets more often than the resolution never sees a delay at all. Keep two histograms, and reset one at a time; the
# second below, which was not reset, has seen it. Exits 1 when a version behaves differently.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > delay.mjs <<'JS'
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

const monitors = [monitorEventLoopDelay({ resolution: 10 }), monitorEventLoopDelay({ resolution: 10 })];
for (const monitor of monitors) monitor.enable();
await sleep(100);
monitors[0].reset();
for (const end = performance.now() + 300; performance.now() < end;);
await sleep(100);
const [reset, kept] = monitors.map(({ max }) => (max > 200e6 ? 'seen' : 'not seen'));
console.log(`after a reset ${reset}, without ${kept}`);
JS

failed=0
expect() { # version, what was seen
  npm install --silent --no-audit --no-fund --prefix "node-$1" "node@$1" > /dev/null
  local seen
  seen=$("node-$1/node_modules/node/bin/node" delay.mjs)
  echo "Node $1: $seen (expected: $2)"
  [ "$seen" = "$2" ] || failed=1
}
expect 20.20.2 'after a reset not seen, without seen'
expect 22.23.3 'after a reset not seen, without seen'
expect 24.21.0 'after a reset not seen, without seen'
exit "$failed"
