/// <reference types="node" preserve="true" />
/**
 * Methods of annotated peers that serve requests.
 *
 * @packageDocumentation
 */
export { OnRequest } from './decorators/on-request.js';
