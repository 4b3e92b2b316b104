import type { Timer } from '../contracts/clock.js';
import type { PeerErrorCode } from '../errors/error-table.js';
import { PeerError } from '../errors/errors.js';
import type { SocketAddress } from '../net/socket-address.js';
import type { Link, TransportConnectOptions } from '../contracts/transport.js';
import type { PeerConnection } from '../connection/connection.js';
import type { Slot } from '../connection/connection-table.js';
import type { Kernel } from '../connection/kernel.js';
import { CancellationSource, raceAgainst } from '../authoring/cancellation.js';
import { overdue } from '../mechanisms/overdue.js';
import { isPromise } from '../authoring/thenable.js';
import { discard } from '../connection/foreign-stream.js';
import {
  asConnectError,
  causesOf,
  tellDialFailure,
  failureOf,
  listed,
  refusal,
  type AddressFailure,
} from './dial-errors.js';

/** How long an attempt is alone before the next one begins beside it: RFC 8305, section 5, "Connection Attempt Delay". */
const ATTEMPT_DELAY_MS = 250;

/** How many addresses of a name are dialled: every attempt under way holds a socket. */
const MAX_ADDRESSES = 32;

/** A link, and the slot that it was reserved. */
export interface Reached {
  readonly slot: Slot<PeerConnection>;
  readonly link: Link;
}

/** Where to dial from, and whether beside other connections with the address. */
type Origin = Pick<TransportConnectOptions, 'localAddress' | 'localPort'> & { readonly parallel?: boolean };

/** Resolves with the first link to one of the addresses that `given` stands for. @throws {PeerError} why there is none */
export async function reach(
  kernel: Kernel,
  given: SocketAddress,
  origin: Origin,
  cancellation: CancellationSource,
): Promise<Reached> {
  try {
    const resolved = kernel.config.transport.resolve(given);
    const addresses = isPromise(resolved) ? await raceAgainst(cancellation, () => resolved) : resolved;
    return await new Race(kernel, given, inTurn(addresses), origin, cancellation).run();
  } catch (error) {
    tellDialFailure(kernel, given, error);
    throw error;
  }
}

/** INVARIANT: reserve-once. @throws {PeerError} why `address` may not be connected now */
export function reserve(kernel: Kernel, address: SocketAddress, parallel?: boolean): Slot<PeerConnection> {
  const slot = isOwn(kernel, address)
    ? 'P2P_ERR_SELF_CONNECT'
    : kernel.table.reserve(address, 'outbound', parallel);
  if (typeof slot !== 'string') return slot;
  const error = refusal(kernel, address, slot);
  tellDialFailure(kernel, address, error);
  throw error;
}

/** The order of RFC 8305, section 4: the first one stays first, then the families take turns. Each address once. */
function inTurn(addresses: readonly SocketAddress[]): SocketAddress[] {
  const each = [...new Map(addresses.map((address) => [address.toString(), address])).values()];
  const isIpv6 = ({ host }: SocketAddress): boolean => host.includes(':');
  const family = each.filter((address) => isIpv6(address) === isIpv6(each[0]!));
  const other = each.filter((address) => isIpv6(address) !== isIpv6(each[0]!));
  const ordered: SocketAddress[] = [];
  for (let turn = 0; turn < Math.max(family.length, other.length); turn++) {
    ordered.push(...family.slice(turn, turn + 1), ...other.slice(turn, turn + 1));
  }
  return ordered.slice(0, MAX_ADDRESSES);
}

/**
 * Dials several addresses for one connection, as RFC 8305 has it ("happy eyeballs").
 *
 * ```text
 *   first address   --------------------------- no answer, cancelled
 *                      250 ms
 *   second                   ------- failed
 *   third                            ----- connected: the link of the dial
 * ```
 *
 * The next attempt begins when the one before has failed, or has been alone for 250 ms. The first link wins; the others
 * are cancelled and leave nothing behind: no counter, no log line, no slot. All of it is one dial to the limits: one
 * slot, which holds every address that was tried until the dial has ended.
 *
 * note: own addresses, and those whose group is full, are passed over while others are left. An address that is
 * connected already ends the dial, unless it is to be a parallel one: the peer of that name is there.
 */
class Race {
  readonly #kernel: Kernel;
  readonly #given: SocketAddress;
  readonly #origin: Origin;
  readonly #cancellation: CancellationSource;
  /** Those whose turn has not come. */
  readonly #left: SocketAddress[];
  readonly #underWay = new Set<CancellationSource>();
  readonly #failures: AddressFailure[] = [];
  #slot: Slot<PeerConnection> | undefined;
  #delay: Timer | undefined;
  #won = false;
  /** Why there is no link. The race is over when no attempt is under way any more. */
  #reason: PeerError | undefined;
  #resolve!: (reached: Reached) => void;
  #reject!: (reason: PeerError) => void;

  constructor(
    kernel: Kernel,
    given: SocketAddress,
    addresses: SocketAddress[],
    origin: Origin,
    cancellation: CancellationSource,
  ) {
    this.#kernel = kernel;
    this.#given = given;
    this.#left = addresses;
    this.#origin = origin;
    this.#cancellation = cancellation;
  }

