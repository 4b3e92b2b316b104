import type { Handshake } from '@pea2pea/core';
import {
  describe,
  invalidConfig,
  requireBoolean,
  requireFunction,
  requireKnown,
  requireOneOf,
} from '@pea2pea/core/authoring';
import { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import { hostNameOf } from './host-names.js';
import type { TlsSession } from './session.js';

/** Every option of {@link tls} that has a default, with it. The docs quote this object. */
export const TLS_DEFAULTS = {
  requestCert: false,
  rejectUnauthorized: true,
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
} as const;

/** TLS 1.0 and 1.1 are deprecated (RFC 8996). */
export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** Text in PEM, as a string or bytes. */
export type Pem = string | Buffer;

/** The identity of this side: a private key and its certificate. */
export interface TlsKeyPair {
  /** The private key, in PEM. */
  readonly key?: Pem;
  /** The certificate for `key`, in PEM, followed by those between it and the authority. */
  readonly cert?: Pem;
  /** The passphrase of an encrypted `key`. */
  readonly passphrase?: string;
}

/** The options that can be replaced while the peer runs; see `setSecureContext`. */
export interface TlsCredentials extends TlsKeyPair {
  /**
   * The authorities that must have issued the certificates of peers, in PEM.
   *
   * note: they replace the authorities that Node.js trusts by default.
   * @default those that Node.js trusts, which issue certificates for web sites
   */
  readonly ca?: Pem | readonly Pem[];
  /** Revocation lists of these authorities, in PEM: one for each authority, or nobody is authorized. @default none */
  readonly crl?: Pem | readonly Pem[];
  /**
   * Key pairs by server name, for peers that ask for one (SNI, RFC 6066 section 3). `*.example.org` covers the names with
   * one more label, except those that have an entry of their own. Case does not matter. Peers that ask for another name, or
   * for none, are shown `cert`.
   * @default `cert` for every name
   */
  readonly contexts?: Readonly<Record<string, Required<Pick<TlsKeyPair, 'key' | 'cert'>> & TlsKeyPair>>;
}

/** Options of {@link tls} and {@link TlsContext}. Those with a name from `node:tls` mean the same as there. */
export interface TlsOptions extends TlsCredentials {
  /** Whether the side that dials must show a certificate, too (mutual authentication). The dialled side always must. @default false */
  readonly requestCert?: boolean;
  /**
   * Whether to refuse a peer whose certificate is not from `ca`, is expired, revoked or for another name, or is missing
   * although one was requested. With false, such a peer has `authorized: false`, and {@link authorize} decides.
   * @default true
   */
  readonly rejectUnauthorized?: boolean;
  /**
   * The name that the certificate of a dialled peer must be for; it is also sent to the peer (SNI).
   *
   * note: set it if all peers of a network have certificates for the same name, whatever their addresses. A dial can name
   * another one with {@link tlsServerName}.
   * note: an internationalized name is converted to A-labels, here, in `contexts` and where it is dialled.
   * @default the host given to `connect`: a name is sent and compared, an IP address is only compared
   */
  readonly servername?: string;
  /**
   * Checks that the certificate of a dialled peer is for the right name, after it was found to be authentic. Returning an
   * error refuses the peer.
   *
   * note: it must be synchronous. Anything but undefined refuses the peer, a promise included.
   * @default `checkServerIdentity` of `node:tls` (RFC 6125) for names, a check of OpenSSL for IP addresses
   */
  readonly checkServerIdentity?: (hostname: string, cert: PeerCertificate) => Error | undefined;
  /**
   * The protocols that may be spoken over TLS (ALPN, RFC 7301), best first; the dialled side chooses. A peer that has none
   * of them, or does not use ALPN, is refused.
   * @default none: ALPN is not used
   */
  readonly ALPNProtocols?: readonly string[];
  /** The oldest version to accept. @default 'TLSv1.3' */
  readonly minVersion?: TlsVersion;
  /** The newest version to accept. @default 'TLSv1.3' */
  readonly maxVersion?: TlsVersion;
  /** The cipher suites, in OpenSSL's syntax. @default those of Node.js */
  readonly ciphers?: string;
  /**
   * Decides about each peer, in both directions, after all other options: only true accepts it. Anything else refuses it,
   * and so does an error. True also makes its certificate an identity, even if no authority in `ca` issued it: so a
   * certificate can be pinned.
   *
   * note: a peer without an authorized certificate may be anybody.
   * @default every peer that the other options accept is accepted
   */
  readonly authorize?: (session: TlsSession, handshake: Handshake) => boolean | Promise<boolean>;
  /**
   * The identity of a peer whose certificate was accepted, see `peerIdentity` of `@pea2pea/core`; undefined for none. It must be
   * synchronous.
   *
   * note: a renewed certificate has another fingerprint, even for the same name. For an identity that stays, return the
   * subject, `({ peerCertificate }) => peerCertificate?.subject`, where the authority issues no subject twice.
   * @default the SHA-256 fingerprint of the certificate, `'AB:CD:…'`
   */
  readonly identity?: (session: TlsSession) => string | undefined;
}

/** The rules for all handshakes, whatever the credentials: options with every default filled in. */
export interface TlsPolicy extends Omit<TlsOptions, keyof TlsCredentials> {
  readonly requestCert: boolean;
  readonly rejectUnauthorized: boolean;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
}

const CREDENTIALS = ['key', 'cert', 'passphrase', 'ca', 'crl', 'contexts'] as const;
const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;

/** @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function resolvePolicy(options: TlsOptions): TlsPolicy {
  requireKnown('the options of tls()', options, [
    ...CREDENTIALS,
    ...Object.keys(TLS_DEFAULTS),
    'servername',
    'checkServerIdentity',
    'ALPNProtocols',
    'ciphers',
    'authorize',
    'identity',
  ]);
  const { servername, checkServerIdentity, ALPNProtocols, ciphers, authorize, identity } = options;
  const { requestCert = TLS_DEFAULTS.requestCert, rejectUnauthorized = TLS_DEFAULTS.rejectUnauthorized } =
    options;
  const { minVersion = TLS_DEFAULTS.minVersion, maxVersion = TLS_DEFAULTS.maxVersion } = options;
  requireBoolean('requestCert', requestCert);
  requireBoolean('rejectUnauthorized', rejectUnauthorized);
  requireOneOf('minVersion', minVersion, VERSIONS);
  requireOneOf('maxVersion', maxVersion, VERSIONS);
  if (minVersion > maxVersion) {
    throw invalidConfig(
      `\`minVersion\`, ${describe(minVersion)}, is newer than \`maxVersion\`, ${describe(maxVersion)}`,
    );
  }
  if (ALPNProtocols !== undefined) requireProtocols(ALPNProtocols);
  if (checkServerIdentity !== undefined) requireFunction('checkServerIdentity', checkServerIdentity);
  if (authorize !== undefined) requireFunction('authorize', authorize);
  if (identity !== undefined) requireFunction('identity', identity);
  return {
    requestCert,
    rejectUnauthorized,
    minVersion,
    maxVersion,
    ...(servername !== undefined && { servername: requireHostName('servername', servername) }),
    ...(checkServerIdentity !== undefined && { checkServerIdentity }),
    ...(ALPNProtocols !== undefined && { ALPNProtocols }),
    ...(ciphers !== undefined && { ciphers }),
    ...(authorize !== undefined && { authorize }),
    ...(identity !== undefined && { identity }),
  };
}

/** The credentials among `options`, without those that are undefined. @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function credentialsOf(options: TlsCredentials, policy: TlsPolicy): TlsCredentials {
  const credentials = givenOf(options);
  const { key, cert, ca, crl, contexts } = credentials;
  if ((key === undefined) !== (cert === undefined)) {
    throw invalidConfig(key === undefined ? '`cert` needs its `key`' : '`key` needs its `cert`');
  }
  requireKeyPair(credentials, '');
  // OpenSSL accepts any bytes as a list of authorities, and finds nothing in them.
  if (ca !== undefined) for (const one of listOf(ca)) requireCertificate('ca', one);
  if (crl !== undefined) for (const one of listOf(crl)) requirePem('crl', one, '');
  if (contexts !== undefined) requireContexts(contexts);
  if (policy.requestCert && policy.rejectUnauthorized && ca === undefined && policy.authorize === undefined) {
    throw invalidConfig(
      '`ca` is needed with `requestCert`, as anyone with a certificate for a web site would be accepted: name the authorities of your peers, or decide in `authorize`',
    );
  }
  return credentials;
}

/** `credentials`, replaced by those in `later`. @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function replacedBy(
  later: TlsCredentials,
  credentials: TlsCredentials,
  policy: TlsPolicy,
): TlsCredentials {
  requireKnown('the credentials', later, CREDENTIALS);
  return credentialsOf({ ...credentials, ...givenOf(later) }, policy);
}

/** The credentials that are given: an undefined one counts as missing. */
function givenOf(options: TlsCredentials): TlsCredentials {
  return Object.fromEntries(
    CREDENTIALS.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]),
  );
}

