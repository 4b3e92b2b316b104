import type { Suite } from './harness/suite.js';
import { cborSuite } from './messages/cbor.js';
import { messagePack } from './messages/msgpack.js';
import { protobufSuite } from './messages/protobuf.js';
import { original } from './original/original.js';
import { tokio } from './framings/tokio.js';
import { jsonRpc } from './rpc/json-rpc.js';
import { yamux } from './streams/yamux.js';

/** Everything that `npm run interop` runs. */
export const SUITES: readonly Suite[] = [
  yamux,
  messagePack,
  cborSuite,
  protobufSuite,
  tokio,
  jsonRpc,
  original,
];
