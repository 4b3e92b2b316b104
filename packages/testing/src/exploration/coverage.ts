import { channel } from 'node:diagnostics_channel';
import {
  COUNTERS,
  PeerError,
  type ConnectionCloseDiagnostic,
  type ConnectionRefusedDiagnostic,
  type DisconnectReason,
  type NodeDiagnostic,
  type PeerErrorCode,
} from '@pea2pea/core';

/** How often each thing was seen, by the names of {@link COVERABLE}, and others. */
export type Counts = Readonly<Record<string, number>>;

type EndOf<Reason> = Reason extends {
  readonly origin: infer Origin extends string;
  readonly cause: infer Cause;
}
  ? `${Origin} ${Cause & string}`
  : Reason extends { readonly origin: infer Origin }
    ? Origin & string
    : never;

/** All ends that a connection can have: the compiler asks for those that are missing. */
const ENDS = Object.keys({
  user: true,
  shutdown: true,
  'reading ended': true,
  'reading idle-timeout': true,
  'reading invalid-frame': true,
  'reading handler-error': true,
  'reading stream-error': true,
  'reading over-budget': true,
  'writing timeout': true,
  'writing stream-error': true,
  'writing over-budget': true,
  'on-connect': true,
  renegotiation: true,
  detached: true,
} satisfies Record<EndOf<DisconnectReason>, true>);

/** Causes for which a peer or a dial is refused, and with which a setup fails. */
const REFUSALS = [
  'waiting-line-full',
  'waiting-line-share-full',
  'waiting-line-timeout',
  'P2P_ERR_TOO_MANY_CONNECTIONS',
  'P2P_ERR_TOO_MANY_INBOUND',
  'P2P_ERR_TOO_MANY_CONNECTIONS_PER_IP',
  'P2P_ERR_TOO_MANY_CONNECTING',
  'P2P_ERR_ALREADY_CONNECTED',
  'P2P_ERR_ALREADY_CONNECTING',
  'P2P_ERR_SELF_CONNECT',
  'P2P_ERR_HANDSHAKE_FAILED',
  'P2P_ERR_HANDSHAKE_REJECTED',
  'P2P_ERR_HANDSHAKE_TIMEOUT',
  'P2P_ERR_HANDSHAKE_ENDED',
  'P2P_ERR_WRONG_IDENTITY',
  'P2P_ERR_SHUTTING_DOWN',
  'P2P_ERR_ABORTED',
] as const satisfies readonly (PeerErrorCode | `waiting-line-${string}`)[];

/** Codes with which an open connection ends. */
const ERRORS = [
  'P2P_ERR_FRAME_TOO_LARGE',
  'P2P_ERR_INVALID_FRAME',
  'P2P_ERR_TRUNCATED_FRAME',
  'P2P_ERR_WRITE_TIMEOUT',
  'P2P_ERR_OVER_BUDGET',
] as const satisfies readonly PeerErrorCode[];

/**
 * What an exploration looks for: `closed: …` for each reason for which a connection ends, `error: …` for the codes that such a
 * reason has, `refused: …` for each cause for which a peer is refused or a setup fails, `counter: …` for each counter of a
 * node that is above 0, and `opened`, `message refused`.
 */
export const COVERABLE: readonly string[] = [
  'opened',
  'message refused',
  ...ENDS.map((end) => `closed: ${end}`),
  ...ERRORS.map((code) => `error: ${code}`),
  ...REFUSALS.map((cause) => `refused: ${cause}`),
  ...Object.keys(COUNTERS).map((name) => `counter: ${name}`),
];

/** Counts what becomes of all nodes and connections that are made in this process from here to `stop`. */
export class Coverage {
  readonly #counts: Record<string, number> = {};
  readonly #counters: NodeDiagnostic['counters'][] = [];
  readonly #subscriptions: readonly (readonly [string, (message: unknown) => void])[] = [
    ['pea2pea:node:made', (message) => void this.#counters.push((message as NodeDiagnostic).counters)],
    ['pea2pea:connection:open', () => this.#count('opened')],
    ['pea2pea:connection:close', (message) => this.#onClose((message as ConnectionCloseDiagnostic).reason)],
    [
      'pea2pea:connection:refused',
      (message) => this.#count(`refused: ${(message as ConnectionRefusedDiagnostic).cause}`),
    ],
    ['pea2pea:message:refused', () => this.#count('message refused')],
  ];

  constructor() {
    for (const [name, listener] of this.#subscriptions) channel(name).subscribe(listener);
  }

  get counts(): Counts {
    return this.#counts;
  }

  /** Adds what a scenario has counted itself. */
  add(counts: Counts): void {
    addCounts(this.#counts, counts);
  }

  /** Takes the counters of the nodes, and counts no further. */
  stop(): void {
    for (const [name, listener] of this.#subscriptions) channel(name).unsubscribe(listener);
    for (const counters of this.#counters) {
      for (const [name, count] of Object.entries(counters)) this.#count(`counter: ${name}`, count);
    }
  }

  #onClose(reason: DisconnectReason): void {
    this.#count(`closed: ${reason.origin}${'cause' in reason ? ` ${reason.cause}` : ''}`);
    if ('error' in reason && PeerError.is(reason.error)) this.#count(`error: ${reason.error.code}`);
  }

  #count(what: string, times = 1): void {
    if (times > 0) this.#counts[what] = (this.#counts[what] ?? 0) + times;
  }
}

/** Adds `more` to `sum`. */
export function addCounts(sum: Record<string, number>, more: Counts): void {
  for (const [what, count] of Object.entries(more)) sum[what] = (sum[what] ?? 0) + count;
}

/** What of {@link COVERABLE} never came to pass: nothing that a scenario promises about it was put to the test. */
export function neverSeen(counts: Counts): readonly string[] {
  return COVERABLE.filter((what) => counts[what] === undefined);
}

/** The lines of a report: what was seen, sorted, and what was not, a line for each kind. */
export function* coverageLines(counts: Counts): Iterable<string> {
  yield 'seen:';
  for (const [what, count] of Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1))) {
    yield `  ${what}: ${count}`;
  }
  yield 'never seen, so that nothing about it was put to the test:';
  const kinds = new Map<string, string[]>();
  for (const what of neverSeen(counts)) {
    const [kind = '', name] = what.split(': ');
    kinds.set(kind, [...(kinds.get(kind) ?? []), name ?? what]);
  }
  for (const [kind, names] of kinds) yield `  ${kind}: ${names.join(', ')}`;
}