  run(): Promise<Reached> {
    return new Promise((resolve, reject) => {
      this.#cancellation.throwIfCancelled();
      this.#resolve = resolve;
      this.#reject = reject;
      this.#cancellation.add(this.#onCancel);
      this.#beginNext();
    });
  }

  readonly #onCancel = (): void => this.#giveUp(this.#cancelled(this.#cancellation.reason!));

  readonly #beginNext = (): void => {
    this.#delay?.cancel();
    for (let address = this.#left.shift(); address !== undefined; address = this.#left.shift()) {
      const code = this.#take(address);
      if (code === undefined) {
        if (this.#left.length > 0) {
          // A link that came while the event loop stood still is taken first.
          this.#delay = overdue(this.#kernel.clock, ATTEMPT_DELAY_MS, this.#beginNext);
        }
        void this.#attempt(address);
        return;
      }
      const error = refusal(this.#kernel, address, code);
      if (!PASSED_OVER.has(code)) {
        this.#giveUp(error);
        return;
      }
      this.#failures.push({ address, error });
    }
    if (this.#underWay.size === 0) this.#giveUp(failureOf(this.#given, this.#failures));
  };

  /** INVARIANT: reserve-once. Undefined where the address is ours to dial now. */
  #take(address: SocketAddress): PeerErrorCode | undefined {
    if (isOwn(this.#kernel, address)) return 'P2P_ERR_SELF_CONNECT';
    if (this.#slot !== undefined) return this.#slot.claim(address);
    const slot = this.#kernel.table.reserve(address, 'outbound', this.#origin.parallel);
    if (typeof slot === 'string') return slot;
    this.#slot = slot;
    return undefined;
  }

  /** It never rejects. */
  async #attempt(address: SocketAddress): Promise<void> {
    const { transport, noDelay, keepAlive } = this.#kernel.config;
    const { localAddress, localPort } = this.#origin;
    const cancellation = new CancellationSource();
    const options = { cancellation, noDelay, keepAlive, localAddress, localPort };
    this.#underWay.add(cancellation);
    try {
      const link = await transport.connect(address, options);
      this.#underWay.delete(cancellation);
      this.#onLink(address, link);
    } catch (thrown) {
      this.#underWay.delete(cancellation);
      this.#onFailure(address, thrown);
    }
  }

  #onLink(address: SocketAddress, link: Link): void {
    if (this.#won || this.#reason !== undefined) {
      // Too late to be cancelled.
      this.#kernel.own(link);
      discard(() => link.reset());
      discard(() => link.stream.destroy());
      this.#rejectOnceAlone();
      return;
    }
    this.#won = true;
    this.#end();
    for (const loser of this.#underWay) loser.cancel(lost(address));
    this.#slot!.settle(address);
    this.#resolve({ slot: this.#slot!, link });
  }

  #onFailure(address: SocketAddress, thrown: unknown): void {
    if (this.#won) return;
    if (this.#reason !== undefined) {
      this.#rejectOnceAlone();
      return;
    }
    const error = asConnectError(address, thrown);
    if (error.code !== 'P2P_ERR_CONNECT_FAILED') {
      this.#giveUp(error);
      return;
    }
    this.#failures.push({ address, error });
    this.#beginNext();
  }

  #giveUp(reason: PeerError): void {
    if (this.#won || this.#reason !== undefined) return;
    this.#reason = reason;
    this.#end();
    for (const attempt of this.#underWay) attempt.cancel(reason);
    this.#rejectOnceAlone();
  }

  /** The sockets of a dial are gone when its promise rejects. */
  #rejectOnceAlone(): void {
    if (this.#reason === undefined || this.#underWay.size > 0) return;
    this.#slot?.release();
    this.#reject(this.#reason);
  }

  #end(): void {
    this.#delay?.cancel();
    this.#cancellation.remove(this.#onCancel);
  }

  /** The error of a timeout tells how the addresses failed that had an outcome by then. */
  #cancelled(reason: PeerError): PeerError {
    if (reason.code !== 'P2P_ERR_CONNECT_TIMEOUT' || this.#failures.length === 0) return reason;
    const what = `${reason.what}; others failed: ${listed(this.#failures)}`;
    const cause = causesOf(this.#failures);
    return new PeerError(reason.code, what, { cause });
  }
}

/** Refusals that say nothing about the other addresses of a name. */
const PASSED_OVER: ReadonlySet<PeerErrorCode> = new Set([
  'P2P_ERR_SELF_CONNECT',
  'P2P_ERR_TOO_MANY_CONNECTIONS_PER_IP',
]);

function isOwn(kernel: Kernel, address: SocketAddress): boolean {
  return kernel.listening.some((own) => own.isReachedBy(address));
}

function lost(winner: SocketAddress): PeerError {
  return new PeerError('P2P_ERR_ABORTED', `${winner} was connected first`);
}
