/** What happened to requests over all connections, as counters that only rise. */
export interface RequestCounters {
  /** Requests and notifications of peers for which there was a method, whatever their outcome. */
  readonly served: number;
  /** Requests and notifications of peers that were refused: above `maxConcurrent`, unknown, invalid, or with an id in use. */
  readonly refused: number;
  /**
   * Responses that could not be sent: the connection ended first, or the queue had no room for a refusal, or for the response
   * to a request that was cancelled before it began.
   */
  readonly unsentResponses: number;
  /** Responses that arrived after their call had settled, and second responses. They are ignored. */
  readonly lateResponses: number;
  /** Responses to requests that were never sent. They are ignored. */
  readonly unknownResponses: number;
}

/** The counters of {@link RequestCounters}, writable. */
export type Tally = { -readonly [Name in keyof RequestCounters]: number };
