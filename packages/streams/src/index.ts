export type { Negotiable } from './multistream/byte-source.js';
export { handle } from './multistream/handle.js';
export { list, select } from './multistream/select.js';
export type { NegotiationOptions } from './multistream/select.js';
