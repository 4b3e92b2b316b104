/// <reference types="node" preserve="true" />
/**
 * Records what connections send and receive, for Wireshark or as lines of JSON.
 *
 * @packageDocumentation
 */
export { tap } from './tap/tap.js';
export type { Tap } from './tap/tap.js';
export { capture, Capture } from './tap/capture.js';
export type { CaptureCounts } from './tap/format.js';
export { TAP_DEFAULTS } from './tap/options.js';
export type { CaptureOptions, TapOptions } from './tap/options.js';
export type { CaptureReport } from './tap/recording.js';
