import { PeerError, type Codec } from '@pea2pea/core';
import type { CheckOptions } from './check-options.js';
import { Violation } from './codec-facts.js';
import type { CodecFinding } from './codec-facts.js';
import { almostSound, endless, noise } from './hostile-streams.js';
import { statelessEncoder, limitExceeded, limitMet, rollback } from './limits.js';
import { Randomness } from './randomness.js';
import { anySplit, drip, isolation, keptMessages, oneChunk, roundTrip, truncated } from './sound-streams.js';
import { Subject } from './subject.js';
import { withWatchdog } from './watchdog.js';

const DEFAULTS = { seed: 1, runs: 200, maxFrameBytes: 2 * 1024 * 1024, timeoutMs: 20_000 };

/** Endless streams are long: so much fewer of them. */
const ENDLESS_SHARE = 10;

/**
 * Holds `codec` to {@link CODEC_FACTS}, with `samples` as messages; returns what does not hold. Nothing of the network is
 * needed: the bytes of the encoder are cut, dripped, mutated and made up.
 *
 * note: choose samples that differ: empty, short, long, several types. One is not enough to tell that messages get mixed up.
 * note: the same arguments have the same result; vary `seed` to see more.
 * note: memory is measured in bytes that wait for more. What a decoder allocates for itself is not seen.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when there is no sample.
 */
export function checkCodec<In, Out = In>(
  codec: Codec<In, Out>,
  samples: readonly Out[],
  options: CheckOptions<In, Out> = {},
): CodecFinding[] {
  if (samples.length === 0) {
    throw new PeerError('P2P_ERR_INVALID_CONFIG', 'a codec is checked with samples, and there are none', {
      remedy: 'give at least one',
    });
  }
  const { seed, runs, maxFrameBytes, timeoutMs } = { ...DEFAULTS, ...options };
  const subject = new Subject(codec, samples, options, maxFrameBytes);
  const random = new Randomness(seed);
  const repeated = (check: (subject: Subject<In, Out>, random: Randomness) => void, times: number) => () => {
    for (let run = 0; run < times; run++) check(subject, random);
  };

  const findings: CodecFinding[] = [];
  for (const check of [
    ...[roundTrip, oneChunk, anySplit, drip, truncated, isolation, keptMessages].map(
      (check) => () => check(subject),
    ),
    ...[rollback, statelessEncoder, limitMet, limitExceeded].map((check) => () => check(subject)),
    ...[noise, almostSound].map((check) => repeated(check, runs)),
    repeated(endless, Math.ceil(runs / ENDLESS_SHARE)),
  ]) {
    const finding = findingOf(seed, () => withWatchdog(timeoutMs, check));
    if (finding === undefined) continue;
    const isKnown = findings.some(({ fact, detail }) => fact === finding.fact && detail === finding.detail);
    if (!isKnown) findings.push(finding);
    // What looped once would loop in most checks to come.
    if (finding.fact === 'ends') break;
  }
  return findings;
}

function findingOf(seed: number, check: () => void): CodecFinding | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    const { fact, message: detail, input } = error;
    if (input === undefined) return { fact, detail, seed };
    return { fact, detail, seed, input: Buffer.from(input.subarray(0, 64)).toString('hex') };
  }
}
