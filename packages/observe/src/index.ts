/// <reference types="node" preserve="true" />
export { snapshot, SNAPSHOT_VERSION } from './snapshot/snapshot.js';
export type { AppSnapshot, CauseSnapshot, NodeSnapshot, SnapshotOptions } from './snapshot/snapshot.js';
export type { ConnectionPage, ConnectionSnapshot, PageOptions } from './snapshot/connections.js';
export type { LimitSnapshot } from './snapshot/limits.js';
export type { Observed, ObservedApp, ObservedHandle } from './snapshot/observed.js';
export type { PluginSnapshot } from './snapshot/plugins.js';
export type { SetupSnapshot } from './snapshot/setups.js';
