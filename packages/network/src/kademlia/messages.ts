import type { StandardSchemaV1 } from '@pea2pea/core';
import { readData } from '@pea2pea/core/authoring';
import { method } from '@pea2pea/rpc';
import { PeerAddress } from '../shared/peer-address.js';
import { readId } from './id.js';
import type { RecordMessage } from './record.js';

/** As many contacts and providers fit in one reply. */
export const MAX_LISTED = 64;
/** As many places are listed in a hello. */
export const MAX_LISTENS = 4;

/** Why a node refuses a request: the codes of the errors that it responds with. */
export const REFUSALS = {
  /** The peer sends too many requests. */
  busy: 1,
  /** Many nodes are closer to the key than the one that was asked. */
  far: 2,
  /** There is no room: for this key, for this peer, or at all. */
  full: 3,
  /** The value is forged, over, too long, or not one that the node accepts. */
  invalid: 4,
  /** The node has a newer value. */
  old: 5,
  /** The peer has no identity, or does not say where it listens. */
  unreachable: 6,
} as const;

/** The name of a {@link REFUSALS}. */
export type Refusal = keyof typeof REFUSALS;

/** Asks for what is close to an id or a key, and what is stored there. */
export interface FindParams {
  readonly target: string;
}
/** What `find` returns: contacts as `<identity>@host:port`. */
export interface FindResult {
  readonly contacts: readonly string[];
  readonly record?: RecordMessage;
  /** For how many seconds more the record is kept. */
  readonly ttlSeconds?: number;
  readonly providers?: readonly string[];
}
export interface StoreParams {
  readonly record: RecordMessage;
  readonly ttlSeconds: number;
}
export interface ProvideParams {
  readonly key: string;
}

export const PING = method<void, null>('ping');
export const FIND_NODE = method('find_node', { params: schema(readFind), result: schema(readFound) });
export const FIND_VALUE = method('find_value', { params: schema(readFind), result: schema(readFound) });
export const FIND_PROVIDERS = method('find_providers', {
  params: schema(readFind),
  result: schema(readFound),
});
export const STORE = method('store', { params: schema(readStore) });
export const PROVIDE = method('provide', { params: schema(readProvide) });

/** Where a peer says that it listens, in its hello. */
export function readHello(hello: unknown): string[] {
  const listens = readData(hello, 'listens');
  if (!Array.isArray(listens)) return [];
  return listens.slice(0, MAX_LISTENS).filter((place): place is string => typeof place === 'string');
}

/** The addresses with identities in a list; whatever else it holds is left out. */
export function readPeers(list: readonly string[]): PeerAddress[] {
  return list.flatMap((text) => {
    try {
      const peer = PeerAddress.from(text);
      const { port, isWildcard, path } = peer.address;
      const isUsable = peer.identity !== undefined && path === undefined && port !== 0 && !isWildcard;
      return isUsable ? [peer] : [];
    } catch {
      return [];
    }
  });
}

function readFind(value: unknown): FindParams | undefined {
  const target = readData(value, 'target');
  return readId(target) === undefined ? undefined : { target: target as string };
}

function readFound(value: unknown): FindResult | undefined {
  const [contacts, providers] = [readData(value, 'contacts'), readData(value, 'providers')];
  if (!isList(contacts) || !(providers === undefined || isList(providers))) return undefined;
  const [record, ttl] = [readData(value, 'record'), readData(value, 'ttlSeconds')];
  return {
    contacts,
    ...(providers !== undefined && { providers }),
    ...(typeof record === 'object' && record !== null && { record: record as RecordMessage }),
    ...(isSeconds(ttl) && { ttlSeconds: ttl }),
  };
}

function readStore(value: unknown): StoreParams | undefined {
  const [record, ttlSeconds] = [readData(value, 'record'), readData(value, 'ttlSeconds')];
  if (typeof record !== 'object' || record === null || !isSeconds(ttlSeconds)) return undefined;
  return { record: record as RecordMessage, ttlSeconds };
}

function readProvide(value: unknown): ProvideParams | undefined {
  const key = readData(value, 'key');
  return readId(key) === undefined ? undefined : { key: key as string };
}

function isList(value: unknown): value is string[] {
  return Array.isArray(value) && value.length <= MAX_LISTED && value.every((one) => typeof one === 'string');
}

function isSeconds(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** What strangers send: well-formed, or an issue. */
function schema<T>(read: (value: unknown) => T | undefined): StandardSchemaV1<T> {
  return {
    '~standard': {
      version: 1,
      vendor: 'pea2pea',
      validate(value) {
        const message = read(value);
        return message === undefined ? { issues: [{ message: 'it is malformed' }] } : { value: message };
      },
    },
  };
}
