import { X509Certificate } from 'node:crypto';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { domainToASCII } from 'node:url';
import { parseIp } from '@pea2pea/core/authoring';

/** Labels of letters, digits, hyphens and underscores, of 63 characters at most (RFC 1035 section 2.3.4). */
const HOST_NAME = /^[a-z\d_-]{1,63}(\.[a-z\d_-]{1,63})*$/i;
const LONGEST = 253;

/** An ASCII character that no host name has: what is converted would end at some of them, such as `/`. */
const FOREIGN = /[\x00-\x7f]/;

/**
 * A host name as TLS has it, in the SNI (RFC 6066 section 3) and in certificates: an internationalized name in A-labels,
 * `xn--bcher-kva.example` for `bücher.example` (RFC 5890); any other name as it is. Undefined for what is not a host name,
 * such as an IP address.
 */
export function hostNameOf(name: string): string | undefined {
  const isAscii = !/[^\x00-\x7f]/.test(name);
  if (!isAscii && FOREIGN.test(name.replace(/[a-z\d_.-]/gi, ''))) return undefined;
  const converted = isAscii ? name : domainToASCII(name);
  const isName = converted.length <= LONGEST && HOST_NAME.test(converted) && !/^[\d.]+$/.test(converted);
  return isName ? converted : undefined;
}

/**
 * Whether a certificate is for `hostname`: for a name as `node:tls` has it (RFC 6125), for an IP address as OpenSSL has it.
 *
 * note: the check of Node 22.23 takes every IPv6 address for a name, and refuses it.
 */
export function checkIdentity(hostname: string, certificate: PeerCertificate): Error | undefined {
  if (parseIp(hostname) === undefined) return checkServerIdentity(hostname, certificate);
  const address = hostname.replace(/%.*$/, ''); // a zone is about this machine, not about the peer
  if (new X509Certificate(certificate.raw).checkIP(address) !== undefined) return undefined;
  const names = certificate.subjectaltname ?? 'none';
  const what = `the certificate is not for the IP address ${hostname}, but for ${names}`;
  return Object.assign(new Error(what), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
}
