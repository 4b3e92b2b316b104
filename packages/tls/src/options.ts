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

/** PEM, as text or bytes; of `ca`, several. */
export type Pem = string | Buffer;

/** Who this side is: a private key, and the certificate for it. */
export interface TlsKeyPair {
  /** The private key, PEM. */
  readonly key?: Pem;
  /** The certificate for it, PEM, followed by those between it and the authority. */
  readonly cert?: Pem;
  /** Of an encrypted `key`. */
  readonly passphrase?: string;
}

/** What can be replaced while the peer runs; see `setSecureContext`. */
export interface TlsCredentials extends TlsKeyPair {
  /**
   * The authorities that peers' certificates must come from, PEM.
   *
   * note: they replace those that Node.js brings along.
   * @default those that Node.js brings along, which vouch for web sites
   */
  readonly ca?: Pem | readonly Pem[];
  /** Revocation lists of these authorities, PEM. One is needed of each of them, or nobody is authorized. @default none */
  readonly crl?: Pem | readonly Pem[];
  /**
   * By server name (SNI, RFC 6066 section 3): who this side is for diallers that ask for it. `*.example.org` stands for one
   * label more, where no entry is for that very name. Case does not matter. For any other name, and for none, it is `cert`.
   */
  readonly contexts?: Readonly<Record<string, Required<Pick<TlsKeyPair, 'key' | 'cert'>> & TlsKeyPair>>;
}

/** What {@link tls} takes. Names are those of `node:tls` where they mean the same. */
export interface TlsOptions extends TlsCredentials {
  /** Whether those who dial have to show a certificate: mutual authentication. Those who are dialled always have to. @default false */
  readonly requestCert?: boolean;
  /**
   * Whether a peer is refused whose certificate does not come from `ca`, is out of date, revoked or for another name, or
   * that shows none where one is asked for. With false it is let in with `authorized: false`, and {@link authorize} decides.
   * @default true
   */
  readonly rejectUnauthorized?: boolean;
  /**
   * The name that the certificate of whom we dial has to be for; it is sent to him, too (SNI).
   *
   * note: where all peers of a network have certificates for one name, whatever their addresses, it is that name.
   * @default what `connect` was given: a name is sent and compared, an IP address only compared
   */
  readonly servername?: string;
  /**
   * Compares the name with the certificate of whom we dialled, after it was found to be authentic: an error refuses.
   *
   * note: it answers at once: a promise refuses, and so does anything else that is not undefined.
   * @default `checkServerIdentity` of `node:tls` (RFC 6125)
   */
  readonly checkServerIdentity?: (hostname: string, cert: PeerCertificate) => Error | undefined;
  /**
   * The protocols to be spoken inside (ALPN, RFC 7301), best first; the side that was dialled chooses. A peer with none in
   * common, or that takes no part in ALPN, is refused.
   * @default ALPN is not used
   */
  readonly ALPNProtocols?: readonly string[];
  /** @default 'TLSv1.3' */
  readonly minVersion?: TlsVersion;
  /** @default 'TLSv1.3' */
  readonly maxVersion?: TlsVersion;
  /** In OpenSSL's syntax. @default those of Node.js */
  readonly ciphers?: string;
  /**
   * Has the last word about each peer, both directions: only true lets it in. Anything else refuses, and so does an error.
   * True vouches for its certificate, so that it counts as an identity though no authority in `ca` says so: a pinned one.
   *
   * note: without a certificate that is authorized there is no telling who the peer is.
   * @default everybody is let in whom the other options let through
   */
  readonly authorize?: (session: TlsSession, handshake: Handshake) => boolean | Promise<boolean>;
}

/** What holds for all handshakes, whatever the credentials are. */
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
  ]);
  const { servername, checkServerIdentity, ALPNProtocols, ciphers, authorize } = options;
  const { requestCert = TLS_DEFAULTS.requestCert, rejectUnauthorized = TLS_DEFAULTS.rejectUnauthorized } =
    options;
  const { minVersion = TLS_DEFAULTS.minVersion, maxVersion = TLS_DEFAULTS.maxVersion } = options;
  requireBoolean('requestCert', requestCert);
  requireBoolean('rejectUnauthorized', rejectUnauthorized);
  requireOneOf('minVersion', minVersion, VERSIONS);
  requireOneOf('maxVersion', maxVersion, VERSIONS);
  if (minVersion > maxVersion) {
    throw invalidConfig(
      `\`minVersion\` is ${describe(minVersion)}, above \`maxVersion\`, ${describe(maxVersion)}`,
    );
  }
  if (servername !== undefined) requireHostName('servername', servername);
  if (ALPNProtocols !== undefined) requireProtocols(ALPNProtocols);
  if (checkServerIdentity !== undefined) requireFunction('checkServerIdentity', checkServerIdentity);
  if (authorize !== undefined) requireFunction('authorize', authorize);
  return {
    requestCert,
    rejectUnauthorized,
    minVersion,
    maxVersion,
    ...(servername !== undefined && { servername }),
    ...(checkServerIdentity !== undefined && { checkServerIdentity }),
    ...(ALPNProtocols !== undefined && { ALPNProtocols }),
    ...(ciphers !== undefined && { ciphers }),
    ...(authorize !== undefined && { authorize }),
  };
}

