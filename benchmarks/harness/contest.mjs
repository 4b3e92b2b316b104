// A contest: contestants of traffic take turns, and each is compared with the one that it names.
import { result, skipped } from './results.mjs';
import { messageRates } from './traffic.mjs';

/**
 * Runs one contest and answers its results. A contestant is what `nodeContestant` answers and whom it is compared with
 * (`against`, by name), or `{ name, skipped }` with the reason.
 *
 * `inBytes` counts bytes of payload instead of messages; `more` goes into every result.
 */
export async function contest(suite, contestants, { size, inBytes = false, more, ...options }) {
  const present = contestants.filter((contestant) => contestant.skipped === undefined);
  const { rates, messages } = await messageRates(present, { size, ...options });
  const perMessage = inBytes ? size : 1;
  const roundsOf = new Map(
    present.map(({ name }, index) => [name, rates[index].map((rate) => rate * perMessage)]),
  );
  return contestants.map(({ name, against, skipped: why }) =>
    why !== undefined
      ? skipped({ suite, contestant: name, why })
      : result({
          suite,
          contestant: name,
          size,
          messages,
          ...more,
          metric: inBytes ? 'bytes' : 'messages',
          unit: inBytes ? 'B/s' : 'messages/s',
          rounds: roundsOf.get(name),
          against: roundsOf.has(against) ? { contestant: against, rounds: roundsOf.get(against) } : undefined,
        }),
  );
}
