import type { ResolvedConfig } from '../contracts/config.js';
import type { PeerError } from '../errors/errors.js';
import type { SocketAddress } from '../net/socket-address.js';
import type { SetupInside } from '../contracts/inside.js';
import type { Link } from '../contracts/transport.js';
import type { CancellationSource } from '../authoring/cancellation.js';
import type { Cancellation } from '../contracts/cancellation.js';
import { ConnectionTable } from './connection-table.js';
import type { ConnectionFlows, PeerConnection } from './connection.js';
import { discard } from './foreign-stream.js';
import { HandshakePace } from './handshake-pace.js';
import { NodeContext } from './node-context.js';
import { Outcomes } from './outcomes.js';

/** What a setup or a dial is to be shown as, as long as it is under way. */
export type SetupAbout = Omit<SetupInside, 'sinceMs'>;

/** A setup or a dial that has begun. */
export interface SetupUnderWay extends Omit<SetupInside, 'phase'> {
  phase: SetupInside['phase'];
  /** Settles as it does. */
  ended: Promise<unknown>;
}

/** What the flows of one node share: who is connected, and what is under way. */
export class Kernel extends NodeContext {
  readonly table: ConnectionTable<PeerConnection>;
  readonly outcomes: Outcomes;
  readonly #pace: HandshakePace;
  /** Links that are not closed yet. */
  readonly links = new Map<Link, () => void>();
  /** Whether a stream was handed over to somebody else. */
  hasHandedOver = false;
  /** Whether all `onStart` hooks have succeeded. */
  hasStarted = false;
  /** Setups and dials under way: how to cancel each, and when it has ended. */
  readonly #setups = new Map<CancellationSource, SetupUnderWay>();
  readonly flows: ConnectionFlows;
  /** Where the node listens, to know itself when it is dialled. */
  listening: readonly SocketAddress[] = [];

  constructor(config: ResolvedConfig, flows: ConnectionFlows) {
    super(config);
    this.table = new ConnectionTable(config);
    this.outcomes = new Outcomes(this.about, config, this.clock, this.logger, this.peerLog, this.heuristics);
    this.#pace = new HandshakePace(this.clock, config.maxHandshakesPerSecondPerIp, config.ipv6PrefixLength);
    this.flows = flows;
  }

  /** The kernel owns `link` from here on. @throws what a stream that somebody brought along throws; then it does not */
  own(link: Link): void {
    if (link.stream.closed) return; // a user brought it along, and it was over before it began
    const onClose = (): void => void this.links.delete(link);
    link.stream.on('close', onClose); // `once` would cost two objects more, and it comes once
    this.links.set(link, onClose);
  }

  /** `link` is somebody else's from here on. INVARIANT: nothing-left. */
  handOver(link: Link): void {
    const onClose = this.links.get(link);
    if (onClose !== undefined) discard(() => link.stream.off('close', onClose));
    this.links.delete(link);
    this.hasHandedOver = true;
  }

  /** INVARIANT: fair-shares. When an inbound peer may cost an expensive computation; undefined: now. */
  readonly waitForTurn = (address: SocketAddress, cancellation: Cancellation): Promise<void> | undefined => {
    const turn = this.#pace.turnOf(address, cancellation);
    if (turn !== undefined) this.outcomes.delayed(address);
    return turn;
  };

  /**
   * Runs a setup, and remembers it until it has settled.
   *
   * note: `setup` starts in a later microtask. It is remembered by then, so that a hook that closes the
   * node cancels it, too; and a released slot starts the next setup without growing the stack.
   */
  track<T>(
    cancellation: CancellationSource,
    about: SetupAbout,
    setup: (underWay: SetupUnderWay) => Promise<T>,
  ): Promise<T> {
    const running: Promise<T> = Promise.resolve().then(() => setup(underWay));
    const underWay: SetupUnderWay = { ...about, sinceMs: this.clock.now(), ended: running };
    this.#setups.set(cancellation, underWay);
    const forget = (): void => void this.#setups.delete(cancellation);
    running.then(forget, forget);
    return running;
  }

  /** What is being set up now, in the order in which it began. */
  get setupsUnderWay(): SetupInside[] {
    return [...this.#setups.values()].map(({ address, direction, phase, sinceMs }) => ({
      address,
      direction,
      phase,
      sinceMs,
    }));
  }

  /** Ends all setups with `error`; resolves when they have settled. */
  async cancelSetups(error: PeerError): Promise<void> {
    for (const cancellation of this.#setups.keys()) cancellation.cancel(error);
    await Promise.allSettled([...this.#setups.values()].map(({ ended }) => ended));
  }
}
