// How long a message takes: there and back between two processes, and down a chain of nodes in one (a bucket brigade).
import { fileURLToPath } from 'node:url';
import { ROUNDS } from './harness/interleaved.mjs';
import { LineProcess } from './harness/processes.mjs';
import { result, skipped } from './harness/results.mjs';
import { rustOriginal } from './harness/rust-original.mjs';

const SIZE = 256;
const CHAINS = [10, 100, 1_000];
const QUANTILES = ['p50', 'p99', 'p99.9'];
/** Messages a node has handled before it is measured. */
const WARM_UP = 10_000;
/** In a round: what a p99.9 needs at least, and what a p50. */
const MIN_TRIPS = 2_000;
const MIN_PASSES = 10;

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const javascript = (module) => [process.execPath, path('harness/stopwatch.mjs'), path(module)];

const BARE = { name: 'bare socket', command: javascript('contestants/bare-latency.mjs') };
const OURS = { name: 'pea2pea', command: javascript('contestants/pea2pea-latency.mjs') };

export const seconds = 60;

export async function run({ seconds, emit, note }) {
  const share = seconds / (CHAINS.length + 1);
  const original = rustOriginal(note);
  emit(await roundTrips(share, original), { title: 'there and back' });
  for (const nodes of CHAINS) {
    emit(await brigade(share, nodes), { title: `down a chain of ${nodes} nodes, a hop` });
  }
}

async function roundTrips(seconds, original) {
  const contestants = [BARE, OURS, original].filter((each) => each.skipped === undefined);
  const times = await measured(contestants, startPair, { seconds, warmUp: WARM_UP, least: MIN_TRIPS });
  const pairs = [
    [BARE],
    [OURS, BARE],
    ...(contestants.includes(original) ? [[original], [OURS, original]] : []),
  ];
  const results = QUANTILES.flatMap((quantile, index) => {
    const roundsOf = (contestant) => times.get(contestant).map((ns) => ns[index] / 1e3);
    return pairs.map((pair) => record(pair, `round trip ${quantile}`, `us ${quantile}`, roundsOf));
  });
  if (original.skipped === undefined) return results;
  return [...results, skipped({ suite: 'latency', contestant: original.name, why: original.skipped })];
}

async function brigade(seconds, nodes) {
  const hops = nodes - 1;
  const options = { seconds, warmUp: Math.ceil(WARM_UP / hops), least: MIN_PASSES };
  const start = async ({ name, command }, keep) => {
    const chain = keep(new LineProcess(`the chain of ${name}`, [...command, 'chain', nodes]));
    await chain.hear('ready');
    return chain;
  };
  const times = await measured([BARE, OURS], start, options);
  const roundsOf = (contestant) => times.get(contestant).map(([p50]) => p50 / 1e3 / hops);
  return [[BARE], [OURS, BARE]].map((pair) =>
    record(pair, `chain of ${nodes}, p50 of a hop`, 'us p50', roundsOf),
  );
}

/** Answers the process to ask; what it asks is another. */
async function startPair({ name, command }, keep) {
  const echo = keep(new LineProcess(`the echo of ${name}`, [...command, 'echo']));
  const [port] = await echo.hear('listening');
  const asking = keep(new LineProcess(name, [...command, 'ask', port]));
  await asking.hear('ready');
  return asking;
}

/** Contestants take turns. Answers for each its rounds, and of each round the quantiles in nanoseconds. */
async function measured(contestants, start, { seconds, warmUp, least }) {
  const processes = [];
  const keep = (child) => {
    processes.push(child);
    return child;
  };
  try {
    const running = new Map();
    for (const contestant of contestants) running.set(contestant, await start(contestant, keep));
    let slowest = 0;
    for (const child of running.values()) {
      await timed(child, warmUp);
      const [p50] = await timed(child, least);
      slowest = Math.max(slowest, p50);
    }
    const messages = Math.max(least, Math.ceil((seconds * 1e9) / ROUNDS / contestants.length / slowest));
    const times = new Map(contestants.map((contestant) => [contestant, []]));
    for (let round = 0; round < ROUNDS; round++) {
      for (const [contestant, child] of running) times.get(contestant).push(await timed(child, messages));
    }
    return times;
  } finally {
    await Promise.all(processes.map((child) => child.close()));
  }
}

async function timed(child, messages) {
  return (await child.ask(`time ${SIZE} ${messages}`, 'timed')).map(Number);
}

function record([contestant, against], metric, unit, roundsOf) {
  return result({
    suite: 'latency',
    contestant: contestant.name,
    size: SIZE,
    metric,
    unit,
    rounds: roundsOf(contestant),
    against: against && { contestant: against.name, rounds: roundsOf(against) },
  });
}
