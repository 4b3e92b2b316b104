/**
 * A value in JSON that says of what type it is, so that programs in other languages tell what they have read, and make what
 * they are to send.
 *
 * ```text
 * null, true, "text", [ … ]
 * {"int":"-5"}          a whole number of any size
 * {"float":"3ff8…"}     the eight bytes of a float
 * {"bytes":"00ff"}
 * {"time":"1500000000"} nanoseconds since 1970
 * {"map":[[key, value], …]}
 * {"tag":37,"value":…}  what a program has no type for
 * ```
 */
export type Described =
  | null
  | boolean
  | string
  | readonly Described[]
  | { readonly int: string }
  | { readonly float: string }
  | { readonly bytes: string }
  | { readonly time: string }
  | { readonly map: readonly (readonly [Described, Described])[] };

/** What `value` has to be elsewhere; a whole number that is safe is an integer there. */
export function describe(value: unknown): Described {
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'bigint') return { int: String(value) };
  if (typeof value === 'number') return Number.isSafeInteger(value) ? { int: String(value) } : float(value);
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') };
  if (value instanceof Date) return { time: `${BigInt(value.getTime()) * 1_000_000n}` };
  if (Array.isArray(value)) return value.map(describe);
  const entries = value instanceof Map ? [...(value as Map<unknown, unknown>)] : Object.entries(value);
  return { map: entries.map(([key, item]) => [describe(key), describe(item)] as const) };
}

/** As a float, whether it is whole or not. */
export function float(value: number): Described {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return { float: bytes.toString('hex') };
}

/** With the entries of its maps in one order, as programs keep them in theirs, and times to the microsecond. */
export function ordered(described: unknown): unknown {
  if (Array.isArray(described)) return described.map(ordered);
  if (typeof described !== 'object' || described === null) return described;
  const { map, time } = described as { map?: readonly (readonly [unknown, unknown])[]; time?: string };
  // Seconds as a float are no more exact than that.
  if (time !== undefined) return { microseconds: Math.round(Number(time) / 1000) };
  if (map === undefined) return described;
  const entries = map.map(([key, item]) => [JSON.stringify(key), ordered(item)] as const);
  return { map: entries.sort(([a], [b]) => (a < b ? -1 : 1)) };
}
