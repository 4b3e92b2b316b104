/// <reference types="node" preserve="true" />
export { readExactly } from './multistream/byte-source.js';
export { STREAM_ERRORS } from './shared/errors.js';
export { handle } from './multistream/handle.js';
export { list, select } from './multistream/select.js';
export type { NegotiationOptions } from './multistream/select.js';
export type { Negotiable } from './multistream/byte-source.js';
export { Flag, FrameType, GoAwayCode } from './yamux/frame.js';
export type { FrameHeader } from './yamux/frame.js';
export { YAMUX_DEFAULTS } from './yamux/options.js';
export type { YamuxOptions } from './yamux/options.js';
export { Yamux } from './yamux/session.js';
export { yamuxFrames } from './yamux/session-stream.js';
export { YamuxStream } from './yamux/stream.js';
