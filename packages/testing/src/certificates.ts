/// <reference types="node" preserve="true" />
/**
 * Certificates and keys, made when a test runs; for `tls` and `node:tls`. Needs `@peculiar/x509` and `reflect-metadata`.
 *
 * @packageDocumentation
 */
import { X509Certificate as NodeCertificate, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import 'reflect-metadata';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  X509CrlGenerator,
  type JsonGeneralName,
} from '@peculiar/x509';

/** What a certificate says. */
export interface CertificateOptions {
  /** The name of its subject. @default 'peer' */
  readonly commonName?: string;
  /** Host names and IP addresses that it is for. @default ['127.0.0.1', 'localhost'] */
  readonly names?: readonly string[];
  /** When it begins to be valid. @default a day ago */
  readonly notBefore?: Date;
  /** When it ends to be valid. @default in a day */
  readonly notAfter?: Date;
}

/** A certificate and its key, as `node:tls` takes them. */
export interface KeyPair {
  /** The private key, PEM. */
  readonly key: string;
  /** The certificate, PEM. */
  readonly cert: string;
}

/** A certificate authority; see {@link authority}. */
export interface Authority {
  /** Its own certificate, PEM: what the other side is to trust. */
  readonly ca: string;
  /** Issues a certificate, with a key of its own. */
  issue(options?: CertificateOptions): Promise<KeyPair>;
  /** Returns a revocation list with the certificate of `pair`, PEM. */
  revoke(pair: KeyPair): Promise<string>;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 24 * 60 * 60 * 1_000;
cryptoProvider.set(webcrypto);
let serialNumber = 1;

/** Makes a certificate authority for a test, over ECDSA keys on the curve P-256. @default commonName 'test authority' */
export async function authority(commonName = 'test authority'): Promise<Authority> {
  const keys = await newKeys();
  const root = await X509CertificateGenerator.createSelfSigned({
    ...common({ commonName }),
    keys,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  return {
    ca: root.toString('pem'),
    async issue(options = {}) {
      const own = await newKeys();
      const certificate = await X509CertificateGenerator.create({
        ...common(options),
        issuer: root.subject,
        subject: `CN=${options.commonName ?? 'peer'}`,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        extensions: [namesOf(options)],
      });
      return pair(certificate.toString('pem'), own.privateKey);
    },
    async revoke({ cert }) {
      const list = await X509CrlGenerator.create({
        issuer: root.subject,
        thisUpdate: new Date(Date.now() - DAY_MS),
        nextUpdate: new Date(Date.now() + DAY_MS),
        entries: [{ serialNumber: new NodeCertificate(cert).serialNumber, revocationDate: new Date() }],
        signingAlgorithm: ALGORITHM,
        signingKey: keys.privateKey,
      });
      return PemConverter.encode(list.rawData, 'X509 CRL');
    },
  };
}

/** Makes a certificate that only its own key vouches for. */
export async function selfSigned(options: CertificateOptions = {}): Promise<KeyPair> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...common(options),
    keys,
    extensions: [namesOf(options)],
  });
  return pair(certificate.toString('pem'), keys.privateKey);
}

/** The SHA-256 fingerprint of a certificate, as `tls` has it as the identity of a connection. */
export function fingerprintOf({ cert }: KeyPair): string {
  return new NodeCertificate(cert).fingerprint256;
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

function common({ commonName = 'peer', notBefore, notAfter }: CertificateOptions) {
  const now = Date.now();
  return {
    serialNumber: (serialNumber++).toString(16).padStart(4, '0'),
    name: `CN=${commonName}`,
    notBefore: notBefore ?? new Date(now - DAY_MS),
    notAfter: notAfter ?? new Date(now + DAY_MS),
    signingAlgorithm: ALGORITHM,
  };
}

function namesOf({
  names = ['127.0.0.1', 'localhost'],
}: CertificateOptions): SubjectAlternativeNameExtension {
  return new SubjectAlternativeNameExtension(
    names.map((value): JsonGeneralName => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
  );
}

async function pair(cert: string, privateKey: webcrypto.CryptoKey): Promise<KeyPair> {
  const der = await webcrypto.subtle.exportKey('pkcs8', privateKey);
  return { cert, key: PemConverter.encode(der, 'PRIVATE KEY') };
}
