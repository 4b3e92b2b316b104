// What the figures have to be: `gate` fails where they are not, `report` shows them beside what was measured.
import { SUPPORTED } from '../scripts/node-versions.mjs';
import { sizeText } from './harness/results.mjs';

const RUST = 'pea2pea 0.57 (Rust)';
const BARE = 'bare socket';

/**
 * A target is about the record that has all properties of `of`, by its ratio to `against`; by its own figure where there
 * is no `against`. Where that is ours, it is about how many times faster ours is. `atLeast` or `atMost` is what it has to be.
 */
export const TARGETS = [
  ...[
    [16, 0.9],
    [256, 0.95],
    [4096, 0.95],
    [32 * 1024, 0.95],
  ].map(([size, atLeast]) => ({
    what: `messages of ${sizeText(size)}, of ${BARE}`,
    of: { suite: 'overhead', contestant: 'pea2pea', size, against: BARE },
    atLeast,
  })),
  ...[16, 256, 4096, 32 * 1024].map((size) => ({
    what: `messages of ${sizeText(size)}, of ${RUST}`,
    of: { suite: 'peers', contestant: 'pea2pea', size, against: RUST },
    atLeast: 1,
  })),
  ...[
    ['ws', 10],
    ['NestJS TCP', 40],
    ['js-libp2p, plaintext', 50],
  ].map(([contestant, atLeast]) => ({
    what: `messages of 256 B, times those of ${contestant}`,
    of: { suite: 'peers', contestant, size: 256, against: 'pea2pea' },
    atLeast,
  })),
  ...[1, 10, 50, 100].map((senders) => ({
    what: `bytes from ${senders === 1 ? '1 sender' : `${senders} senders`}, of ${RUST}`,
    of: { suite: 'fan-in', contestant: 'pea2pea', senders, against: RUST },
    atLeast: 0.9,
  })),
  ...[
    [BARE, 1.15],
    [RUST, 1.5],
  ].map(([against, atMost]) => ({
    what: `round trip, p50, of ${against}`,
    of: { suite: 'latency', contestant: 'pea2pea', metric: 'round trip p50', against },
    atMost,
  })),
  {
    what: `connect and disconnect, of ${BARE}`,
    of: { suite: 'connections', contestant: 'pea2pea', metric: 'connect and disconnect', against: BARE },
    atLeast: 0.8,
  },
  ...['inbound', 'outbound'].map((direction) => ({
    what: `idle connection, ${direction}, heap above ${BARE}`,
    of: {
      suite: 'memory',
      contestant: 'pea2pea above bare',
      metric: `idle connection, ${direction}, heap`,
    },
    atMost: 2_000,
  })),
  {
    what: 'idle node, resident',
    of: { suite: 'memory', contestant: 'pea2pea', metric: 'idle node, resident' },
    atMost: 16_000,
  },
  ...[
    ['one virtual hour', 60],
    ['resident, busy', 1.5e9],
  ].map(([metric, atMost]) => ({
    what: `simulated network, 1 000 nodes: ${metric}`,
    of: { suite: 'simulation', contestant: '1000 nodes, 4 connections each', metric },
    atMost,
  })),
  {
    what: 'simulated network, 10 000 idle nodes: resident',
    of: { suite: 'simulation', contestant: '10000 idle nodes', metric: 'resident, idle' },
    atMost: 1e9,
  },
  {
    what: 'chaos, 32 nodes, 60 virtual seconds, two cores: seeds a minute',
    of: {
      suite: 'simulation',
      contestant: 'chaos: 32 nodes, 60 virtual seconds, 2 cores',
      metric: 'seeds a minute',
    },
    atLeast: 60,
  },
  ...SUPPORTED.map((version) => ({
    what: `simulated network: the same trace under Node ${version}`,
    of: { suite: 'simulation', contestant: `Node ${version}`, metric: 'same trace' },
    atLeast: 1,
  })),
  {
    what: 'observed by metrics, health and inspector, of the same not observed',
    of: { suite: 'observe', contestant: 'metrics, health, inspector', metric: 'messages' },
    atLeast: 0.95,
  },
  {
    what: 'memory of an idle connection that is observed, above one that is not',
    of: { suite: 'observe', contestant: 'observed above not' },
    atMost: 300,
  },
  {
    what: 'broadcast, of trySend in a loop',
    of: { suite: 'broadcast', contestant: 'broadcast', against: 'trySend in a loop' },
    atLeast: 1.5,
  },
];

/** The target that a record is about, if there is one. */
export function targetOf(record) {
  return TARGETS.find(({ of }) => Object.keys(of).every((key) => record[key] === of[key]));
}

/**
 * Compares records with the targets that are about them.
 *
 * Answers `{ suite, what, value, noise, atLeast, atMost, unit, verdict }` for each: `noise` is half of the middle half of the
 * rounds. `verdict` is 'met', 'within noise' where it is missed by no more than that, or 'missed'.
 */
export function verdicts(records) {
  return TARGETS.flatMap((target) => {
    const record = records.find((each) => each.skipped === undefined && targetOf(each) === target);
    if (record === undefined) return [];
    const { value, noise } = measured(record);
    const { what, atLeast, atMost } = target;
    const short = atLeast === undefined ? value - atMost : atLeast - value;
    const verdict = short <= 0 ? 'met' : short <= noise ? 'within noise' : 'missed';
    // A ratio has no unit.
    const unit = record.ratio === undefined ? record.unit : undefined;
    return [{ suite: record.suite, what, value, noise, atLeast, atMost, unit, verdict }];
  });
}

/** What the target of a record is about: its ratio, the other way round where it is one to ours, or its figure. */
export function measured({ ratio, ratioSpread, against, median, spread }) {
  if (ratio === undefined) return { value: median, noise: (median * spread) / 2 };
  const value = against === 'pea2pea' ? 1 / ratio : ratio;
  return { value, noise: (value * ratioSpread) / 2 };
}

export function targetText({ atLeast, atMost }) {
  return atLeast === undefined ? `<= ${atMost}` : `>= ${atLeast}`;
}

/** The verdicts as rows of text: what, measured, target, noise, verdict. */
export function verdictRows(judged) {
  return judged.map(({ what, value, noise, atLeast, atMost, unit, verdict }) => [
    what,
    unit === undefined ? value.toPrecision(3) : `${Math.round(value)} ${unit}`,
    targetText({ atLeast, atMost }),
    `±${unit === undefined ? noise.toPrecision(2) : Math.round(noise)}`,
    verdict,
  ]);
}
