import { defineEnd, type End } from '../harness/end.js';

type Format = 'msgpack' | 'cbor' | 'protobuf';

const inGo = (format: Format, name: string, implementation: string, dependency: string): End =>
  defineEnd({
    name,
    implementation,
    language: 'Go',
    folder: 'go-messages',
    dependency,
    args: [format],
    fast: true,
  });
const inRust = (format: Format, name: string, implementation: string): End =>
  defineEnd({
    name,
    implementation,
    language: 'Rust',
    folder: 'rust-codecs',
    dependency: implementation,
    args: [format],
    fast: false,
  });
const inPython = (format: Format, name: string, implementation: string): End =>
  defineEnd({
    name,
    implementation: `${implementation} (Python)`,
    language: 'Python',
    folder: 'python-messages',
    dependency: implementation,
    args: [format],
    fast: true,
  });

export const vmihailenco = inGo(
  'msgpack',
  'go-msgpack',
  'vmihailenco/msgpack',
  'github.com/vmihailenco/msgpack/v5',
);
export const rmp = inRust('msgpack', 'rmp-serde', 'rmp-serde');
export const pythonMsgpack = inPython('msgpack', 'python-msgpack', 'msgpack');

export const fxamacker = inGo('cbor', 'fxamacker-cbor', 'fxamacker/cbor', 'github.com/fxamacker/cbor/v2');
export const ciborium = inRust('cbor', 'ciborium', 'ciborium');
export const cbor2 = inPython('cbor', 'cbor2', 'cbor2');

export const goProtobuf = inGo(
  'protobuf',
  'go-protobuf',
  'google.golang.org/protobuf',
  'google.golang.org/protobuf',
);
export const prost = inRust('protobuf', 'prost', 'prost');
export const pythonProtobuf = inPython('protobuf', 'python-protobuf', 'protobuf');

/** tokio-util, in the program of the Rust formats. */
export const tokioUtil = defineEnd({
  name: 'tokio-util',
  implementation: 'tokio-util',
  language: 'Rust',
  folder: 'rust-codecs',
  dependency: 'tokio-util',
  args: ['tokio'],
  fast: false,
});
