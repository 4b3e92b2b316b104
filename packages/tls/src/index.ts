/// <reference types="node" preserve="true" />
export type { Pem, TlsCredentials, TlsKeyPair, TlsOptions, TlsVersion } from './options.js';
export { TLS_DEFAULTS } from './options.js';
export { tlsServerName, tlsSession } from './session.js';
export type { TlsSession } from './session.js';
export { tls, Tls } from './tls.js';
export { TlsContext } from './tls-context.js';
export { tlsHandshake } from './tls-handshake.js';
