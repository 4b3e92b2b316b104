// Runs pairs of nodes under whatever runtime runs this program, and prints one JSON line for each: how it went.
// usage: pair.mjs <key.pem> <cert.pem> <folder for a key file>; the certificate is its own authority, for `localhost`.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { json, lines } from '@pea2pea/codecs';
import { memoryTransport, PeerNode } from '@pea2pea/core';
import { generateKeyPair, loadOrCreateKey, noise } from '@pea2pea/noise';
import { tls } from '@pea2pea/tls';

const [keyFile, certFile, folder] = process.argv.slice(2);
const [key, cert] = [readFileSync(keyFile), readFileSync(certFile)];
const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const own = generateKeyPair();
const LONG = 'x'.repeat(300_000);

async function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A dial that must not come to a connection, or not to one that lasts. */
async function refused(serverOptions, clientOptions) {
  const make = (options) => new PeerNode({ codec: lines(), logger: silent }).use(tls(options));
  const [server, client] = [make(serverOptions), make(clientOptions)];
  let opened = 0;
  server.use({ onConnect: () => void opened++ });
  try {
    const address = await server.listen({ host: '127.0.0.1', port: 0 });
    const dialling = within(5_000, 'connecting', client.connect(address));
    const connection = await dialling.catch((error) => {
      if (error.code?.startsWith('P2P_ERR_HANDSHAKE_') !== true) throw error;
    });
    // With TLS 1.3 the side that dialled is done before the other has seen its certificate.
    if (connection !== undefined) await within(2_500, 'being refused', connection.closed);
    if (opened > 0 || client.connections.size > 0) throw new Error('it was let in');
  } finally {
    await Promise.all([server.close(), client.close()]);
  }
}

/** Two nodes, a message of 300 000 letters each way, and an orderly end. */
async function pair({ plugins = () => [], codec = () => lines({ maxLength: 1_000_000 }), transport } = {}) {
  const make = () => {
    const node = new PeerNode({ codec: codec(), logger: silent, ...(transport && { transport }) });
    for (const plugin of plugins()) node.use(plugin);
    return node;
  };
  const [server, client] = [make(), make()];
  try {
    const echoed = new Promise((resolve) => client.use({ onMessage: (message) => resolve(message) }));
    server.use({ onMessage: (message, connection) => void connection.trySend(message) });
    const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
    const host = transport === undefined ? 'localhost' : '127.0.0.1';
    const connection = await within(5_000, 'connecting', client.connect({ host, port }));
    await connection.send(LONG);
    if ((await within(5_000, 'the echo', echoed)) !== LONG) throw new Error('the echo is another message');
    await within(2_500, 'the end', connection.disconnect());
  } finally {
    await Promise.all([server.close(), client.close()]);
  }
}

const protocol = (name) => () => [noise({ pattern: `Noise_${name}`, staticKey: own })];
const secured = (versions = {}) => [
  tls({ key, cert, ca: cert, servername: 'localhost', requestCert: true, ...versions }),
];

const CASES = {
  memory: () => pair({ transport: memoryTransport() }),
  tcp: () => pair(),
  json: () => pair({ codec: () => json() }),
  'noise AESGCM SHA256': () => pair({ plugins: protocol('XX_25519_AESGCM_SHA256') }),
  'noise AESGCM SHA512': () => pair({ plugins: protocol('XX_25519_AESGCM_SHA512') }),
  'noise AESGCM BLAKE2b': () => pair({ plugins: protocol('XX_25519_AESGCM_BLAKE2b') }),
  'noise ChaChaPoly SHA256': () => pair({ plugins: protocol('XX_25519_ChaChaPoly_SHA256') }),
  'noise ChaChaPoly BLAKE2s': () => pair({ plugins: protocol('XX_25519_ChaChaPoly_BLAKE2s') }),
  async 'key file'() {
    const file = join(folder, 'peer.key');
    const [made, found] = [await loadOrCreateKey(file), await loadOrCreateKey(file)];
    if (!made.privateKey.equals(found.privateKey)) throw new Error('the file has another key');
  },
  'tls 1.3': () => pair({ plugins: () => secured() }),
  'tls 1.2': () => pair({ plugins: () => secured({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }) }),
  'tls refuses another name': () => refused({ key, cert }, { ca: cert, servername: 'elsewhere' }),
  'tls refuses an unknown authority': () => refused({ key, cert }, { servername: 'localhost' }),
  'tls refuses a peer without a certificate': () =>
    refused({ key, cert, ca: cert, requestCert: true }, { ca: cert, servername: 'localhost' }),
  'tls over noise': () => pair({ plugins: () => [...protocol('XX_25519_AESGCM_SHA256')(), ...secured()] }),
};

for (const [name, run] of Object.entries(CASES)) {
  const startedMs = performance.now();
  const outcome = await run().then(
    () => 'ok',
    (error) => error.code ?? `${error}`,
  );
  console.log(JSON.stringify({ name, outcome, ms: Math.round(performance.now() - startedMs) }));
}
console.log(JSON.stringify({ name: 'the end' }));
