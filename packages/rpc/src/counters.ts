/** What happened to requests, over all connections. Numbers only rise. */
export interface RequestCounters {
  /** Requests and notifications of peers that a method has served, whatever came of it. */
  readonly served: number;
  /** Those that none did: beyond `maxConcurrent`, unknown, invalid, with an id that is in use. */
  readonly refused: number;
  /** Responses that could not be sent: the connection ended first, or the queue was full of refusals before them. */
  readonly unsentResponses: number;
  /** Responses after the call had given up, and second ones. They are ignored. */
  readonly lateResponses: number;
  /** Responses to what was never asked. They are ignored. */
  readonly unknownResponses: number;
}

/** The same, to be counted in. */
export type Tally = { -readonly [Name in keyof RequestCounters]: number };
