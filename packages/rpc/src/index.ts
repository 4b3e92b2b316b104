/// <reference types="node" preserve="true" />
export { RPC_ERRORS } from './errors.js';
export type { RequestCounters } from './counters.js';
export { RPC_CODES } from './envelope.js';
export { method } from './method.js';
export type { Method, Structured } from './method.js';
export { REQUESTS_DEFAULTS } from './options.js';
export type { RequestsOptions } from './options.js';
export { RequestError } from './request-error.js';
export { requests, Requests } from './requests.js';
export type { CallArguments, CallOptions, Client, RequestHandler } from './requests.js';