function listOf(one: Pem | readonly Pem[]): readonly Pem[] {
  return Array.isArray(one) ? (one as readonly Pem[]) : [one as Pem];
}

function requireContexts(contexts: Readonly<Record<string, TlsKeyPair>>): void {
  requireKnown('the `contexts`', contexts, Object.keys(contexts ?? {}));
  const names = new Set<string>();
  for (const [name, pair] of Object.entries(contexts)) {
    const pattern = namePatternOf(name);
    if (names.has(pattern))
      throw invalidConfig(`the \`contexts\` have ${describe(name)} twice: case does not matter`);
    names.add(pattern);
    requireKnown(`the \`contexts\` of ${describe(name)}`, pair, ['key', 'cert', 'passphrase']);
    if (pair.key === undefined || pair.cert === undefined) {
      throw invalidConfig(`the \`contexts\` of ${describe(name)} need a \`key\` and its \`cert\``);
    }
    requireKeyPair(pair, ` of ${describe(name)} in \`contexts\``);
  }
}

/**
 * The name of an entry in `contexts`, as peers ask for it: in lower case and A-labels, `*.` kept.
 * @throws {PeerError} P2P_ERR_INVALID_CONFIG
 */
export function namePatternOf(name: string): string {
  const [, asterisk = '', rest = ''] = /^(\*\.)?(.*)$/s.exec(name) ?? [];
  return asterisk + requireHostName('contexts', rest).toLowerCase();
}

