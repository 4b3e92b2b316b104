import { PeerError } from '@pea2pea/core';
import { Patience } from './patience.js';
import { describe } from '@pea2pea/core/authoring';
import type { Place } from './ground.js';
import type { Rule } from './violations.js';

/** Whose calls are watched. */
export interface Owner {
  readonly place: Pick<Place, 'clock' | 'isGone'>;
  report(rule: Rule, what: string): void;
}

/** How a call ended; `code` is that of its PeerError, or `GONE` where the process of its owner is dead. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T; readonly code: 'ok' }
  | { readonly ok: false; readonly code: string };

/** What calls of each kind may reject with, as their documentation says. */
const DOCUMENTED = {
  connect: [
    'INVALID_ADDRESS',
    'SELF_CONNECT',
    'ALREADY_CONNECTED',
    'ALREADY_CONNECTING',
    'TOO_MANY_CONNECTIONS',
    'TOO_MANY_CONNECTIONS_PER_IP',
    'TOO_MANY_CONNECTING',
    'CONNECT_FAILED',
    'CONNECT_TIMEOUT',
    'HANDSHAKE_FAILED',
    'HANDSHAKE_REJECTED',
    'HANDSHAKE_TIMEOUT',
    'HANDSHAKE_ENDED',
    'FRAME_TOO_LARGE', // the handshake hook's own `readUntil`
    'DETACHED',
    'ABORTED',
    'SHUTTING_DOWN',
  ],
  listen: ['ALREADY_LISTENING', 'LISTEN_FAILED', 'SHUTTING_DOWN'],
  stopListening: [],
  send: [
    'QUEUE_FULL',
    'ENCODE_FAILED',
    'DISCONNECTED',
    'WRITE_TIMEOUT',
    'ABORTED',
    'SENT_AFTER_END',
    'RENEGOTIATING',
  ],
  renegotiate: [
    'HANDSHAKE_FAILED',
    'HANDSHAKE_REJECTED',
    'HANDSHAKE_TIMEOUT',
    'HANDSHAKE_ENDED',
    'INVALID_FRAME', // what the hook's own decoder throws
    'DISCONNECTED',
    'WRITE_TIMEOUT',
    'SENT_AFTER_END',
    'RENEGOTIATING',
  ],
  detach: ['DISCONNECTED', 'WRITE_TIMEOUT', 'SENT_AFTER_END', 'RENEGOTIATING'],
  drained: ['DISCONNECTED', 'WRITE_TIMEOUT', 'SENT_AFTER_END'],
  end: ['DISCONNECTED', 'WRITE_TIMEOUT'],
  next: ['ENDED', 'DISCONNECTED', 'ABORTED', 'ALREADY_PULLING'],
  disconnect: [],
  close: [],
  broadcast: ['ENCODE_FAILED'],
  trySend: ['ENCODE_FAILED'],
} as const satisfies Record<string, readonly string[]>;

export type Call = keyof typeof DOCUMENTED;

const GONE = { ok: false, code: 'GONE' } as const;

interface Entry {
  readonly owner: Owner;
  readonly what: string;
  abandon: () => void;
}

/** Sees to it that every promise handed out settles in time, and as documented. */
export class Watchdog {
  readonly #deadlineMs: number;
  readonly #open = new Set<Entry>();

  constructor(deadlineMs: number) {
    this.#deadlineMs = deadlineMs;
  }

  /**
   * Settles when `promise` does, or when it took too long; never rejects. `onSettled` is called before
   * {@link openOf} forgets the call, so that whoever waits for that finds everything written down.
   */
  watch<T>(
    owner: Owner,
    call: Call,
    promise: Promise<T>,
    onSettled: (outcome: Outcome<T>) => void = () => {},
  ): Promise<Outcome<T>> {
    return this.#observe(owner, call, promise, onSettled, this.#deadlineMs);
  }

  /** As {@link watch}, for what may take as long as its connection lives. */
  track<T>(owner: Owner, call: Call, promise: Promise<T>): Promise<Outcome<T>> {
    return this.#observe(owner, call, promise, () => {}, undefined);
  }

  #observe<T>(
    owner: Owner,
    call: Call,
    promise: Promise<T>,
    onSettled: (outcome: Outcome<T>) => void,
    deadlineMs: number | undefined,
  ): Promise<Outcome<T>> {
    if (owner.place.isGone) return Promise.resolve(GONE);
    const entry: Entry = { owner, what: call, abandon: () => {} };
    this.#open.add(entry);
    return new Promise((resolve) => {
      const settle = (outcome: Outcome<T>): void => {
        if (!this.#open.has(entry)) return; // too late
        patience.end();
        onSettled(outcome);
        this.#open.delete(entry);
        resolve(outcome);
      };
      const tooLate = (): void => {
        owner.report('wedged', `${call} has not settled in ${deadlineMs} ms`);
        settle({ ok: false, code: 'WEDGED' });
      };
      const patience = new Patience(owner.place.clock, deadlineMs, tooLate);
      entry.abandon = () => settle(GONE);
      promise.then(
        (value) => settle({ ok: true, value, code: 'ok' }),
        (error: unknown) => settle({ ok: false, code: this.code(owner, call, error) }),
      );
    });
  }

  /** The code of `error`, which `call` threw; a violation where it is none that is documented. */
  code(owner: Owner, call: Call, error: unknown): string {
    const code = PeerError.is(error) ? error.code.replace('P2P_ERR_', '') : undefined;
    const documented: readonly string[] = DOCUMENTED[call];
    if (code !== undefined && documented.includes(code)) return code;
    owner.report('alien-error', `${call} ended with ${describe(error)}`);
    return code ?? 'ALIEN';
  }

  /** The process of `owner` is dead: nobody waits for it any more. */
  bury(owner: Owner): void {
    for (const entry of this.#open) if (entry.owner === owner) entry.abandon();
  }

  /** Calls of `owner` that have not settled. */
  openOf(owner: Owner): readonly string[] {
    return [...this.#open].filter((entry) => entry.owner === owner).map(({ what }) => what);
  }
}
