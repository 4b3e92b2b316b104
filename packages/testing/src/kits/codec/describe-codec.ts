import type { Codec } from '@pea2pea/core';
import { runnerOf, type DescribeOptions } from '../finding.js';
import { checkCodec } from './check-codec.js';
import type { CheckOptions } from './check-options.js';
import { CODEC_FACTS } from './codec-facts.js';
import type { CodecFact, CodecFinding } from './codec-facts.js';

/**
 * A group of tests, one for each of {@link CODEC_FACTS}; see {@link checkCodec}.
 *
 * note: takes `describe` and `it` of the runner that is running, or of `runner` where they are not global.
 * @throws {PeerError} P2P_ERR_NO_TEST_RUNNER when there is no runner.
 */
export function describeCodec<In, Out = In>(
  name: string,
  codec: Codec<In, Out>,
  samples: readonly Out[],
  options: CheckOptions<In, Out> & DescribeOptions = {},
): void {
  const { runner, ...checkOptions } = options;
  const tests = runnerOf(runner);
  let findings: CodecFinding[] | undefined;
  tests.describe(name, () => {
    for (const fact of Object.keys(CODEC_FACTS) as CodecFact[]) {
      tests.it(CODEC_FACTS[fact], () => {
        findings ??= checkCodec(codec, samples, checkOptions);
        const failed = findings.filter((finding) => finding.fact === fact);
        if (failed.length > 0) throw new Error(failed.map(report).join('\n'));
      });
    }
  });
}

function report({ detail, seed, input }: CodecFinding): string {
  return `${detail} (seed ${seed}${input === undefined ? '' : `, bytes ${input}`})`;
}
