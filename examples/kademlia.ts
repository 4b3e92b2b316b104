// npm run example kademlia [-- --nodes 24]: nodes that each know one other find all the rest; values outlive those who put them.
import { parseArgs } from 'node:util';
import { json } from '@pea2pea/codecs';
import { memoryTransport, peerIdentity, PeerNode } from '@pea2pea/core';
import { contentKey, kademlia, signedKey, signValue } from '@pea2pea/network/kademlia';
import { generateKeyPair, noise } from '@pea2pea/noise';
import { uniquePeer } from '@pea2pea/policies';
import { protocols, withProtocols } from '@pea2pea/streams';
import { generateKeyPairSync } from 'node:crypto';

const { values: options } = parseArgs({ options: { nodes: { type: 'string', default: '24' } } });
const count = Number(options.nodes);
if (!(Number.isInteger(count) && count >= 8 && count <= 200)) {
  console.error(`--nodes must be a whole number from 8 to 200, not ${options.nodes}`);
  process.exit(2);
}

const transport = memoryTransport(); // leave it out for TCP

/** A node that proves who it is, and knows one other. */
async function join(seed?: string) {
  const staticKey = generateKeyPair();
  const localIdentity = staticKey.publicKey.toString('hex');
  const node = new PeerNode({ codec: withProtocols(json()), transport, maxConnectionsPerIp: count })
    .use(noise({ pattern: 'Noise_XX_25519_ChaChaPoly_SHA256', staticKey }))
    .use(protocols())
    .use(uniquePeer({ identity: peerIdentity, localIdentity }))
    .use(kademlia({ localIdentity, k: 4, seeds: seed === undefined ? [] : [seed] }));
  const address = String(await node.listen({ host: '127.0.0.1', port: 0 }));
  const dht = node.plugin(kademlia);
  await dht.join();
  return { node, dht, identity: localIdentity, address: `${localIdentity}@${address}` };
}

const peers = [await join()];
while (peers.length < count) peers.push(await join(peers.at(-1)!.address));
const [first, last] = [peers[0]!, peers.at(-1)!];

const found = await first.dht.findPeer(last.identity);
console.log(`${count} nodes; the first one finds the last one: ${String(found) === last.address}`);

const { key, stored } = await first.dht.put(Buffer.from('the value'));
console.log(`${stored} nodes keep a value`);

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
for (const [sequence, text] of ['draft', 'final'].entries()) {
  const expiresMs = Date.now() + 3_600_000;
  await first.dht.put(signValue({ privateKey, sequence, value: Buffer.from(text), expiresMs }));
}
console.log(
  `of a signed value the newest is found: ${(await last.dht.get(signedKey(publicKey)))?.value.toString()}`,
);

const film = contentKey(Buffer.from('a film'));
await peers[1]!.dht.provide(film);
const providers = await last.dht.findProviders(film);
console.log(
  `who provides the film: ${providers.map(String).join() === peers[1]!.address ? 'the second one' : 'nobody'}`,
);

// The first one is among them.
for (const { node } of peers.slice(0, 3)) await node.close();
console.log(`three have left, and the value is found: ${(await last.dht.get(key))?.value.toString()}`);

const { lookUps } = last.dht.report;
const { done, succeeded, p50Hops } = lookUps.value;
console.log(`look-ups of values by the last one: ${succeeded} of ${done} succeeded, p50 ${p50Hops} hops`);
await Promise.all(peers.map(({ node }) => node.close()));
