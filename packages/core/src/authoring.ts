/// <reference types="node" preserve="true" />
/**
 * Tools for authors of codecs, plugins and transports: what the packages of this project are made with.
 *
 * @packageDocumentation
 */
export { aborted, CancellationSource, raceAgainst } from './authoring/cancellation.js';
export {
  invalidConfig,
  MAX_TIMER_MS,
  requireBoolean,
  requireBytes,
  requireFunction,
  requireInteger,
  requireKnown,
  requireMethods,
  requireNumber,
  requireObject,
  requireOneOf,
  requireSignal,
  requireString,
  requireTimeout,
} from './authoring/checks.js';
export type { Bounds } from './authoring/checks.js';
export { BoundedMap } from './authoring/bounded-map.js';
export type { BoundedMapRules } from './authoring/bounded-map.js';
export { defer, markHandled, rejected } from './authoring/deferred.js';
export type { Deferred } from './authoring/deferred.js';
export { codecName } from './authoring/codec-name.js';
export { excerpt } from './authoring/excerpt.js';
export type { Excerpt } from './authoring/excerpt.js';
export { LogThrottle } from './authoring/log-throttle.js';
export {
  describeIssues,
  isStandardSchema,
  plainIssues,
  requireSchema,
  runSchema,
} from './authoring/schema.js';
export type { IssueLimits } from './authoring/schema.js';
export { SequenceSearch } from './authoring/sequence-search.js';
export { forgetAbort, onAbort } from './authoring/signal-listeners.js';
export { isPromise, requireAtOnce, whenSettled } from './authoring/thenable.js';
export { traced } from './authoring/traced.js';
export { TokenBucket } from './authoring/token-bucket.js';
export type { TokenRate } from './authoring/token-bucket.js';
export { decodeUtf8, fitsUtf8 } from './authoring/utf8.js';
export { describe, printable, readData, wordsOf } from './errors/describe.js';
export { defineErrors } from './errors/errors.js';
export type { MakeError } from './errors/errors.js';
export type { ErrorEntry, ErrorTable } from './errors/error-table.js';
export { formatIp, isLinkLocal, parseIp } from './net/ip-address.js';
export { disconnected, sentAfterEnd } from './contracts/connection.js';
export { requireExpectedIdentity, shownIdentity } from './contracts/identity.js';
export { peerFields } from './contracts/peer-fields.js';
export { PLUGIN } from './contracts/plugin.js';
export { ChunkQueue } from './mechanisms/byte-queue.js';
export { guardedLogger } from './mechanisms/guarded-logger.js';
export { free, LEAST_FREED, markOwnMemory } from './mechanisms/own-memory.js';
export { Life } from './mechanisms/life.js';
export type { Living, StopReport } from './mechanisms/life.js';
export { overdue, overdueAwake } from './mechanisms/overdue.js';
export { PluginEvents } from './mechanisms/plugin-events.js';
export { RecordStream } from './mechanisms/record-stream.js';
export type { RecordLayer } from './mechanisms/record-stream.js';
export { sealedStream } from './mechanisms/sealed-stream.js';
export type { SealedStreamOptions } from './mechanisms/sealed-stream.js';
export { isPluginUse, manifestOf } from './mechanisms/plugin-list.js';
