// A node that performs handshakes: handshakes.mjs <noise|tls> <handshakes per second of an address> <key.pem> <cert.pem>
// Prints its port, and for `usage` on standard input the processor time that it has used, in milliseconds.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { lines } from '@pea2pea/codecs';
import { PeerNode } from '@pea2pea/core';
import { generateKeyPair, noise } from '@pea2pea/noise';
import { tls } from '@pea2pea/tls';
import { silentLogger } from '../harness/silent-logger.mjs';

const [channel, perSecond, keyFile, certFile] = process.argv.slice(2);
const node = new PeerNode({
  codec: lines(),
  logger: silentLogger,
  maxConnections: 2_000,
  maxConnecting: 400,
  maxHandshakesPerSecondPerIp: Number(perSecond),
});
if (channel === 'noise') {
  node.use(noise({ pattern: 'Noise_XX_25519_ChaChaPoly_SHA256', staticKey: generateKeyPair() }));
} else {
  node.use(tls({ key: readFileSync(keyFile), cert: readFileSync(certFile) }));
}
const { port } = await node.listen({ host: '0.0.0.0', port: 0 });
console.log(port);
createInterface({ input: process.stdin })
  .on('line', () => {
    const { user, system } = process.cpuUsage();
    console.log((user + system) / 1_000);
  })
  .on('close', () => process.exit());
