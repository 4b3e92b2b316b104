import { contextKey, type Codec } from '@pea2pea/core';
import { FIRST_ID } from './message.js';

/** What both sides of a connection know of a protocol that both have. */
export interface Negotiated {
  readonly name: string;
  /** The highest version that both speak. */
  readonly version: number;
  readonly codec: Codec<unknown>;
  /** What the peer said about it in its hello. */
  readonly hello: unknown;
}

/** What a hello says of one protocol. */
export interface Offer {
  readonly name: string;
  readonly versions: readonly number[];
  readonly required: boolean;
  readonly hello: unknown;
}

/** Where the handshake leaves what both sides agreed on; the codec of the connection takes it from there. By number, less {@link FIRST_ID}. */
export const NEGOTIATED = contextKey<readonly Negotiated[]>('protocols');

/** The number of a protocol on a connection; undefined where the peer does not have it. */
export function idOf(negotiated: readonly Negotiated[] | undefined, name: string): number | undefined {
  const index = negotiated?.findIndex((protocol) => protocol.name === name) ?? -1;
  return index === -1 ? undefined : index + FIRST_ID;
}

/**
 * The protocols that both have, in an order that both compute alike; or, as a string, why one that is required is missing.
 */
export function agree(
  ours: readonly (Offer & { readonly codecOf: (version: number) => Codec<unknown> })[],
  theirs: readonly Offer[],
): Negotiated[] | string {
  const negotiated: Negotiated[] = [];
  for (const our of [...ours].sort(byName)) {
    const their = theirs.find(({ name }) => name === our.name);
    const version = Math.max(...our.versions.filter((one) => their?.versions.includes(one) === true));
    if (their !== undefined && Number.isFinite(version)) {
      negotiated.push({ name: our.name, version, codec: our.codecOf(version), hello: their.hello });
    } else if (our.required || their?.required === true) {
      const said = their === undefined ? 'does not have it' : `speaks ${their.versions.join(', ')}`;
      return `of ${our.name}, this side speaks ${our.versions.join(', ')}; the peer ${said}`;
    }
  }
  const missing = theirs.find(({ name, required }) => required && !ours.some((our) => our.name === name));
  if (missing !== undefined) return `the peer requires ${missing.name}, which this side does not have`;
  return negotiated;
}

function byName(a: Offer, b: Offer): number {
  return a.name < b.name ? -1 : 1;
}
