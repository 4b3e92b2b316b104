/// <reference types="node" preserve="true" />
/**
 * A conformance kit for codecs: what every codec must do, whoever wrote it.
 *
 * @packageDocumentation
 */
export { checkCodec } from './testing/check-codec.js';
export type { CheckOptions, CodecLimit } from './testing/check-options.js';
export { codecContext } from './testing/contexts.js';
export type { CodecContexts } from './testing/contexts.js';
export { describeCodec } from './testing/describe-codec.js';
export type { TestRunner } from './testing/describe-codec.js';
export { CODEC_FACTS } from './testing/finding.js';
export type { CodecFact, Finding } from './testing/finding.js';
