import { isNativeError } from 'node:util/types';
import type { CounterName } from '../contracts/counters.js';
import { readData } from '../errors/describe.js';
import { entryOf } from '../errors/error-registry.js';
import type { PeerErrorCode } from '../errors/error-table.js';
import { PeerError } from '../errors/errors.js';
import type { SocketAddress } from '../net/socket-address.js';
import type { Kernel } from '../connection/kernel.js';
import { shuttingDown } from './connection-setup.js';

/** How many addresses the message of an error lists; `cause` has them all. */
const LISTED = 4;

/** What came of one address of a dial. */
export interface AddressFailure {
  readonly address: SocketAddress;
  readonly error: PeerError;
}

/** A dial that the node itself refused, before anything was dialled; counted apart. */
class DialRefused extends PeerError {
  readonly #isOurs = true;
  readonly address: SocketAddress;

  constructor(code: PeerErrorCode, address: SocketAddress, what: string, options?: { cause?: unknown }) {
    super(code, what, options);
    this.address = address;
  }

  /** Not by `instanceof`, which runs code of prototypes. INVARIANT: foreign-values-are-harmless. */
  static isIn(error: PeerError): error is DialRefused {
    return #isOurs in error;
  }
}

export function refusal(kernel: Kernel, address: SocketAddress, code: PeerErrorCode): PeerError {
  if (code === 'P2P_ERR_SHUTTING_DOWN') return shuttingDown(kernel);
  return new DialRefused(code, address, `cannot connect to ${address}: ${entryOf(code)!.when}`);
}

/** The one error for all addresses of a name. Where nothing was dialled, it is a refusal. */
export function failureOf(given: SocketAddress, failures: readonly AddressFailure[]): PeerError {
  const [first] = failures;
  if (first === undefined) return new PeerError('P2P_ERR_CONNECT_FAILED', `${given} has no address`);
  if (failures.length === 1) return first.error;
  const what = `cannot connect to ${given}: ${listed(failures)}`;
  const cause = causesOf(failures);
  if (failures.some(({ error }) => !DialRefused.isIn(error))) {
    return new PeerError('P2P_ERR_CONNECT_FAILED', what, { cause });
  }
  // The own address beside others is not a reason to give the name up for good.
  const telling = failures.find(({ error }) => error.code !== 'P2P_ERR_SELF_CONNECT') ?? first;
  return new DialRefused(telling.error.code, telling.address, what, { cause });
}

/** All of them, as the `cause` of one error. */
export function causesOf(failures: readonly AddressFailure[]): AggregateError {
  return new AggregateError(
    failures.map(({ error }) => error),
    listed(failures),
  );
}

/** `192.0.2.1:80 (ECONNREFUSED), [2001:db8::1]:80 (EHOSTUNREACH), and 3 more` */
export function listed(failures: readonly AddressFailure[]): string {
  const first = failures.slice(0, LISTED).map(({ address, error }) => `${address} (${inBrief(error)})`);
  const more = failures.length - first.length;
  return first.join(', ') + (more > 0 ? `, and ${more} more` : '');
}

/** The code of the system, where there is one. The error may come from a transport that is not ours. */
function inBrief(error: PeerError): string {
  const cause = readData(error, 'cause');
  const found = isNativeError(cause) ? readData(cause, 'code') : undefined;
  return typeof found === 'string' ? found : error.code;
}

export function asConnectError(address: SocketAddress, thrown: unknown): PeerError {
  if (PeerError.is(thrown)) return thrown;
  return new PeerError('P2P_ERR_CONNECT_FAILED', `cannot connect to ${address}`, { cause: thrown });
}

/** Tells what became of a dial, where that is told by none of its parts. */
export function tellDialFailure(kernel: Kernel, address: SocketAddress, error: unknown): void {
  if (!PeerError.is(error)) return;
  const isRefused = DialRefused.isIn(error);
  if (isRefused) kernel.outcomes.refused(error.address, 'outbound', error.code, 'dialsRefused');
  kernel.outcomes.notReached(address, error, isRefused ? undefined : failureCounter(error));
}

/** The counter of what a dial itself fails with, whatever its transport throws; a setup that fails counts its own. */
function failureCounter({ code }: PeerError): CounterName {
  return code === 'P2P_ERR_CONNECT_TIMEOUT' ? 'connectTimeouts' : 'connectFailures';
}
