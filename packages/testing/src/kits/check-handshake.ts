import type { Alteration } from '../altered/alter.js';
import {
  describeFacts,
  expectThat,
  findingsOf,
  type Check,
  type KitFinding,
  type DescribeOptions,
} from './finding.js';
import { HANDSHAKE_FACTS, type HandshakeFact } from './handshake-facts.js';
import {
  HANDSHAKE_TIMEOUT_MS,
  HandshakeAttempt,
  type HandshakePair,
  type Side,
} from './handshake-subject.js';

/** Makes the two sides; asked anew for each dial. */
type Make = () => HandshakePair;

const SEEDS = 20;
const SIDES: readonly Side[] = ['dialler', 'listener'];
/** What is wrong with bytes, for which a handshake must have no other words than a PeerError. */
const WRONG: readonly Alteration[] = [
  'corrupts',
  'loses',
  'inserts',
  'interrupts',
  'oversizes',
  'repeats',
  'echoes',
];

const CHECKS: Readonly<Record<HandshakeFact, Check<Make>>> = {
  succeeds: (make) => requireSuccess(new HandshakeAttempt(make())),
  async 'any-split'(make) {
    for (let seed = 0; seed < SEEDS; seed++) {
      await requireSuccess(
        new HandshakeAttempt(make(), { seed, splitPercent: 80, jitterMs: 30, lossPercent: 5 }),
      );
    }
  },
  async drip(make) {
    for (const side of SIDES) await requireSuccess(new HandshakeAttempt(make(), {}, { side, how: 'drips' }));
  },
  silence: (make) =>
    requireFailure(make, 'says-nothing', ({ failedMs, side }) => {
      const isInTime = failedMs !== undefined && failedMs < HANDSHAKE_TIMEOUT_MS + 1_000;
      expectThat(side === 'dialler' || isInTime, 'a dial to a peer that says nothing did not fail in time');
    }),
  ended: (make) => requireFailure(make, 'ends-inside', requireSoon),
  reset: (make) => requireFailure(make, 'resets-inside', requireSoon),
  noise: (make) => requireFailure(make, 'babbles', () => {}),
  async 'peer-errors'(make) {
    for (const how of WRONG) {
      for (const side of SIDES) {
        for (let seed = 0; seed < SEEDS / 4; seed++) {
          const attempt = new HandshakeAttempt(make(), { seed }, { side, how });
          await attempt.dial(2 * HANDSHAKE_TIMEOUT_MS);
          await attempt.end(otherOf(side));
        }
      }
    }
  },
};

/**
 * Holds a handshake to {@link HANDSHAKE_FACTS}, in simulated networks; returns what does not hold. `make` makes both sides, which
 * accept each other.
 *
 * note: both sides have to speak. A side that only listens cannot tell a peer that says nothing from one that has nothing to say.
 */
export function checkHandshake(make: () => HandshakePair): Promise<KitFinding<HandshakeFact>[]> {
  return findingsOf(CHECKS, () => make);
}

/**
 * A group of tests, one for each of {@link HANDSHAKE_FACTS}; see {@link checkHandshake}.
 *
 * @throws {PeerError} P2P_ERR_NO_TEST_RUNNER when there is no runner.
 */
export function describeHandshake(
  name: string,
  make: () => HandshakePair,
  { runner }: DescribeOptions = {},
): void {
  describeFacts(name, HANDSHAKE_FACTS, CHECKS, () => make, runner);
}

async function requireSuccess(attempt: HandshakeAttempt): Promise<void> {
  const failedMs = await attempt.dial(2 * HANDSHAKE_TIMEOUT_MS);
  const { opened, heard, world } = attempt;
  expectThat(failedMs === undefined, 'a dial between two that belong together failed');
  for (const side of SIDES) {
    expectThat(opened[side].length === 1, `the ${side} has no connection`);
    opened[side][0]!.trySend(`from the ${side}`);
    opened[side][0]!.trySend('and more');
  }
  await world.run('5 s');
  for (const side of SIDES) {
    const [first, second] = heard[side];
    const isHeard = first === `from the ${otherOf(side)}` && second === 'and more';
    expectThat(isHeard, `the ${side} did not hear what was said to it`);
  }
  await attempt.end(...SIDES);
}

interface Failure {
  /** The side with something wrong. */
  readonly side: Side;
  /** When the dial failed. */
  readonly failedMs: number | undefined;
}

async function requireFailure(make: Make, how: Alteration, look: (failure: Failure) => void): Promise<void> {
  for (const side of SIDES) {
    const attempt = new HandshakeAttempt(make(), {}, { side, how });
    const failedMs = await attempt.dial(2 * HANDSHAKE_TIMEOUT_MS);
    const victim = otherOf(side);
    expectThat(attempt.opened[victim].length === 0, `the ${victim} has a connection with a peer that ${how}`);
    const { connecting } = attempt.nodes[victim];
    expectThat(connecting === 0, `the ${victim} has not released the slot of a peer that ${how}`);
    look({ side, failedMs });
    await attempt.end(victim);
  }
}

/** Whoever dials notices at once, without the timeout. */
function requireSoon({ side, failedMs }: Failure): void {
  const isSoon = failedMs !== undefined && failedMs < HANDSHAKE_TIMEOUT_MS / 2;
  expectThat(side === 'dialler' || isSoon, 'the end of a peer inside the handshake was not noticed at once');
}

function otherOf(side: Side): Side {
  return side === 'dialler' ? 'listener' : 'dialler';
}