/** The credentials among `options`, of which undefined is none. @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function credentialsOf(options: TlsCredentials, policy: TlsPolicy): TlsCredentials {
  const credentials = givenOf(options);
  const { key, cert, ca, crl, contexts } = credentials;
  if ((key === undefined) !== (cert === undefined)) {
    throw invalidConfig(key === undefined ? '`cert` needs its `key`' : '`key` needs its `cert`');
  }
  requireKeyPair(credentials, '');
  // OpenSSL takes anything for a list of authorities, and finds none in it.
  if (ca !== undefined) for (const one of listOf(ca)) requireCertificate('ca', one);
  if (crl !== undefined) for (const one of listOf(crl)) requirePem('crl', one, '');
  if (contexts !== undefined) requireContexts(contexts);
  if (policy.requestCert && policy.rejectUnauthorized && ca === undefined && policy.authorize === undefined) {
    throw invalidConfig(
      '`ca` is needed with `requestCert`, or whoever has a certificate for a web site would be let in: name the authorities of your peers, or decide in `authorize`',
    );
  }
  return credentials;
}

/** `credentials` with what `later` has of them. @throws {PeerError} P2P_ERR_INVALID_CONFIG naming the option */
export function replacedBy(
  later: TlsCredentials,
  credentials: TlsCredentials,
  policy: TlsPolicy,
): TlsCredentials {
  requireKnown('the credentials', later, CREDENTIALS);
  return credentialsOf({ ...credentials, ...givenOf(later) }, policy);
}

/** An option that is undefined is one that was not given. */
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
    if (names.has(name.toLowerCase()))
      throw invalidConfig(`the \`contexts\` have ${describe(name)} twice: case does not matter`);
    names.add(name.toLowerCase());
    requireHostName('contexts', name.replace(/^\*\./, ''));
    requireKnown(`the \`contexts\` of ${describe(name)}`, pair, ['key', 'cert', 'passphrase']);
    if (pair.key === undefined || pair.cert === undefined) {
      throw invalidConfig(`the \`contexts\` of ${describe(name)} need a \`key\` and its \`cert\``);
    }
    requireKeyPair(pair, ` of ${describe(name)} in \`contexts\``);
  }
}

/** What Node.js says of a value that it does not take shows it: a secret must not come so far. */
function requireKeyPair({ key, cert, passphrase }: TlsKeyPair, where: string): void {
  if (key !== undefined) requirePem('key', key, where);
  if (cert !== undefined) requirePem('cert', cert, where);
  if (passphrase !== undefined && typeof passphrase !== 'string') {
    throw invalidConfig(`\`passphrase\`${where} must be a text`);
  }
}

/** OpenSSL takes what is empty for what is not there. */
function requirePem(name: string, value: unknown, where: string): void {
  const isPem = typeof value === 'string' || ArrayBuffer.isView(value);
  if (!isPem || Buffer.byteLength(value as Pem) === 0)
    throw invalidConfig(`\`${name}\`${where} must be PEM, as text or bytes`);
}

function requireCertificate(name: string, pem: unknown): void {
  try {
    void new X509Certificate(pem as Pem);
  } catch (cause) {
    throw invalidConfig(`\`${name}\` must be certificates in PEM`, cause);
  }
}

/** Server names are no IP addresses (RFC 6066 section 3). */
function requireHostName(name: string, value: unknown): void {
  if (typeof value === 'string' && /^[a-z\d_-]+(\.[a-z\d_-]+)*$/i.test(value) && !/^[\d.]+$/.test(value)) {
    return;
  }
  throw invalidConfig(`\`${name}\` must name a host, not ${describe(value)}`);
}

function requireProtocols(protocols: unknown): void {
  const isProtocol = (value: unknown): boolean =>
    typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= 255;
  if (Array.isArray(protocols) && protocols.length > 0 && protocols.every(isProtocol)) return;
  throw invalidConfig('`ALPNProtocols` must be an array of names, of 1 to 255 bytes each');
}
