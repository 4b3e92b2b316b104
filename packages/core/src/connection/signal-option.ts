import { requireKnown } from '../authoring/checks.js';

const KNOWN = ['signal'] as const;

/**
 * The signal among the options of a call.
 *
 * note: one that is spelt otherwise would never be heard. So where there is none the keys are looked at, which costs nothing
 * for each message with a signal, or without options.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG
 */
export function signalOf(
  what: string,
  options: { readonly signal?: AbortSignal | undefined } | undefined,
): AbortSignal | undefined {
  if (options === undefined) return undefined;
  const signal = (options as typeof options | null)?.signal;
  if (signal === undefined) requireKnown(what, options, KNOWN);
  return signal;
}
