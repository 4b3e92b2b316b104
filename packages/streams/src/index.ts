/// <reference types="node" preserve="true" />
export { readExactly } from './multistream/byte-source.js';
export { STREAM_ERRORS } from './shared/errors.js';
export { handle } from './multistream/handle.js';
export { list, select } from './multistream/select.js';
export type { NegotiationOptions } from './multistream/select.js';
export type { Negotiable } from './multistream/byte-source.js';
export { goodbyeOf } from './protocols/goodbye.js';
export type { Goodbye } from './protocols/goodbye.js';
export { protocol, protocols } from './protocols/protocols.js';
export type {
  Protocol,
  ProtocolDefinition,
  ProtocolPeer,
  Protocols,
  ProtocolsEvents,
} from './protocols/protocols.js';
export { withProtocols } from './protocols/with-protocols.js';
export type { WithProtocolsOptions } from './protocols/with-protocols.js';
export { Flag, FrameType, GoAwayCode } from './yamux/frame.js';
export type { FrameHeader } from './yamux/frame.js';
export { YAMUX_DEFAULTS } from './yamux/options.js';
export type { YamuxOptions } from './yamux/options.js';
export { Yamux } from './yamux/session.js';
export { yamuxFrames } from './yamux/session-stream.js';
export { YamuxStream } from './yamux/stream.js';
