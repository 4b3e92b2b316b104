import { testingError } from './errors.js';

/** The functions of test runners that are used here. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => void | Promise<void>): unknown;
  afterEach(body: () => Promise<void>): unknown;
}

/**
 * The functions that were given, or those of the runner that is running: jest, mocha, and vitest with `globals: true` have
 * them as globals; `node --test` has a module.
 *
 * @throws {PeerError} P2P_ERR_NO_TEST_RUNNER when one of `names` is missing.
 */
export function testRunner<Name extends keyof TestRunner>(
  given: Pick<TestRunner, Name> | undefined,
  names: readonly Name[],
): Pick<TestRunner, Name> {
  const hasAll = (runner: object | undefined): runner is Pick<TestRunner, Name> =>
    runner !== undefined &&
    names.every((name) => typeof (runner as Partial<TestRunner>)[name] === 'function');
  const runner = given ?? (hasAll(globalThis) ? globalThis : ofNode());
  if (hasAll(runner)) return runner;
  throw testingError('P2P_ERR_NO_TEST_RUNNER', `there is no test runner with ${names.join(' and ')}`);
}

/** Asked for only where it runs: loading it makes a program a test. */
function ofNode(): object | undefined {
  const isRunning = process.env['NODE_TEST_CONTEXT'] !== undefined || process.execArgv.includes('--test');
  if (!isRunning) return undefined;
  // Bun and Deno may not have the function.
  return (process as { getBuiltinModule?(name: string): object | undefined }).getBuiltinModule?.('node:test');
}
