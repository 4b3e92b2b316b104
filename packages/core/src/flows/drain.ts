import type { PeerConnection } from '../connection/connection.js';
import type { Kernel } from '../connection/kernel.js';
import { Deadline } from '../mechanisms/deadline.js';
import type { Listener } from './listener.js';
import type { CloseReport, CutOff } from './shutdown.js';

/** How a node drains. */
export interface DrainOptions {
  /**
   * How long handlers and announced work may take, in milliseconds. Closing has a time of its own, `closeTimeoutMs`: both together
   * are to be less than whoever ends the process waits for, which is 30 seconds with Kubernetes.
   * @default 20000
   */
  readonly timeoutMs?: number;
  /**
   * For how long the node goes on listening and serving although it is not ready any more, in milliseconds: until those who
   * send it peers have noticed.
   * @default 0
   */
  readonly delayMs?: number;
  /** Whether the node is left open, for those who have more to end before they close it. @default false */
  readonly keepOpen?: boolean;
}

/** How a node drained. */
export interface DrainReport {
  /** How long it took until nobody worked, in milliseconds; closing not included. */
  readonly elapsedMs: number;
  /** What had not ended in time, or when `close()` was called; empty when all went well. */
  readonly cut: readonly CutOff[];
  /** How the node closed; undefined with `keepOpen`. */
  readonly close: CloseReport | undefined;
}

/**
 * Lets a node come to rest.
 *
 * ```text
 *   delay -> no more inbound peers -> onDrain -> work of now -> inbound connections end, each when it is free -> outbound: free
 *   serves as before                  `------------------------- deadline: timeoutMs --------------------------------'
 * ```
 *
 * Connections that this side dialled live until the node closes: the work of others may need them.
 */
export class Drain {
  readonly #kernel: Kernel;
  readonly #listener: Listener;
  readonly #timeoutMs: number;
  readonly #delayMs: number;
  #waiting: Deadline | undefined;
  #isCut = false;

  constructor(kernel: Kernel, listener: Listener, { timeoutMs, delayMs }: Required<DrainOptions>) {
    this.#kernel = kernel;
    this.#listener = listener;
    this.#timeoutMs = timeoutMs;
    this.#delayMs = delayMs;
  }

  /** Ends all waiting: what is not done by now is cut. */
  cut(): void {
    this.#isCut = true;
    this.#waiting?.expire();
  }

  async run(): Promise<Omit<DrainReport, 'close'>> {
    const { clock, table } = this.#kernel;
    const startedMs = clock.now();
    if (this.#delayMs > 0) await this.#within(this.#delayMs).wait(NEVER);
    table.refuseInbound();
    this.#listener.stop();
    const deadline = this.#within(this.#timeoutMs);
    await deadline.wait(this.#tellHooks());
    const connections = [...table];
    await deadline.wait(Promise.all(connections.map((connection) => onceFree(connection))));
    const isInbound = ({ direction }: PeerConnection): boolean => direction === 'inbound';
    await deadline.wait(Promise.all([...table].filter(isInbound).map(endOnceFree)));
    const others = [...table].filter((connection) => !isInbound(connection));
    await deadline.wait(Promise.all(others.map((connection) => onceFree(connection))));
    deadline.cancel();
    return { elapsedMs: clock.now() - startedMs, cut: [...table].filter(isBusy).map(asCut) };
  }

  #within(ms: number): Deadline {
    const deadline = new Deadline(this.#kernel.clock, ms);
    this.#waiting = deadline;
    if (this.#isCut) deadline.expire();
    return deadline;
  }

  /** All begin in this turn; one that fails is logged. */
  #tellHooks(): Promise<unknown> {
    const tell = async (hook: () => unknown): Promise<void> => {
      try {
        await hook();
      } catch (error) {
        this.#kernel.logger.error({ err: error }, 'onDrain failed');
      }
    };
    return Promise.all(this.#kernel.hooks.drain.map(tell));
  }
}

const NEVER = new Promise<never>(() => {});

function isBusy({ state, reader, isHeld }: PeerConnection): boolean {
  return state === 'open' && (reader.receiver.isWorking || isHeld);
}

/** Calls `act` at the first moment at which nobody works for the connection; resolves then, or when it has ended. */
function onceFree(connection: PeerConnection, act?: () => void): Promise<unknown> {
  if (!isBusy(connection)) {
    act?.();
    return Promise.resolve();
  }
  const free = new Promise<void>((resolve) => {
    const look = (): void => {
      connection.reader.whenHandled = undefined;
      if (connection.state !== 'open') return;
      if (connection.reader.receiver.isWorking) {
        connection.reader.whenHandled = look;
      } else if (connection.isHeld) {
        void connection.freed.then(look);
      } else {
        act?.();
        resolve();
      }
    };
    look();
  });
  return Promise.race([free, connection.closed]);
}

async function endOnceFree(connection: PeerConnection): Promise<void> {
  // Before the next message can begin: in the very moment in which the handler is done.
  await onceFree(connection, () => connection.endFor({ origin: 'shutdown' }));
  await connection.teardown?.done;
}

function asCut({ isHeld, address, id }: PeerConnection): CutOff {
  return { what: isHeld ? 'work' : 'handler', address, connection: id };
}
