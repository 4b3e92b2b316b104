import { PeerError, type Clock } from '@pea2pea/core';
import { describe } from '@pea2pea/core/authoring';
import type { Violations } from './violations.js';

/** How a call ended; `code` is that of its PeerError. */
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

/** Sees to it that every promise handed out settles in time, and as documented. */
export class Watchdog {
  readonly #clock: Clock;
  readonly #violations: Violations;
  readonly #deadlineMs: number;
  readonly #open = new Set<{ owner: string; what: string }>();

  constructor(clock: Clock, violations: Violations, deadlineMs: number) {
    this.#clock = clock;
    this.#violations = violations;
    this.#deadlineMs = deadlineMs;
  }

  /**
   * Settles when `promise` does, or when it took too long; never rejects. `onSettled` is called before
   * {@link openOf} forgets the call, so that whoever waits for that finds everything written down.
   */
  watch<T>(
    owner: string,
    call: Call,
    promise: Promise<T>,
    onSettled: (outcome: Outcome<T>) => void = () => {},
  ): Promise<Outcome<T>> {
    return this.#observe(owner, call, promise, onSettled, this.#deadlineMs);
  }

  /** As {@link watch}, for what may take as long as its connection lives. */
  track<T>(owner: string, call: Call, promise: Promise<T>): Promise<Outcome<T>> {
    return this.#observe(owner, call, promise, () => {}, undefined);
  }

  #observe<T>(
    owner: string,
    call: Call,
    promise: Promise<T>,
    onSettled: (outcome: Outcome<T>) => void,
    deadlineMs: number | undefined,
  ): Promise<Outcome<T>> {
    const entry = { owner, what: call };
    this.#open.add(entry);
    return new Promise((resolve) => {
      const settle = (outcome: Outcome<T>): void => {
        if (!this.#open.has(entry)) return; // too late
        timer?.cancel();
        onSettled(outcome);
        this.#open.delete(entry);
        resolve(outcome);
      };
      const tooLate = (): void => {
        this.#violations.report('wedged', `${owner}: ${call} has not settled in ${deadlineMs} ms`);
        settle({ ok: false, code: 'WEDGED' });
      };
      const timer = deadlineMs === undefined ? undefined : this.#clock.setTimeout(tooLate, deadlineMs);
      promise.then(
        (value) => settle({ ok: true, value, code: 'ok' }),
        (error: unknown) => settle({ ok: false, code: this.code(owner, call, error) }),
      );
    });
  }

  /** The code of `error`, which `call` threw; a violation where it is none that is documented. */
  code(owner: string, call: Call, error: unknown): string {
    const code = PeerError.is(error) ? error.code.replace('P2P_ERR_', '') : undefined;
    const documented: readonly string[] = DOCUMENTED[call];
    if (code !== undefined && documented.includes(code)) return code;
    this.#violations.report('alien-error', `${owner}: ${call} ended with ${describe(error)}`);
    return code ?? 'ALIEN';
  }

  /** Calls of `owner` that have not settled. */
  openOf(owner: string): readonly string[] {
    return [...this.#open].filter((entry) => entry.owner === owner).map(({ what }) => what);
  }
}
