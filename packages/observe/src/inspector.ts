/// <reference types="node" preserve="true" />
/**
 * A page that shows what a node does, live.
 *
 * @packageDocumentation
 */
export { inspector, Inspector } from './inspector/inspector.js';
export { INSPECTOR_DEFAULTS } from './inspector/options.js';
export type { FramesShown, InspectorOptions, ServingOptions } from './inspector/options.js';
