/// <reference types="node" preserve="true" />
export { NEED_MORE } from './contracts/codec.js';
export type {
  ByteQueue,
  ByteSink,
  Codec,
  CodecContext,
  Decoder,
  Encoder,
  Endianness,
  Keeps,
  MessageOf,
  NeedMore,
  TaggedCodec,
} from './contracts/codec.js';
export type { Cancellation } from './contracts/cancellation.js';
export type { Clock, Timer, TimerOptions } from './contracts/clock.js';
export { DEFAULTS, DERIVED_DEFAULTS } from './contracts/config.js';
export type { NodeConfig, ResolvedConfig, WhenInboundFull } from './contracts/config.js';
export { ConnectionContext, contextKey } from './contracts/connection-context.js';
export type { ContextKey } from './contracts/connection-context.js';
export { COUNTERS } from './contracts/counters.js';
export type { CounterDefinition, CounterName, Heuristics } from './contracts/counters.js';
export { expectedIdentity, peerIdentity, roundTripMs, secureChannel } from './contracts/identity.js';
export { causeOf, describeReason } from './contracts/connection.js';
export type {
  AnyConnection,
  Connection,
  ConnectionOf,
  ConnectionState,
  DisconnectReason,
  Hold,
} from './contracts/connection.js';
export type { ConnectionInside, HandlerTime, NodeInside, SetupInside } from './contracts/inside.js';
export { LIMIT_OPTIONS } from './contracts/limit-options.js';
export type { ConnectionLimits, LimitChanges } from './contracts/limits.js';
export type {
  BytesDiagnostic,
  ConnectionCloseDiagnostic,
  ConnectionDiagnostic,
  ConnectionRefusedDiagnostic,
  DialDiagnostic,
  Diagnostics,
  HandshakeDiagnostic,
  ListenDiagnostic,
  LogDiagnostic,
  MessageDiagnostic,
  NodeDiagnostic,
  OfNode,
  TracedDiagnostic,
} from './contracts/diagnostics.js';
export type { Direction } from './contracts/direction.js';
export { CORE_ERRORS } from './errors/error-table.js';
export type { PeerErrorCode, PeerErrorCodes } from './errors/error-table.js';
export { PeerError } from './errors/errors.js';
export type { PeerErrorOptions } from './errors/errors.js';
export type { AcceptRequest, Detached, Handshake, UpgradeOptions } from './contracts/handshake.js';
export type { RenegotiateHook, RenegotiateOptions } from './contracts/renegotiation.js';
export { HANDLED } from './contracts/hooks.js';
export { UnreadableFrame } from './contracts/unreadable-frame.js';
export type { HookErrorContext, HookName, Hooks } from './contracts/hooks.js';
export type { LogFields, Logger } from './contracts/logger.js';
export type { NodeState } from './contracts/node-state.js';
export { PLUGIN_STATE } from './contracts/plugin.js';
export type {
  PluginClass,
  PluginFactory,
  PluginKey,
  PluginManifest,
  PluginUse,
  StatefulPlugin,
} from './contracts/plugin.js';
export type { Random } from './contracts/random.js';
export type { IpAddress } from './net/ip-address.js';
export { IpPrefix } from './net/ip-prefix.js';
export { SocketAddress } from './net/socket-address.js';
export type { AddressLike } from './net/socket-address.js';
export type {
  SchemaInput,
  SchemaOutput,
  StandardIssue,
  StandardProps,
  StandardResult,
  StandardSchemaV1,
} from './contracts/standard-schema.js';
export type { Stats } from './contracts/stats.js';
export type {
  Link,
  Transport,
  TransportConnectOptions,
  TransportListenEvents,
  TransportListener,
  TransportListenOptions,
  WriteTraits,
} from './contracts/transport.js';
export { encodeToBuffer } from './connection/encode.js';
export type { ConnectOptions } from './flows/dialer.js';
export type { DrainOptions, DrainReport } from './flows/drain.js';
export type { CloseReport, CutOff } from './flows/shutdown.js';
export { defaultLogger } from './mechanisms/default-logger.js';
export type { StopReport } from './mechanisms/life.js';
export { memoryTransport } from './mechanisms/memory-transport.js';
export { definePlugin } from './mechanisms/plugin-list.js';
export { systemClock, systemRandom } from './mechanisms/system-clock.js';
export { tcpTransport } from './mechanisms/tcp-transport.js';
export { PeerNode } from './peer-node.js';
export type { AcceptOptions } from './flows/accept-arguments.js';
export type { ConnectionsView } from './connection/connections-view.js';
export type { ListenOptions } from './flows/listen-arguments.js';
