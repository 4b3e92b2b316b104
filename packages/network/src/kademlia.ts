/// <reference types="node" preserve="true" />
/**
 * A distributed hash table over nodes with identities.
 *
 * @packageDocumentation
 */
export { kademlia, Kademlia, keyOfRecord } from './kademlia/kademlia.js';
export type { KademliaReport, LookUpKind, LookUpReport } from './kademlia/counts.js';
export { nodeId } from './kademlia/id.js';
export type { Refusal } from './kademlia/messages.js';
export { KADEMLIA_DEFAULTS } from './kademlia/options.js';
export type { KademliaOptions } from './kademlia/options.js';
export type { Published } from './kademlia/publisher.js';
export { contentKey, signedKey, signValue } from './kademlia/record.js';
export type { DhtRecord, Signed, ValueToSign } from './kademlia/record.js';
