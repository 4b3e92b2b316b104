/// <reference types="node" preserve="true" />
export { PluginOptions, SessionConnection } from './declarations/injectables.js';
export { DECORATOR_ERRORS } from './declarations/errors.js';
export type { Dependencies, Dependency, InjectableDecorator } from './declarations/dependencies.js';
export {
  AroundMessage,
  markedBy,
  OnAccept,
  OnConnect,
  OnDisconnect,
  OnDrain,
  OnError,
  OnHandshake,
  OnPeerEnd,
  OnStart,
  OnStop,
} from './declarations/hook-decorators.js';
export type { ConnectionArgument, HookDecorator } from './declarations/hook-decorators.js';
export type { MessageClass } from './declarations/message-filter.js';
export { methodMark } from './declarations/method-mark.js';
export type { MarkedMethod, MarkServer, MethodMark } from './declarations/method-mark.js';
export { OnMessage } from './declarations/on-message.js';
export { Peer } from './declarations/peer.js';
export type { CompositionOptions, PeerConfig, PeerOptions, WhenUnmatched } from './declarations/peer.js';
export type { PeerClass } from './declarations/peer-class.js';
export { configured, Plugin } from './declarations/plugin.js';
export type { ConfiguredPlugin, ListedPlugin, PluginClass, PluginSettings } from './declarations/plugin.js';
export { Session } from './declarations/session.js';
export type { SessionClass, SessionOptions } from './declarations/session.js';
export type {
  SchemaOutput,
  StandardIssue,
  StandardProps,
  StandardResult,
  StandardSchemaV1,
} from '@pea2pea/core';
export type { AppHandle } from './running/app-handle.js';
export { handleOf } from './running/app-peers.js';
export { createApp } from './running/create-app.js';
export type { AppPeer, CreateAppOptions } from './running/create-app.js';
export { createPeer } from './running/create-peer.js';
export type { CreatePeerOptions } from './running/create-peer.js';
export type { PeerHandle } from './running/peer-handle.js';
export type { ClassOf, NodeOf } from './running/node-of.js';
export { startPeer } from './running/start-peer.js';
export type { StartOptions } from './running/start-peer.js';
export { sessionOf, waitForSession } from './wiring/session-of.js';
export { MarkedMethods } from './wiring/marked-methods.js';
export { override } from './wiring/own-container.js';
export type { Override } from './wiring/own-container.js';
export { peerModule } from './wiring/peer-module.js';
export type { Refusal } from './wiring/unmatched.js';
