import { defineErrors, type ErrorTable } from '@pea2pea/core/authoring';

/** Every error code that this package adds to those of the kernel, with when it occurs and what to do. */
export const TESTING_ERRORS = {
  P2P_ERR_NO_TEST_RUNNER: {
    when: 'lab() or a conformance kit was called where no test runner has the functions that it needs as globals',
    remedy: 'hand over those of the runner: lab({ afterEach }), or { runner: { describe, it } } for a kit',
    isOwnFault: true,
  },
  P2P_ERR_WAITED_IN_VAIN: {
    when: 'what a test or a simulated world waited for did not happen in time',
    remedy: 'find out what should have made it happen; more time helps only where that is slow',
    isOwnFault: true,
  },
  P2P_ERR_INCONSISTENT: {
    when: 'the counters and tables of a node contradict each other, or a closed node still holds something',
    remedy: 'report it as a bug of pea2pea, with the test that shows it',
    isOwnFault: true,
  },
  P2P_ERR_TIMERS_LEFT: {
    when: 'after a test, timers are left on the clock of nodes that are closed',
    remedy: 'cancel in `onStop`, or when a connection ends, what the hooks of the node have set',
    isOwnFault: true,
  },
  P2P_ERR_CHECK_FAILED: {
    when: 'a check of a simulated world does not hold; `cause` is what it threw, if it did',
    remedy: 'look at what happened last; the same seed shows it again',
    isOwnFault: true,
  },
  P2P_ERR_WORLD_STUCK: {
    when: 'a simulated world waits for something, and nothing is left in it that could happen',
    remedy:
      'begin what should make it happen before you wait for it; timers of the system do not count, only those of `host.config.clock`',
    isOwnFault: true,
  },
  P2P_ERR_WORLD_RUNS: {
    when: 'run(), until() or drive() was called on a simulated world that runs already',
    remedy: 'await one of them at a time; spawn() is for what goes on beside',
    isOwnFault: true,
  },
  P2P_ERR_EXPLORATION_FAILED: {
    when: 'a scenario failed with a seed; the message has the faults that it takes and the line that replays it',
    remedy: 'replay it, under a debugger if you like',
    isOwnFault: true,
  },
  P2P_ERR_NOT_A_SCENARIO: {
    when: 'the default export of a module that explore() was given is not a scenario',
    remedy: 'export default defineScenario({ run(world) { … } })',
    isOwnFault: true,
  },
} as const satisfies ErrorTable;

/** The code of an error of this package. */
export type TestingErrorCode = keyof typeof TESTING_ERRORS;

declare module '@pea2pea/core' {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- it merges
  interface PeerErrorCodes extends Record<keyof typeof TESTING_ERRORS, unknown> {}
}

export const testingError = defineErrors('@pea2pea/testing', TESTING_ERRORS);
