import {
  describe,
  invalidConfig,
  MAX_TIMER_MS,
  requireFunction,
  requireInteger,
  requireKnown,
  requireString,
} from '@pea2pea/core/authoring';
import type { DiscoverySource } from './source.js';

/** Every option of {@link discovery} that has a default, with it. Times are in milliseconds. */
export const DISCOVERY_DEFAULTS = {
  enough: 32,
  minDelayMs: 5_000,
  maxDelayMs: 10 * 60_000,
  lookEveryMs: 60_000,
  timeoutMs: 10_000,
  maxPerAsk: 64,
} as const;

/** Options of {@link discovery}. */
export interface DiscoveryOptions {
  /** Where to ask: {@link listed}, {@link dnsSeed}, or yours. Their names differ. */
  readonly sources: readonly DiscoverySource[];
  /** The book is poor as long as it has fewer addresses that are worth a dial: an integer of at least 1. @default 32 */
  readonly enough?: number;
  /** How long to wait after the sources were asked once, in milliseconds, doubled with each time that the book is still poor; half of it is random. @default 5000 */
  readonly minDelayMs?: number;
  /** The longest of these waits, in milliseconds. @default 600000: ten minutes */
  readonly maxDelayMs?: number;
  /** How often to look whether the book has become poor, in milliseconds. @default 60000: a minute */
  readonly lookEveryMs?: number;
  /** How long a source may take, in milliseconds. @default 10000 */
  readonly timeoutMs?: number;
  /** How many addresses are taken of a source each time, where they are not configured: an integer of at least 1. @default 64 */
  readonly maxPerAsk?: number;
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function resolveDiscoveryOptions(options: DiscoveryOptions): Required<DiscoveryOptions> {
  requireKnown('the options of discovery', options, [...Object.keys(DISCOVERY_DEFAULTS), 'sources']);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const resolved = { ...DISCOVERY_DEFAULTS, ...given } as Required<DiscoveryOptions>;
  requireInteger('enough', resolved.enough, { min: 1 });
  requireInteger('minDelayMs', resolved.minDelayMs, { min: 10, max: MAX_TIMER_MS });
  requireInteger('maxDelayMs', resolved.maxDelayMs, { min: resolved.minDelayMs, max: MAX_TIMER_MS });
  requireInteger('lookEveryMs', resolved.lookEveryMs, { min: 10, max: MAX_TIMER_MS });
  requireInteger('timeoutMs', resolved.timeoutMs, { min: 1, max: MAX_TIMER_MS });
  requireInteger('maxPerAsk', resolved.maxPerAsk, { min: 1 });
  requireSources(resolved.sources);
  return resolved;
}

function requireSources(sources: readonly DiscoverySource[]): void {
  if (!Array.isArray(sources)) throw invalidConfig(`\`sources\` must be an array, not ${describe(sources)}`);
  const names = new Set<string>();
  for (const source of sources as readonly Partial<DiscoverySource>[]) {
    requireString('name of a source', source?.name, { min: 1, max: 300 });
    requireFunction('find of a source', source.find);
    if (names.has(source.name!)) {
      throw invalidConfig(`two of \`sources\` have the name ${describe(source.name)}: give each its own`);
    }
    names.add(source.name!);
  }
}
