import { testRunner } from '../test-runner.js';

/** One fact of a kit that does not hold. */
export interface KitFinding<Fact extends string = string> {
  /** Which one. */
  readonly fact: Fact;
  /** What was seen, for people. */
  readonly detail: string;
}

/** What is used of a test runner: jest, vitest, mocha and `node:test` all have it. */
export interface KitRunner {
  /** Opens a group of tests. */
  describe(name: string, body: () => void): unknown;
  /** Adds a test. */
  it(name: string, body: () => void | Promise<void>): unknown;
}

/** What the `describe…` function of each kit takes besides. */
export interface DescribeOptions {
  /** The functions of the test runner. @default those of the one that is running; vitest has them as globals only where it is told to */
  readonly runner?: KitRunner;
}

/** A fact does not hold: ends the check that found it. */
export class Broken extends Error {
  override readonly name = 'Broken';
}

/** @throws {Broken} unless `holds`. */
export function expectThat(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Broken(otherwise);
}

/** A check of one fact, on a subject made anew. */
export type Check<Subject> = (subject: Subject) => Promise<void>;

/** Runs each check, and returns what does not hold. What a check throws counts, whatever it is. */
export async function findingsOf<Fact extends string, Subject>(
  checks: Readonly<Record<Fact, Check<Subject>>>,
  make: () => Subject | Promise<Subject>,
): Promise<KitFinding<Fact>[]> {
  const findings: KitFinding<Fact>[] = [];
  for (const fact of Object.keys(checks) as Fact[]) {
    const detail = await failureOf(checks[fact], make);
    if (detail !== undefined) findings.push({ fact, detail });
  }
  return findings;
}

/** `runner`, or the one that is running. @throws {PeerError} P2P_ERR_NO_TEST_RUNNER when there is none. */
export function runnerOf(runner: KitRunner | undefined): KitRunner {
  return testRunner(runner, ['describe', 'it']);
}

/** A group of tests, one for each fact. @throws {PeerError} P2P_ERR_NO_TEST_RUNNER when there is no runner. */
export function describeFacts<Fact extends string, Subject>(
  name: string,
  facts: Readonly<Record<Fact, string>>,
  checks: Readonly<Record<Fact, Check<Subject>>>,
  make: () => Subject | Promise<Subject>,
  runner: KitRunner | undefined,
): void {
  const tests = runnerOf(runner);
  tests.describe(name, () => {
    for (const fact of Object.keys(facts) as Fact[]) {
      tests.it(facts[fact], async () => {
        const detail = await failureOf(checks[fact], make);
        if (detail !== undefined) throw new Error(detail);
      });
    }
  });
}

async function failureOf<Subject>(
  check: Check<Subject>,
  make: () => Subject | Promise<Subject>,
): Promise<string | undefined> {
  try {
    await check(await make());
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
