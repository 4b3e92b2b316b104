import { afterAll, afterEach, describe, it } from '@jest/globals';
import { lab, soon } from '@pea2pea/testing';
import { build, type Build } from './harness/build.js';
import type { End } from './harness/end.js';
import { EndProcess } from './harness/end-process.js';
import { writeToPage } from './harness/page.js';
import { count, emptyResults, saveResults, type Outcome, type SuiteResults } from './harness/results.js';
import { select, selectionOf } from './harness/select.js';
import type { Bench, Case, Suite } from './harness/suite.js';
import { SUITES } from './suites.js';

const CASE_TIMEOUT_MS = 60_000;
/** What a case says about its failure on the page: the rest is in the output of the run. */
const MAX_REASON_LENGTH = 160;

const { own } = lab();
const selection = selectionOf(process.env);
const lines: string[] = [];
const say = (line: string): void => void process.stderr.write(`${line}\n`);

const running: EndProcess[] = [];
afterEach(() => {
  for (const end of running.splice(0)) end.kill();
});
afterAll(() => say(['', ...lines, ''].join('\n')));

for (const [suite, ends] of select(SUITES, selection)) {
  const results: SuiteResults = {};
  describe(suite.name, () => {
    afterAll(() => {
      for (const end of ends) lines.push(`${suite.name}: ${summary(end, results)}`);
      if (selection.write) writeToPage(suite, saveResults(suite, results));
    });
    for (const end of ends) against(suite, end, results);
  });
}

function against(suite: Suite, end: End, results: SuiteResults): void {
  let built: Build;
  results[end.name] = emptyResults(end);
  try {
    say(`${suite.name}: building ${end.folder}, for ${end.implementation} ${end.version}`);
    built = build(end);
  } catch (error) {
    it(`${end.name} is built`, () => Promise.reject(error));
    return;
  }
  if ('skipped' in built) {
    results[end.name] = { ...emptyResults(end), skipped: built.skipped };
    it.skip(`${end.name}: ${built.skipped}`, () => {});
    return;
  }
  const { command, toolchain } = built;
  const cases: Record<string, Outcome> = {};
  results[end.name] = { ...emptyResults(end), toolchain, cases };
  const bench: Bench = {
    end,
    own,
    async start(...args) {
      const started = EndProcess.start(end.name, [...command, ...(end.args ?? []), ...args], running);
      return started;
    },
  };
  describe(end.name, () => {
    for (const one of suite.cases) add(one, bench, (outcome) => (cases[one.name] = outcome));
  });
}

function add(one: Case, bench: Bench, note: (outcome: Outcome) => void): void {
  const { name, run, failsWith, notWith, timeoutMs = CASE_TIMEOUT_MS } = one;
  const reason = notWith?.[bench.end.name];
  if (reason !== undefined) {
    note(`not run: ${reason}`);
    it.skip(name, () => {});
    return;
  }
  const difference = failsWith?.[bench.end.name];
  const attempt = async (): Promise<void> => run(bench);
  const bounded = () => soon('the case to end', attempt(), timeoutMs);
  if (difference !== undefined) {
    it(
      `${name}: differs, ${difference}`,
      async () => {
        const passed = await bounded().then(
          () => true,
          () => false,
        );
        note(passed ? 'failed: it passes by now, so the reason has to go' : `differs: ${difference}`);
        if (passed)
          throw new Error(`it passes with ${bench.end.name} by now: remove its reason, "${difference}"`);
      },
      2 * timeoutMs,
    );
    return;
  }
  it(
    name,
    async () => {
      try {
        await bounded();
        note('passed');
      } catch (error) {
        const [first = ''] = String(error).split('\n');
        note(`failed: ${first.slice(0, MAX_REASON_LENGTH)}`);
        throw error;
      }
    },
    2 * timeoutMs,
  );
}

function summary({ name, version }: End, results: SuiteResults): string {
  const result = results[name]!;
  if (result.skipped !== undefined) return `${name} ${version}: skipped, ${result.skipped}`;
  if (result.toolchain === undefined) return `${name} ${version}: does not compile`;
  const counts = (['passed', 'failed', 'differs', 'not run'] as const)
    .map((kind) => [count(result, kind), kind] as const)
    .filter(([number]) => number > 0)
    .map(([number, kind]) => `${number} ${kind}`);
  return `${name} ${version} (${result.toolchain}): ${counts.join(', ')}`;
}
