// Ours with the tls plugin: TLS 1.3, and a certificate that lasts as long as the process. Whom it is for is not compared.
import { webcrypto } from 'node:crypto';
import 'reflect-metadata';
import { tls } from '@pea2pea/tls';
import { cryptoProvider, PemConverter, X509CertificateGenerator } from '@peculiar/x509';
import { contestantWith } from './plugged.mjs';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
cryptoProvider.set(webcrypto);

const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
const certificate = await X509CertificateGenerator.createSelfSigned({
  name: 'CN=benchmark',
  keys,
  signingAlgorithm: ALGORITHM,
});
const credentials = {
  cert: certificate.toString('pem'),
  key: PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY'),
};

export const { listen, connect } = contestantWith((side) => [
  tls(side === 'listener' ? credentials : { rejectUnauthorized: false }),
]);
