import type { WireAlteration } from './names.js';
import type { AttackOutcome, HonestService, Verdict } from './outcome.js';

const MEBIBYTE = 1024 * 1024;
/** What a peer takes more than that: it sends 16 MiB at most, and garbage waits to be collected. */
const MUCH_BYTES = 64 * MEBIBYTE;
/** Below that, nobody calls a reply slow. */
const SLOW_MS = 500;
const SLOWER = 20;
const SLOW_RECOVERY_MS = 2_000;

/** What became of a server, and what to do about it. */
export function judge(
  outcome: Omit<AttackOutcome, 'verdict' | 'remedy'>,
  before: HonestService,
  isThere: boolean,
): Pick<AttackOutcome, 'verdict' | 'remedy'> {
  const verdict = verdictOn(outcome, before, isThere);
  return verdict === 'held' ? { verdict } : { verdict, remedy: REMEDIES[outcome.name] };
}

function verdictOn(
  { resident, newcomer, after, recoveryMs, process }: Omit<AttackOutcome, 'verdict' | 'remedy'>,
  before: HonestService,
  isThere: boolean,
): Verdict {
  if (!isThere) return 'is gone';
  if (!after.isServed) return after.saw === 'no connection' ? 'is gone' : 'did not recover';
  if (recoveryMs > SLOW_RECOVERY_MS || !newcomer.isServed || resident.served < resident.asked)
    return 'shut honest clients out';
  const slowMs = Math.max(SLOW_MS, SLOWER * before.worstMs);
  if (resident.worstMs > slowMs || newcomer.ms > slowMs) return 'slowed honest clients';
  if (process && process.peak.residentBytes - process.before.residentBytes > MUCH_BYTES) return 'grew';
  return 'held';
}

const DEADLINE = 'give a message, and the greeting before it, a time in which it has to be complete';
const LENGTH = 'check the length of a message before memory is used for it, and end who exceeds it';
const INPUT = 'end the connection at the first bytes that make no sense, and nothing else with it';
const RESET = 'listen for errors of each socket, and expect a reset at any moment';
const OUTPUT =
  'limit what waits to be sent to one client, read no more from it meanwhile, and end who takes nothing';
const HALVES = 'let a connection end when its other half has ended, and at the latest after a time';
const RATE = 'let clients take turns, and limit the messages of one in a second';
const PLACES = 'limit connections, those of one address above all, and end those that say nothing';
const ORDER = 'expect messages twice, out of order or not at all, where the channel does not exclude it';

/** What a server does about each. */
const REMEDIES: Readonly<Record<WireAlteration, string>> = {
  drips: DEADLINE,
  splinters: 'gather pieces without copying all of them again for each',
  'says-nothing': PLACES,
  'stops-inside': DEADLINE,
  'ends-inside': HALVES,
  'resets-inside': RESET,
  'resets-at-once': RESET,
  'resets-when-heard': RESET,
  'never-reads': OUTPUT,
  'reads-little': OUTPUT,
  'half-closes': HALVES,
  'never-ends': HALVES,
  repeats: ORDER,
  reorders: ORDER,
  corrupts: INPUT,
  loses: INPUT,
  inserts: INPUT,
  babbles: INPUT,
  interrupts: INPUT,
  oversizes: LENGTH,
  'goes-on': LENGTH,
  floods: RATE,
  echoes: INPUT,
  crowds: PLACES,
  'comes-and-goes': RESET,
  replays: ORDER,
  'announces-most': LENGTH,
  'announces-more': INPUT,
  'stops-in-head': DEADLINE,
  'fills-slowly': DEADLINE,
  'floods-empty': RATE,
  'asks-unread': OUTPUT,
  empties: INPUT,
  halves: INPUT,
  'lies-first': INPUT,
  'zeroes-first': INPUT,
  forges: INPUT,
  'repeats-frames': ORDER,
  'swaps-frames': ORDER,
  'skips-frames': ORDER,
  'begins-again': ORDER,
};
