import { hash } from 'node:crypto';
import { BUCKET_SIZE, type Slot } from './bucket-table.js';

/** How many buckets of the table of what was told one group of sources can reach: a sixteenth of 256. */
const BUCKETS_PER_SOURCE = 16;
/** How many buckets of the table of what was proven one group of addresses can reach: a sixteenth of 64. */
const BUCKETS_PER_GROUP = 4;

/**
 * Says which slot an address belongs in. It depends on a secret, so that nobody outside can compute which addresses would
 * drive out which; and one group reaches only a few buckets, so that nobody can fill the others.
 *
 * The scheme is that of the address manager of Bitcoin Core (`addrman.cpp`), made after E. Heilman, A. Kendler, A. Zohar and
 * S. Goldberg, "Eclipse Attacks on Bitcoin's Peer-to-Peer Network", USENIX Security 2015.
 */
export class Placement {
  readonly #secret: string;
  readonly #toldBuckets: number;
  readonly #provenBuckets: number;

  constructor(secret: string, toldBuckets: number, provenBuckets: number) {
    this.#secret = secret;
    this.#toldBuckets = toldBuckets;
    this.#provenBuckets = provenBuckets;
  }

  /** The slot of an address that a source has told. */
  told(address: string, group: string, sourceGroup: string): Slot {
    const lane = this.#hash('lane', sourceGroup, group) % BUCKETS_PER_SOURCE;
    const bucket = this.#hash('told', sourceGroup, String(lane)) % this.#toldBuckets;
    return bucket * BUCKET_SIZE + (this.#hash('place', String(bucket), address) % BUCKET_SIZE);
  }

  /** The slot of an address at which a peer was reached. */
  proven(address: string, group: string): Slot {
    const lane = this.#hash('lane', address) % BUCKETS_PER_GROUP;
    const bucket = this.#hash('proven', group, String(lane)) % this.#provenBuckets;
    return bucket * BUCKET_SIZE + (this.#hash('place', String(bucket), address) % BUCKET_SIZE);
  }

  /** 32 bits. The parts are told apart by their lengths: those of a peer may hold anything. */
  #hash(...parts: readonly string[]): number {
    const text = parts.map((part) => `${part.length}:${part}`).join('');
    return hash('sha256', this.#secret + text, 'buffer').readUInt32BE(0);
  }
}
