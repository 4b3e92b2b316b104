import { PeerError, type DisconnectReason, type PeerErrorCode } from '@pea2pea/core';
import { readData } from '@pea2pea/core/authoring';

/**
 * Why an address is not connected, and so what trying again is good for:
 * - `'final'`: trying again cannot help, or must not: the address is given up.
 * - `'ours'`: this side cannot for now. It says nothing about the address, and does not count as a failure of it.
 * - `'theirs'`: everything else: counts towards `maxAttempts`.
 */
export type Fault = 'final' | 'ours' | 'theirs';

/** What `reconnect` makes of errors by their code; what is listed nowhere is `'theirs'`. The docs quote this object. */
export const RECONNECT_RULES = {
  final: [
    'P2P_ERR_INVALID_ADDRESS',
    'P2P_ERR_INVALID_CONFIG',
    'P2P_ERR_SELF_CONNECT',
    'P2P_ERR_SHUTTING_DOWN',
    'P2P_ERR_UNSUPPORTED',
  ],
  ours: [
    'P2P_ERR_ABORTED',
    'P2P_ERR_ALREADY_CONNECTING',
    'P2P_ERR_TOO_MANY_CONNECTING',
    'P2P_ERR_TOO_MANY_CONNECTIONS',
    'P2P_ERR_TOO_MANY_CONNECTIONS_PER_IP',
  ],
  /** Errors of the system, as the `cause` of P2P_ERR_CONNECT_FAILED. */
  oursOfTheSystem: [
    'EADDRINUSE',
    'EADDRNOTAVAIL',
    'EAI_AGAIN',
    'EMFILE',
    'ENETDOWN',
    'ENETUNREACH',
    'ENFILE',
    'ENOBUFS',
    'ENOMEM',
  ],
} as const satisfies Record<string, readonly (PeerErrorCode | SystemCode)[]>;

type SystemCode = `E${string}`;

const FINAL: ReadonlySet<string> = new Set(RECONNECT_RULES.final);
const OURS: ReadonlySet<string> = new Set(RECONNECT_RULES.ours);
const SYSTEM: ReadonlySet<string> = new Set(RECONNECT_RULES.oursOfTheSystem);

/** Whose fault it is that a dial failed. */
export function faultOfDial(error: unknown): Fault {
  if (!PeerError.is(error)) return 'theirs';
  const { code } = error;
  if (FINAL.has(code)) return 'final';
  if (code === 'P2P_ERR_BANNED') return faultOfBan(error);
  if (OURS.has(code)) return 'ours';
  return code === 'P2P_ERR_CONNECT_FAILED' && isOursOfTheSystem(readData(error, 'cause')) ? 'ours' : 'theirs';
}

/**
 * Whose fault it is that a connection ended. One that this process ended is not dialled again, unless a plugin ended it for
 * something that passes.
 */
export function faultOfEnd(reason: DisconnectReason): Fault {
  if (reason.origin === 'shutdown' || reason.origin === 'detached') return 'final';
  if (reason.origin !== 'user') return 'theirs';
  const { error } = reason;
  if (PeerError.is(error, 'P2P_ERR_PEER_UNRESPONSIVE')) return 'theirs';
  return PeerError.is(error, 'P2P_ERR_BANNED') ? faultOfBan(error) : 'final';
}

/** A ban that ends says when. */
function faultOfBan(error: PeerError): Fault {
  return readData(readData(error, 'cause'), 'until') === undefined ? 'final' : 'ours';
}

/** Where several addresses were dialled, none may have failed by itself. */
function isOursOfTheSystem(cause: unknown): boolean {
  const errors = readData(cause, 'errors');
  if (Array.isArray(errors)) return errors.every((error) => faultOfDial(error) !== 'theirs');
  const code = readData(cause, 'code');
  return typeof code === 'string' && SYSTEM.has(code);
}
