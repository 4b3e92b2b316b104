/// <reference types="node" preserve="true" />
/**
 * Nodes of a local network find each other, by multicast DNS over the library `multicast-dns`.
 *
 * @packageDocumentation
 */
export { mdns, Mdns } from './mdns/mdns.js';
export type { MdnsCounts } from './mdns/mdns.js';
export type { MdnsLink, MdnsLinkEvents, MdnsPacket, MdnsRecord, MdnsSender } from './mdns/link.js';
export { MDNS_DEFAULTS } from './mdns/options.js';
export type { MdnsOptions } from './mdns/options.js';
