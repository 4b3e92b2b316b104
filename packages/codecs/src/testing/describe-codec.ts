import type { Codec } from '@pea2pea/core';
import { checkCodec } from './check-codec.js';
import type { CheckOptions } from './check-options.js';
import { CODEC_FACTS } from './finding.js';
import type { CodecFact, Finding } from './finding.js';

/** What is used of a test runner: jest, vitest, mocha and `node:test` all have it. */
export interface TestRunner {
  /** Opens a group of tests. */
  describe(name: string, body: () => void): unknown;
  /** Adds a test. */
  it(name: string, body: () => void): unknown;
}

/**
 * A group of tests, one for each of {@link CODEC_FACTS}; see {@link checkCodec}.
 *
 * note: takes `describe` and `it` of the runner that is running, or of `runner` where they are not global.
 * @default runner globalThis
 * @throws {TypeError} when there is no runner.
 */
export function describeCodec<In, Out = In>(
  name: string,
  codec: Codec<In, Out>,
  samples: readonly Out[],
  options: CheckOptions<In, Out> & { readonly runner?: TestRunner } = {},
): void {
  const { runner = globalThis as Partial<TestRunner>, ...checkOptions } = options;
  const { describe, it } = runner;
  if (typeof describe !== 'function' || typeof it !== 'function') {
    throw new TypeError(
      'describeCodec() needs a test runner: run it in one, or give { runner: { describe, it } }',
    );
  }
  let findings: Finding[] | undefined;
  describe(name, () => {
    for (const fact of Object.keys(CODEC_FACTS) as CodecFact[]) {
      it(CODEC_FACTS[fact], () => {
        findings ??= checkCodec(codec, samples, checkOptions);
        const failed = findings.filter((finding) => finding.fact === fact);
        if (failed.length > 0) throw new Error(failed.map(report).join('\n'));
      });
    }
  });
}

function report({ detail, seed, input }: Finding): string {
  return `${detail} (seed ${seed}${input === undefined ? '' : `, bytes ${input}`})`;
}
