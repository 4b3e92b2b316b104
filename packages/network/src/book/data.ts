import { SocketAddress } from '@pea2pea/core';
import { describe, invalidConfig } from '@pea2pea/core/authoring';
import { PeerAddress } from '../shared/peer-address.js';
import type { Entry, SourceKind } from './entry.js';

/** An address book as plain data. */
export interface AddressBookData {
  /** The version of this form. */
  readonly version: 1;
  /** What places depend on; nobody else should know it. */
  readonly secret: string;
  /** The addresses, oldest first. Times are milliseconds since the Unix epoch, 0 for never. */
  readonly addresses: readonly Readonly<Omit<Entry, 'slots' | 'group'>>[];
}

const SOURCES: readonly SourceKind[] = ['configured', 'dialled', 'discovered', 'told'];

/**
 * The data of a book, checked: a file may have been changed, or be another one. Addresses that cannot be read are left out.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG when it is not a book at all
 */
export function readBookData(data: unknown): AddressBookData {
  const { version, secret, addresses } = (typeof data === 'object' && data !== null ? data : {}) as Partial<
    Record<keyof AddressBookData, unknown>
  >;
  if (version !== 1) throw invalidConfig(`the data is not an address book of version 1: ${describe(data)}`);
  if (typeof secret !== 'string' || secret.length < 16) throw invalidConfig('the address book has no secret');
  if (!Array.isArray(addresses)) throw invalidConfig('the address book has no list of addresses');
  return { version, secret, addresses: addresses.filter(isStored) };
}

function isStored(value: unknown): value is AddressBookData['addresses'][number] {
  if (typeof value !== 'object' || value === null) return false;
  const { address, source, sourceGroup, isProven, seenMs, attemptMs, successMs, failures } = value as Partial<
    Record<keyof Entry, unknown>
  >;
  return (
    isAddress(address) &&
    SOURCES.includes(source as SourceKind) &&
    typeof sourceGroup === 'string' &&
    typeof isProven === 'boolean' &&
    [seenMs, attemptMs, successMs, failures].every(
      (number) => Number.isSafeInteger(number) && Number(number) >= 0,
    )
  );
}

function isAddress(text: unknown): boolean {
  if (typeof text !== 'string') return false;
  try {
    return SocketAddress.from(PeerAddress.from(text).address).port !== 0;
  } catch {
    return false;
  }
}
