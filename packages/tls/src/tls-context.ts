import { PeerError } from '@pea2pea/core';
import { describe, invalidConfig, type Excerpt } from '@pea2pea/core/authoring';
import { constants } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions, type Server } from 'node:tls';
import { ownCertificates, type OwnCertificate } from './certificates.js';
import {
  credentialsOf,
  namePatternOf,
  replacedBy,
  resolvePolicy,
  type TlsCredentials,
  type TlsKeyPair,
  type TlsOptions,
  type TlsPolicy,
} from './options.js';
import { makeServer } from './server-side.js';

/** Both sides of TLS for one set of credentials, loaded. */
export interface Endpoints {
  /** The server for peers that dial us; undefined without a certificate to show them. */
  readonly server: Server | undefined;
  /** The context for peers that we dial. */
  readonly client: SecureContext;
}

/** What a handshake, or a snapshot, needs of a context. */
export interface TlsInUse {
  readonly policy: TlsPolicy;
  readonly endpoints: Endpoints;
  readonly certificates: Excerpt<OwnCertificate>;
}

let inUse: (context: TlsContext) => TlsInUse;

/**
 * The rules and the loaded credentials for a handshake that begins now: not public, so not members of the class.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG unless `context` is a TlsContext
 */
export function inUseBy(context: TlsContext): TlsInUse {
  return inUse(context);
}

/**
 * The keys, certificates and rules for {@link tlsHandshake}, checked and loaded once for any number of handshakes.
 *
 * note: session tickets are not used: each connection performs a full handshake, so that a peer cannot return with a
 * certificate that has expired, was revoked or is no longer trusted.
 * note: renegotiation (TLS 1.2) and pre-shared keys are not supported.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option
 */
export class TlsContext {
  static {
    inUse = (context) => {
      if (#policy in Object(context)) {
        return {
          policy: context.#policy,
          endpoints: context.#endpoints,
          certificates: context.#certificates,
        };
      }
      throw invalidConfig(`\`context\` must be a TlsContext, not ${describe(context)}`);
    };
  }

  readonly #policy: TlsPolicy;
  #credentials: TlsCredentials;
  #endpoints: Endpoints;
  #certificates: Excerpt<OwnCertificate>;

  /** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option; P2P_ERR_UNSUPPORTED under Bun */
  constructor(options: TlsOptions) {
    requireRuntime();
    this.#policy = resolvePolicy(options);
    this.#credentials = credentialsOf(options, this.#policy);
    this.#endpoints = makeEndpoints(this.#credentials, this.#policy);
    this.#certificates = ownCertificates(this.#credentials);
  }

  /**
   * Replaces keys and certificates, for instance `setSecureContext({ key, cert })` after a renewal. Those that are missing
   * or undefined are kept. Handshakes that begin later use the new ones; connections, and handshakes in progress, keep the
   * old ones.
   *
   * @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option; nothing is replaced then
   */
  setSecureContext(credentials: TlsCredentials): void {
    const replaced = replacedBy(credentials, this.#credentials, this.#policy);
    this.#endpoints = makeEndpoints(replaced, this.#policy);
    this.#credentials = replaced;
    this.#certificates = ownCertificates(replaced);
  }
}

/**
 * The server of Bun 1.4 does not tell which of the streams that it was given a handshake belongs to.
 * @throws {PeerError} P2P_ERR_UNSUPPORTED
 */
function requireRuntime(): void {
  if (process.versions['bun'] === undefined) return;
  throw new PeerError(
    'P2P_ERR_UNSUPPORTED',
    'TLS over a stream does not work under Bun: use `noise` with AESGCM and SHA256 there, or run this program with Node.js or Deno',
  );
}

function makeEndpoints(credentials: TlsCredentials, policy: TlsPolicy): Endpoints {
  const { contexts = {}, ...own } = credentials;
  const shared = {
    minVersion: policy.minVersion,
    maxVersion: policy.maxVersion,
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    ...(policy.ciphers !== undefined && { ciphers: policy.ciphers }),
  };
  const options = { ...own, ...shared } as SecureContextOptions;
  const client = load(options, '');
  if (own.cert === undefined) return { server: undefined, client };
  const named = new Map<string, SecureContext>();
  for (const [name, pair] of Object.entries(contexts)) {
    const { ca, crl } = own;
    const parts = { ...shared, ...(ca && { ca }), ...(crl && { crl }), ...pair } as SecureContextOptions;
    named.set(namePatternOf(name), load(parts, ` of ${describe(name)} in \`contexts\``));
  }
  return { server: makeServer(options, policy, named), client };
}

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option that OpenSSL rejects */
function load(options: SecureContextOptions, where: string): SecureContext {
  try {
    return createSecureContext(options);
  } catch (cause) {
    throw blame(options, where, cause);
  }
}

/** Finds the option that OpenSSL rejects by loading each alone, as its error does not say. */
function blame(options: SecureContextOptions, where: string, cause: unknown): Error {
  const { key, cert, passphrase, ca, crl, ciphers } = options;
  const parts = {
    cert: { cert },
    key: { key, passphrase },
    ca: { ca },
    crl: { crl },
    ciphers: { ciphers },
  } satisfies Record<string, { readonly [Name in keyof TlsKeyPair | 'ca' | 'crl' | 'ciphers']?: unknown }>;
  for (const [name, part] of Object.entries(parts)) {
    try {
      createSecureContext(part);
    } catch (error) {
      return invalidConfig(`\`${name}\`${where} cannot be loaded: ${describe(error)}`, error);
    }
  }
  return invalidConfig(`\`key\`${where} does not match its \`cert\`: ${describe(cause)}`, cause);
}
