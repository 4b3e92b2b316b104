import type { Suite } from './harness/suite.js';
import { tokio } from './framings/tokio.js';
import { cborSuite } from './messages/cbor.js';
import { messagePack } from './messages/msgpack.js';
import { protobufSuite } from './messages/protobuf.js';
import { original } from './original/original.js';
import { libp2p } from './libp2p-hosts/libp2p.js';
import { jsonRpc } from './rpc/json-rpc.js';
import { streamMuxer } from './stream-muxer/suite.js';
import { multistream } from './streams/multistream.js';
import { noise } from './noise/noise.js';
import { yamux } from './streams/yamux.js';

/** Everything that `npm run interop` runs. */
export const SUITES: readonly Suite[] = [
  noise,
  yamux,
  multistream,
  streamMuxer,
  libp2p,
  messagePack,
  cborSuite,
  protobufSuite,
  tokio,
  jsonRpc,
  original,
];
