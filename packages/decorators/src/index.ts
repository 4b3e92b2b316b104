export { createPeer } from './create-peer.js';
export type { CreatePeerOptions } from './create-peer.js';
export type { Dependencies, Dependency } from './dependencies.js';
export { OnAccept, OnConnect, OnDisconnect, OnError, OnHandshake } from './hook-decorators.js';
export type { AnyConnection, HookDecorator } from './hook-decorators.js';
export type { MessageClass } from './message-filter.js';
export { OnMessage } from './on-message.js';
export { Peer } from './peer.js';
export type { PeerDecorator, PeerOptions } from './peer.js';
export type { PeerClass } from './peer-class.js';
export type { PeerHandle } from './peer-handle.js';
export { peerModule } from './peer-module.js';
export type { PeerConfig, RoutingOptions } from './peer-options.js';
export type {
  SchemaOutput,
  StandardIssue,
  StandardProps,
  StandardResult,
  StandardSchemaV1,
} from './standard-schema.js';
export { startPeer } from './start-peer.js';
export type { StartOptions } from './start-peer.js';
export type { Refusal, WhenUnmatched } from './unmatched.js';
