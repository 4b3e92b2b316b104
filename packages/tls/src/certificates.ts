import { X509Certificate } from 'node:crypto';
import { excerpt, type Excerpt } from '@pea2pea/core/authoring';
import type { Pem, TlsCredentials } from './options.js';

/** What a snapshot shows of a certificate of this side. */
export interface OwnCertificate {
  /** The names that peers ask for, where it is one of `contexts`; null for `cert`. */
  readonly serverName: string | null;
  /** Null where it cannot be read. */
  readonly subject: string | null;
  readonly issuer: string | null;
  /** The end of its validity, in milliseconds since the Unix epoch. */
  readonly until: number | null;
}

/** The certificates of this side, `cert` first. */
export function ownCertificates({ cert, contexts = {} }: TlsCredentials): Excerpt<OwnCertificate> {
  const named: [serverName: string | null, cert: Pem][] = Object.entries(contexts).map(([name, pair]) => [
    name,
    pair.cert,
  ]);
  if (cert !== undefined) named.unshift([null, cert]);
  return excerpt(named, ([serverName, pem]) => ({ serverName, ...read(pem) }));
}

function read(pem: Pem): Omit<OwnCertificate, 'serverName'> {
  try {
    const { subject, issuer, validTo } = new X509Certificate(pem);
    return { subject: inOneLine(subject), issuer: inOneLine(issuer), until: Date.parse(validTo) };
  } catch {
    return { subject: null, issuer: null, until: null };
  }
}

/** Node.js puts each part of a name on a line of its own. */
function inOneLine(name: string): string {
  return name.replaceAll('\n', ', ');
}