/** Checks a key pair before Node.js does, whose error messages quote the value: it is a secret. */
function requireKeyPair({ key, cert, passphrase }: TlsKeyPair, where: string): void {
  if (key !== undefined) requirePem('key', key, where);
  if (cert !== undefined) requirePem('cert', cert, where);
  if (passphrase !== undefined && typeof passphrase !== 'string') {
    throw invalidConfig(`\`passphrase\`${where} must be a string`);
  }
}

/** An empty value is refused: OpenSSL would treat it as missing. */
function requirePem(name: string, value: unknown, where: string): void {
  const isPem = typeof value === 'string' || ArrayBuffer.isView(value);
  if (!isPem || Buffer.byteLength(value as Pem) === 0)
    throw invalidConfig(`\`${name}\`${where} must be PEM, as a string or bytes`);
}

function requireCertificate(name: string, pem: unknown): void {
  try {
    void new X509Certificate(pem as Pem);
  } catch (cause) {
    throw invalidConfig(`\`${name}\` must contain certificates in PEM`, cause);
  }
}

/** IP addresses are not server names (RFC 6066 section 3). */
export function requireHostName(name: string, value: unknown): string {
  const hostName = typeof value === 'string' ? hostNameOf(value) : undefined;
  if (hostName !== undefined) return hostName;
  throw invalidConfig(`\`${name}\` must be a host name, not ${describe(value)}`);
}

function requireProtocols(protocols: unknown): void {
  const isProtocol = (value: unknown): boolean =>
    typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= 255;
  if (Array.isArray(protocols) && protocols.length > 0 && protocols.every(isProtocol)) return;
  throw invalidConfig('`ALPNProtocols` must be an array of names, of 1 to 255 bytes each');
}
