/** Why a message, or word of one, was not sent, asked for or passed on. Each has a counter in `counts.dropped`. */
export const GOSSIP_DROPS = {
  slow: 'not sent: the peer has more than `maxQueuedBytes` waiting; it is told which messages there are once it has read',
  closing: 'not sent: the connection was ending, or being renegotiated',
  lowScore: 'not sent, or not asked for, because of the score of the peer',
  tooLarge: 'not sent: the codec of the node takes no message of this size',
  notKept: 'not sent: a peer asked for a message that was not kept any more',
  askedTooOften: 'not sent: a peer asked for the same message more than 3 times, or for too many at once',
  tooManyHaves: 'not looked at: a peer named more messages that it has than are looked at in a heartbeat',
  notWanted: 'not asked for: as many messages were wanted already as are remembered',
  promiseBroken: 'not received: nobody of those who said that they have a message sent it',
  tooBusy:
    'not passed on: as many messages were being validated as `maxValidating` allows; it is taken when a peer names it again',
  tooOld: 'not passed on: published longer ago than `historyMs`',
  rejected:
    'not passed on: it could not be decoded, was not signed as it must, or was rejected by `validate`',
  ignored: 'not passed on: ignored by `validate`, or by one that threw',
  noSubscription: 'not passed on: this node had not subscribed to the topic',
  forgotten: 'seen messages that were forgotten before `seenMs` because of `maxSeen`: they may come again',
} as const;

/** A cause in {@link GOSSIP_DROPS}. */
export type GossipDrop = keyof typeof GOSSIP_DROPS;

/** How often what happened. They only rise. */
export interface GossipCounts {
  /** Messages that this node published. */
  readonly published: number;
  /** Messages of others that were accepted, each once. */
  readonly delivered: number;
  /** Messages that came again. */
  readonly duplicates: number;
  /** Messages that were asked for, as they had not come by themselves, and came. */
  readonly fetched: number;
  /** Messages sent, to one peer each. */
  readonly sent: number;
  /** Messages sent because a peer had asked for them; `sent` counts them, too. */
  readonly served: number;
  /** Requests for a message, to one peer each. */
  readonly asked: number;
  /** Peers that were asked for a message that they said they have, and did not send it within `promiseMs`. */
  readonly brokenPromises: number;
  /** Peers taken into a mesh, by either side. */
  readonly grafts: number;
  /** Peers that left a mesh, by either side. */
  readonly prunes: number;
  /** Connections ended for the score of the peer. */
  readonly ended: number;
  /** Handlers of messages that threw or rejected. */
  readonly handlerErrors: number;
  /** Validators that threw or rejected. */
  readonly validatorErrors: number;
  /** What was not sent, asked for or passed on, by cause. */
  readonly dropped: Readonly<Record<GossipDrop, number>>;
}

/** Counts. */
export class Account {
  readonly #counts = {
    published: 0,
    delivered: 0,
    duplicates: 0,
    fetched: 0,
    sent: 0,
    served: 0,
    asked: 0,
    brokenPromises: 0,
    grafts: 0,
    prunes: 0,
    ended: 0,
    handlerErrors: 0,
    validatorErrors: 0,
  };
  readonly #dropped = Object.fromEntries(Object.keys(GOSSIP_DROPS).map((cause) => [cause, 0])) as Record<
    GossipDrop,
    number
  >;

  count(what: Exclude<keyof GossipCounts, 'dropped'>): void {
    this.#counts[what]++;
  }

  drop(cause: GossipDrop, count = 1): void {
    this.#dropped[cause] += count;
  }

  /** Copies. */
  get counts(): GossipCounts {
    return { ...this.#counts, dropped: { ...this.#dropped } };
  }
}
