/// <reference types="node" preserve="true" />
export { RPC_ERRORS } from './errors.js';
export { CallBatch } from './call-batch.js';
export type { CallArguments, CallOptions } from './call-options.js';
export type { RequestCounters } from './counters.js';
export { DIALECTS } from './dialect.js';
export type { CancelFormat, Dialect, DialectName, ProgressFormat } from './dialect.js';
export { RPC_CODES } from './envelope.js';
export type { RequestId, RpcVersion } from './envelope.js';
export { method } from './method.js';
export type { Method, Structured } from './method.js';
export { REQUESTS_DEFAULTS } from './options.js';
export type { RequestsOptions, WhenTooMuch } from './options.js';
export type { RequestContext } from './request-context.js';
export { RequestError } from './request-error.js';
export { requests, Requests } from './requests.js';
export type { Client, RequestHandler } from './requests.js';
